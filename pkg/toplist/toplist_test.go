package toplist

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestTheLastFullMinuteIsTold(t *testing.T) {
	var one, two Table
	add := func(tab *Table, addr string, now uint32, n int) {
		for range n {
			tab.Add(netip.MustParseAddr(addr), now)
		}
	}
	add(&one, "192.0.2.1", 60, 3)
	add(&one, "192.0.2.200", 119, 2)
	add(&two, "::ffff:192.0.2.9", 100, 1)
	add(&two, "2001:db8:0:1::1", 100, 4)
	add(&two, "2001:db8:0:ff::1", 100, 4)
	add(&two, "2001:db8:0:100::1", 100, 1)
	tables := []*Table{&one, &two}
	if top, total := Merge(tables, 119, 9); len(top) != 0 || total != 0 {
		t.Errorf("within the minute: %v of %d", top, total)
	}
	top, total := Merge(tables, 120, 2)
	want := []Entry{{netip.MustParsePrefix("2001:db8::/56"), 8}, {netip.MustParsePrefix("192.0.2.0/24"), 6}}
	if len(top) != 2 || top[0] != want[0] || top[1] != want[1] || total != 15 {
		t.Errorf("got %v of %d, want %v of 15", top, total, want)
	}
	if top, total := Merge(tables, 180, 2); len(top) != 0 || total != 0 {
		t.Errorf("after a minute of silence: %v of %d", top, total)
	}
	add(&one, "192.0.2.1", 240, 1)
	if top, _ := Merge(tables, 400, 2); len(top) != 0 {
		t.Errorf("after minutes of silence: %v", top)
	}
}

// A few who ask much are found among very many who ask once; beside them an exact
// count in a map.
func TestHeavyHittersAreFoundAmongMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var tab Table
	exact := map[netip.Prefix]uint64{}
	const n = 100_000
	for range n {
		a := netip.AddrFrom4([4]byte{10, byte(rng.Uint32()), byte(rng.Uint32()), 1})
		if rng.IntN(10) == 0 {
			a = netip.AddrFrom4([4]byte{192, 0, byte(rng.IntN(4)), 1})
		}
		p, _ := a.Prefix(Block4)
		exact[p]++
		tab.Add(a, 7)
	}
	top, total := Merge([]*Table{&tab}, 60, 4)
	if total != n || len(top) != 4 {
		t.Fatalf("%v of %d", top, total)
	}
	for _, e := range top {
		if want := exact[e.Block]; want < n/100 || e.Count < want || e.Count > want+n/Size {
			t.Errorf("%v counted %d times, in truth %d", e.Block, e.Count, want)
		}
	}
}

func BenchmarkAddOfAStranger(b *testing.B) {
	var tab Table
	for i := 0; b.Loop(); i++ {
		tab.Add(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 7)
	}
}
