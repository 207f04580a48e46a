package answer

import (
	"math/rand/v2"
	"testing"
)

func TestSlotsHoldWhatAMapHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		want := map[int32]uint32{}
		var of []SlotOf
		for range rng.IntN(50) {
			site := rng.Int32N(60)
			if _, twice := want[site]; !twice {
				want[site] = rng.Uint32()
				of = append(of, SlotOf{site, want[site]})
			}
		}
		s := NewSlots(of)
		for site := int32(-2); site < 63; site++ {
			got, ok := s.At(site)
			slot, known := want[site]
			if ok != known || got != slot {
				t.Fatalf("%v: site %d: got %d, %v, want %d, %v", of, site, got, ok, slot, known)
			}
		}
	}
}
