package answer

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/zone"
)

const netZone = `zone example.net
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 60
@ NS ns1.example.com.
www A 192.0.2.81
alias CNAME www.example.com.
zone sub.example.net
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 60
@ NS ns1.example.com.
www A 192.0.2.82
`

// batches returns packets of all kinds, good and bad.
func batches(t *testing.T) [][]byte {
	t.Helper()
	var packets [][]byte
	for _, c := range costly {
		if c.name != "weighted" { // its answers differ
			packets = append(packets, costQuery(t, c.question, c.qtype, c.subnet))
		}
	}
	for i := range 40 { // more than are looked up at a time
		packets = append(packets, costQuery(t, fmt.Sprintf("HOST%d.example.com.", i), "A", ""))
	}
	for _, name := range []string{"www.example.net.", "alias.example.net.", "sub.example.net.", "www.sub.example.net.", "none.sub.example.net.", "example.org.", "."} {
		packets = append(packets, costQuery(t, name, "A", ""), costQuery(t, name, "DS", ""))
	}
	packets = append(packets, nil, make([]byte, 5), make([]byte, 17), bytes.Repeat([]byte{0xFF}, 40), bytes.Repeat([]byte{63}, 400))
	for _, p := range packets[:6] {
		packets = append(packets, p[:len(p)/2], p[:13])
	}
	return packets
}

// copies returns the packets in memory of their own.
func copies(packets [][]byte) [][]byte {
	out := slices.Clone(packets)
	for i := range out {
		out[i] = bytes.Clone(out[i])
	}
	return out
}

// Preparing changes no answer, whatever the packets are and whichever of them are
// left out, and makes no garbage.
func TestPrepareChangesNoAnswer(t *testing.T) {
	w := load(t, costZone+"$GENERATE 1-200 host$ A 192.0.2.1\n"+netZone)
	packets := batches(t)
	ask := func(p []byte) []byte {
		reply, _ := w.resp.Answer(w.state, p, Request{From: resolver, Now: 1}, nil)
		return reply
	}
	want := map[string][]byte{}
	for _, p := range copies(packets) {
		want[string(p)] = ask(p)
	}
	taken := 0
	for i := range packets {
		batch := copies(packets[i:])
		w.resp.Prepare(w.state, batch)
		for k, p := range batch {
			if (i+k)%5 == 0 {
				continue // dropped by whoever received it
			}
			if got := ask(p); !bytes.Equal(got, want[string(p)]) {
				t.Errorf("%x: got %x, want %x", p, got, want[string(p)])
			}
			if !bytes.Equal(p, packets[i+k]) {
				t.Errorf("the packet %x became %x", packets[i+k], p)
			}
		}
		taken += w.resp.prepared.next
		w.resp.Forget()
	}
	if taken < len(packets)*zone.AheadSize/2 {
		t.Errorf("what was prepared was used %d times", taken)
	}
	if n := testing.AllocsPerRun(50, func() { w.resp.Prepare(w.state, packets); w.resp.Forget() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What was prepared is not used for another state, nor once it is forgotten.
func TestWhatIsPreparedIsForThatStateOnly(t *testing.T) {
	w := load(t, costZone)
	packets := copies(batches(t))[:1]
	w.resp.Prepare(w.state, packets)
	if _, known := w.resp.prepared.take(&State{}, packets[0]); known {
		t.Error("used for another state")
	}
	if _, known := w.resp.prepared.take(w.state, packets[0]); !known {
		t.Error("not used")
	}
	w.resp.Prepare(w.state, packets)
	w.resp.Forget()
	if _, known := w.resp.prepared.take(w.state, packets[0]); known {
		t.Error("not forgotten")
	}
}
