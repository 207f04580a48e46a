package geo

import (
	"net/netip"
	"slices"
)

// A netSets divides both address spaces by which of the given networks hold
// an address. The value of a range is the number of a set; set 0 is empty.
type netSets struct {
	sets [][]int // indices of networks, ascending
	v4   ranges[addr4]
	v6   ranges[addr6]
}

// newNetSets returns the division for networks, which may overlap and repeat;
// invalid ones hold nothing.
func newNetSets(networks []netip.Prefix) *netSets {
	s := &netSets{sets: [][]int{nil}}
	// Networks hold one another or are apart. So where several hold an
	// address, the innermost says by itself which they are, and there are no
	// more sets than networks.
	indices := make(map[netip.Prefix][]int)
	var distinct []netip.Prefix
	for i, p := range networks {
		p = unmap(p)
		if !p.IsValid() {
			continue
		}
		if indices[p] == nil {
			distinct = append(distinct, p)
		}
		indices[p] = append(indices[p], i)
	}
	slices.SortFunc(distinct, func(p, q netip.Prefix) int {
		if c := p.Addr().Compare(q.Addr()); c != 0 {
			return c
		}
		return p.Bits() - q.Bits()
	})

	type node struct {
		prefix netip.Prefix
		set    uint32
	}
	var around []node // the networks that hold the current one, innermost last
	var v4 []span[addr4]
	var v6 []span[addr6]
	for _, p := range distinct {
		for len(around) > 0 && !around[len(around)-1].prefix.Contains(p.Addr()) {
			around = around[:len(around)-1]
		}
		outer := uint32(0)
		if len(around) > 0 {
			outer = around[len(around)-1].set
		}
		number := uint32(len(s.sets))
		set := slices.Concat(s.sets[outer], indices[p])
		slices.Sort(set)
		s.sets = append(s.sets, set)
		around = append(around, node{p, number})
		if p.Addr().Is4() {
			first := addr4Of(p.Addr())
			v4 = append(v4, span[addr4]{first, last4(first, p.Bits()), number})
		} else {
			first := addr6Of(p.Addr())
			v6 = append(v6, span[addr6]{first, last6(first, p.Bits()), number})
		}
	}
	s.v4, s.v6 = flatten(v4), flatten(v6)
	return s
}
