package answer

import (
	"bytes"
	"fmt"
	"testing"
)

// Preparing changes no answer, whatever the packets are, and makes no garbage.
func TestPrepareChangesNoAnswer(t *testing.T) {
	w := load(t, costZone+"$GENERATE 1-20000 host$ A 192.0.2.1\n")
	if !w.state.Zones.Large() {
		t.Fatal("the zone is not large")
	}
	var packets [][]byte
	for _, c := range costly {
		packets = append(packets, costQuery(t, c.question, c.qtype, c.subnet))
	}
	for i := range 40 { // more than are fetched at a time
		packets = append(packets, costQuery(t, fmt.Sprintf("HOST%d.example.com.", i), "A", ""))
	}
	packets = append(packets, costQuery(t, "www.example.net.", "A", ""), nil, make([]byte, 5), make([]byte, 17),
		bytes.Repeat([]byte{0xFF}, 40), bytes.Repeat([]byte{63}, 400))
	for _, p := range packets[:6] {
		packets = append(packets, p[:len(p)/2], p[:13])
	}
	ask := func(p []byte) []byte {
		reply, _ := w.resp.Answer(w.state, bytes.Clone(p), Request{From: resolver, Now: 1}, nil)
		return reply
	}
	for i, p := range packets {
		if i < len(costly) && costly[i].name == "weighted" {
			continue // its answers differ
		}
		want := ask(p)
		before := bytes.Clone(p)
		w.resp.Prepare(w.state, packets[i:])
		if got := ask(p); !bytes.Equal(got, want) {
			t.Errorf("%x: got %x, want %x", p, got, want)
		}
		if !bytes.Equal(p, before) {
			t.Errorf("the packet %x became %x", before, p)
		}
	}
	if n := testing.AllocsPerRun(50, func() { w.resp.Prepare(w.state, packets) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
