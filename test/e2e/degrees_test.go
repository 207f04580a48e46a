package e2e

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// askAll asks for name as each of n clients, over several sockets, and returns
// the one address that each is answered, and the shortest scope.
func (s *server) askAll(name string, n int) (out []netip.Addr, scope int) {
	s.t.Helper()
	const sockets = 4
	out = make([]netip.Addr, n)
	done, scopes := make(chan error, sockets), [sockets]int{}
	for k := range sockets {
		a := dial(s.t, "udp", s.addr())
		scopes[k] = 128
		go func() {
			for i := k; i < n; i += sockets {
				m, err := a.do(query(name+".example.com", dns.TypeA, networkOf(i)))
				if err != nil {
					done <- err
					return
				}
				out[i] = only(m)
				if o := subnetOf(m); o != nil {
					scopes[k] = min(scopes[k], int(o.SourceScope))
				}
			}
			done <- nil
		}()
	}
	for range sockets {
		if err := <-done; err != nil {
			s.t.Fatal(err)
		}
	}
	return out, slices.Min(scopes[:])
}

// networkOf spreads the clients over 20.0.0.0/8 and 21.0.0.0/8, a /24 each.
func networkOf(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + byte(i>>16), byte(i >> 8), byte(i), 0}), 24)
}

// placeOf is where a client stands in the gate of a site, of 65536, as the
// documentation says: the upper 16 bits of SipHash-2-4 with the zero key of "gate",
// 0, the name, 0 and the network.
func placeOf(site string, client netip.Prefix) int {
	a := client.Addr().As4()
	return int(sipHash24(append([]byte("gate\x00"+site+"\x00"), a[:]...)) >> 48)
}

// sipHash24 is SipHash-2-4 with the zero key, after the paper of Aumasson and
// Bernstein.
func sipHash24(m []byte) uint64 {
	v := [4]uint64{0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573}
	round := func() {
		v[0] += v[1]
		v[2] += v[3]
		v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
		v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
		v[0] = bits.RotateLeft64(v[0], 32)
		v[2] += v[1]
		v[0] += v[3]
		v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
		v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
		v[2] = bits.RotateLeft64(v[2], 32)
	}
	eat := func(w uint64) {
		v[3] ^= w
		round()
		round()
		v[0] ^= w
	}
	last := uint64(len(m)) << 56
	for ; len(m) >= 8; m = m[8:] {
		eat(binary.LittleEndian.Uint64(m))
	}
	for i, c := range m {
		last |= uint64(c) << (8 * i)
	}
	eat(last)
	v[2] ^= 0xff
	for range 4 {
		round()
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

// part is the part of its clients that a site has now, of 65536.
func (s *server) part(site string) float64 {
	return s.metric(`geodns_site_share{site="`+site+`"}`) * 65535
}

// TestPartsOfClientsAreTheShares drains a site by degrees and lets it start
// slowly again. At each moment the shares of a failover, a weighted and a sticky
// policy are those that the site's part makes (chi-square), those and no others
// have it whose hash is in the part, and each client moves once.
func TestPartsOfClientsAreTheShares(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("fo 5 STEER fo\nwe 5 STEER we\nst 5 STEER st\n"),
		"zones/steering.yaml": "sites:\n  fra: {addresses: [127.2.0.1], slow_start: 6s}\n  iad: {addresses: [127.2.0.2]}\npolicies:\n" +
			"  fo: {failover: [fra, iad]}\n  we: {weighted: {fra: 3, iad: 1}}\n  st: {weighted: {fra: 3, iad: 1}, sticky: true}\n",
	})
	s := start(t, dir)
	n := 2000
	fra, iad := netip.MustParseAddr("127.2.0.1"), netip.MustParseAddr("127.2.0.2")
	weight := map[string]float64{"fo": 1, "we": 0.75, "st": 0.75}
	last := map[string][]netip.Addr{}
	begin := time.Now()
	for name := range weight {
		last[name], _ = s.askAll(name, n)
	}
	// A step lasts a second, and a look must fit in well: a busy machine asks fewer.
	n = min(n, max(300, int(float64(n)*0.25/time.Since(begin).Seconds())))
	// look measures once, and returns the part; -1 if it changed meanwhile.
	look := func(leaving bool) float64 {
		before := s.part("fra")
		got, scope := map[string][]netip.Addr{}, map[string]int{}
		for name := range weight {
			got[name], scope[name] = s.askAll(name, n)
		}
		if s.part("fra") != before {
			return -1
		}
		for name, w := range weight {
			if least := map[bool]int{true: 24}[name == "st" || before > 0 && before < 65535]; scope[name] < least {
				t.Errorf("%s: scope /%d while the client's network decides", name, scope[name])
			}
			count := map[netip.Addr]int{}
			expect := map[netip.Addr]float64{fra: float64(n) * w * before / 65536, iad: float64(n) * (1 - w*before/65536)}
			for i, a := range got[name] {
				count[a]++
				place := float64(placeOf("fra", networkOf(i)))
				switch {
				case place > before+1 && a == fra:
					t.Fatalf("%s: client %d has fra, and its place is %v of %v", name, i, place, before)
				case name == "fo" && place < before-1 && a != fra:
					t.Fatalf("%s: client %d does not have fra, and its place is %v of %v", name, i, place, before)
				case name != "we" && leaving && a == fra && last[name][i] != fra:
					t.Fatalf("%s: client %d came to a site that is drained", name, i)
				case name != "we" && !leaving && a != fra && last[name][i] == fra:
					t.Fatalf("%s: client %d left a site that comes back", name, i)
				}
			}
			for a, e := range expect {
				if e == 0 {
					delete(expect, a)
				}
			}
			chiSquare(t, name, count, expect)
		}
		last = got
		return before
	}
	moments := func(leaving bool, end float64) (n int) {
		seen := map[float64]bool{}
		for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			if p := look(leaving); p >= 0 {
				seen[p] = true
				if p == end {
					return len(seen)
				}
			}
			if time.Since(begin) > 15*time.Second {
				t.Fatal("it does not end")
			}
		}
	}
	s.change("drain", "fra", "--over", "6s")
	if k := moments(true, 0); k < 3 {
		t.Errorf("the drain was measured at %d moments only", k)
	}
	s.change("undrain", "fra")
	if k := moments(false, 65535); k < 3 {
		t.Errorf("the slow start was measured at %d moments only", k)
	}
}

// clients is how many clients a test asks as: GEODNS_E2E_CLIENTS, or n.
func clients(n int) int {
	if more, err := strconv.Atoi(os.Getenv("GEODNS_E2E_CLIENTS")); err == nil {
		return more
	}
	return n
}
