package dnsserver

import (
	"net/netip"
	"slices"
	"testing"
)

// preparing notes what it is told of, and what it answers.
type preparing struct {
	bareEcho
	told, asked []string
	times, done int
}

func (p *preparing) Done(int) { p.done++ }

func (p *preparing) Prepare(_ int, packets [][]byte) {
	p.times++
	for _, b := range packets {
		p.told = append(p.told, string(b))
	}
}

func (p *preparing) Answer(worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) []byte {
	p.asked = append(p.asked, string(packet))
	return p.bareEcho.Answer(worker, packet, from, tcp, now, out)
}

func TestPreparerIsToldOfTheWholeBatch(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := dialUDP(t, s.Addrs()[0])
	want := []string{"one", "two and more", "three"}
	u, b := s.udp[0], newBatch(false)
	for _, packets := range [][]string{want, want[:1]} {
		for _, p := range packets {
			if _, err := c.Write([]byte(p)); err != nil {
				t.Fatal(err)
			}
		}
		n, errno := b.receive(u.fd, true)
		if n != len(packets) {
			t.Fatalf("received %d: %v", n, errno)
		}
		h := &preparing{}
		s.answerBatch(u, b, n, h)
		if !slices.Equal(h.asked, packets) {
			t.Errorf("asked %q, want %q", h.asked, packets)
		}
		if h.done != h.times {
			t.Errorf("told %d times that a batch is done, want %d", h.done, h.times)
		}
		if n == 1 && h.times != 0 {
			t.Error("told of a single query")
		}
		if n > 1 && (h.times != 1 || !slices.Equal(h.told, packets)) {
			t.Errorf("told of %q %d times, want %q once", h.told, h.times, packets)
		}
	}
}
