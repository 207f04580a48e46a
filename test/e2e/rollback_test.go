package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/handover"
)

// TestHandOverThatBreaksOffLosesNothing plays a new process that goes away
// after each of its steps, the last of them with every connection in its hands.
// Connections that were there before go on, in the middle of a query too.
func TestHandOverThatBreaksOffLosesNothing(t *testing.T) {
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir)
	want := netip.MustParseAddr("192.0.2.1")
	right := func(m *dns.Msg) bool { return only(m) == want }
	tcp := dial(t, "tcp", s.addr())
	split, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer split.Close()
	question, err := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	framed := append([]byte{0, byte(len(question))}, question...)
	for steps := range 5 {
		what := fmt.Sprintf("after %d steps", steps)
		if _, err := split.Write(framed[:10]); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond) // the beginning stands alone
		moved := breakOff(t, dir, steps)
		if (moved >= 2) != (steps == 4) {
			t.Errorf("%s: %d connections were handed over", what, moved)
		}
		if _, err := split.Write(framed[10:]); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		_ = split.SetReadDeadline(time.Now().Add(slowest))
		conn := &dns.Conn{Conn: split}
		if m, err := conn.ReadMsg(); err != nil || !right(m) {
			t.Fatalf("%s: the query in two parts: %v, %v", what, m, err)
		}
		if m, err := tcp.ask("www.example.com", dns.TypeA); err != nil || !right(m) {
			t.Fatalf("%s: the old connection: %v, %v", what, m, err)
		}
		for range 10 {
			if err := once(s.addr(), right); err != nil {
				t.Fatalf("%s: a new connection: %v", what, err)
			}
			if got := s.mustAddr("www.example.com"); got != want {
				t.Fatalf("%s: %v is answered", what, got)
			}
		}
		if _, code := command(t, dir, "status", "--server", s.admin); code != 0 {
			t.Errorf("%s: geodns status ends with %d", what, code)
		}
	}
	s.replaceBy()
	if m, err := tcp.ask("www.example.com", dns.TypeA); err != nil || !right(m) {
		t.Errorf("after all that, a good take-over: %v, %v", m, err)
	}
}

// breakOff connects as a new process does, takes so many steps, and goes away.
// It returns how many connections it was given.
func breakOff(t *testing.T, dir string, steps int) (moved int) {
	t.Helper()
	c, err := handover.Dial(filepath.Join(dir, "state/replace.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct{ say, hear string }{
		{"hello", "offer"}, {"begin", "state"}, {"serving", "connections"}, {"nonsense", ""},
	}[:min(steps, 4)] {
		if err := c.Send(handover.Message{Kind: step.say}, nil, slowest); err != nil {
			t.Fatal(err)
		}
		if step.hear == "" {
			break
		}
		m, fds, err := c.Receive(slowest, step.hear)
		if err != nil {
			t.Fatalf("%s: %v", step.say, err)
		}
		handover.CloseAll(fds)
		if step.hear == "connections" && steps == 4 {
			moved = len(m.Files)
		}
	}
	return moved
}
