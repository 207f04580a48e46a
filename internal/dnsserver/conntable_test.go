package dnsserver

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestClientOfCountsASubscriberOnce(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"192.0.2.1", "192.0.2.1/32"},
		{"2001:db8:1:2ff:3::4", "2001:db8:1:200::/56"},
		{"::1", "::/56"},
	} {
		if got := clientOf(netip.MustParseAddr(c.addr)).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.addr, got, c.want)
		}
	}
	if got := clientOf(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: got %v", got)
	}
}

// slowTable is connTable by searching a list: the longest idle connection is
// the first in it that is idle.
type slowTable struct {
	max, perClient int
	conns          []*conn // in the order in which they last became idle
	idle           map[*conn]bool
}

func (s *slowTable) admit(c *conn) (evicted *conn, ok bool) {
	mine := 0
	for _, o := range s.conns {
		if o.client == c.client {
			mine++
		}
	}
	if mine >= s.perClient || len(s.conns) >= s.max {
		i := slices.IndexFunc(s.conns, func(o *conn) bool { return s.idle[o] && (mine < s.perClient || o.client == c.client) })
		if i < 0 {
			return nil, false
		}
		evicted = s.conns[i]
		s.remove(evicted)
	}
	s.conns = append(s.conns, c)
	s.idle[c] = true
	return evicted, true
}

func (s *slowTable) remove(c *conn) {
	s.conns = slices.DeleteFunc(s.conns, func(o *conn) bool { return o == c })
	delete(s.idle, c)
}

func (s *slowTable) setIdle(c *conn) {
	if slices.Contains(s.conns, c) {
		s.remove(c)
		s.conns = append(s.conns, c)
		s.idle[c] = true
	}
}

func (s *slowTable) setBusy(c *conn) bool {
	if !slices.Contains(s.conns, c) {
		return false
	}
	s.idle[c] = false
	return true
}

func (s *slowTable) evictIdle() *conn {
	for _, c := range s.conns {
		if s.idle[c] {
			s.remove(c)
			return c
		}
	}
	return nil
}

func TestConnTableDoesAsAListWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, perClient := rapid.IntRange(1, 6).Draw(t, "max"), rapid.IntRange(1, 4).Draw(t, "per client")
		fast, slow := newConnTable(limit, perClient), &slowTable{max: limit, perClient: perClient, idle: map[*conn]bool{}}
		var all []*conn // also those that are gone
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			step := rapid.IntRange(0, 4).Draw(t, "step")
			if step == 0 || len(all) == 0 {
				c := &conn{client: clientOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 2).Draw(t, "client"))}))}
				all = append(all, c)
				e1, ok1 := fast.admit(c)
				e2, ok2 := slow.admit(c)
				if e1 != e2 || ok1 != ok2 {
					t.Fatalf("admit: got %p, %v, want %p, %v", e1, ok1, e2, ok2)
				}
				continue
			}
			c := rapid.SampledFrom(all).Draw(t, "conn")
			switch step {
			case 1:
				if got, want := fast.setBusy(c), slow.setBusy(c); got != want {
					t.Fatalf("busy: got %v, want %v", got, want)
				}
			case 2:
				fast.setIdle(c)
				slow.setIdle(c)
			case 3:
				fast.remove(c)
				slow.remove(c)
			case 4:
				if got, want := fast.evictIdle(), slow.evictIdle(); got != want {
					t.Fatalf("evict: got %p, want %p", got, want)
				}
			}
			if got, want := fast.len(), len(slow.conns); got != want {
				t.Fatalf("%d connections, want %d", got, want)
			}
		}
		for _, c := range all {
			fast.remove(c)
		}
		if len(fast.all)+len(fast.clients)+fast.idle.Len() != 0 {
			t.Fatalf("something is left: %+v", fast)
		}
	})
}
