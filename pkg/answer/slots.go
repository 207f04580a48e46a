package answer

import (
	"cmp"
	"slices"
)

// Slots are numbers by site, for the few of all sites that one policy may
// choose: with tens of thousands of sites a table with a place for each of them
// would cost more than all else that a policy needs. The zero Slots holds none.
type Slots struct {
	sites []int32 // sorted
	slots []uint32
}

// SlotOf is the number of one site.
type SlotOf struct {
	Site int32 // as [policy.Sites.At] counts them
	Slot uint32
}

// NewSlots returns the table of the given numbers, each site once.
func NewSlots(of []SlotOf) *Slots {
	of = slices.Clone(of)
	slices.SortFunc(of, func(a, b SlotOf) int { return cmp.Compare(a.Site, b.Site) })
	s := &Slots{make([]int32, len(of)), make([]uint32, len(of))}
	for i, o := range of {
		s.sites[i], s.slots[i] = o.Site, o.Slot
	}
	return s
}

// At returns the number of a site, and whether it has one. It allocates nothing.
func (s *Slots) At(site int32) (uint32, bool) {
	if len(s.sites) == 0 {
		return 0, false
	}
	// Mostly the sites of a policy stand side by side.
	if i := int(site) - int(s.sites[0]); i >= 0 && i < len(s.sites) && s.sites[i] == site {
		return s.slots[i], true
	}
	i, ok := slices.BinarySearch(s.sites, site)
	if !ok {
		return 0, false
	}
	return s.slots[i], true
}
