package zone

// manyNames is the size from which on a zone does not fit into the processor's
// caches, so that its look-ups wait for memory. At 10,000 names fetching ahead
// costs what it saves, at 30,000 look-ups cost half with it.
const manyNames = 1 << 14

// aheadSize is how many look-ups may be under way in an Ahead.
const aheadSize = 32

// Ahead fetches from memory what look-ups are going to need. Each look-up waits
// for memory three times, one after the other: slot, node, name with data.
// Those of several names do not wait for each other, so that the processor can
// have the first waits of all of them under way at once, then the second, then
// the third.
//
// It finds nothing and decides nothing: the look-up itself is done as without
// it. So it may overlook names, and does so where that is cheaper.
type Ahead struct {
	n     int
	index [aheadSize]*index
	hash  [aheadSize]uint32
	node  [aheadSize]*Node
	sink  uint64 // of what was read, since what nobody uses is not read
}

// Large reports whether there is a zone of which look-ups wait for memory.
func (s *Set) Large() bool { return s.large }

// Add takes up the look-up of a name, in lower case and within z. Of small zones,
// and of more names than there is room for, nothing is taken up.
func (a *Ahead) Add(z *Zone, name []byte) {
	if z.count < manyNames || a.n == aheadSize {
		return
	}
	a.index[a.n], a.hash[a.n] = &z.index, hash(name)
	a.n++
}

// Fetch reads what the look-ups taken up will read, and begins anew.
func (a *Ahead) Fetch() {
	// Each loop is of loads that do not depend on one another, and with no
	// branch that hangs on what was loaded just then.
	sum := uint64(0)
	for i := range a.n {
		x := a.index[i]
		sum += uint64(x.slots[a.hash[i]&uint32(len(x.slots)-1)].node)
	}
	for i := range a.n {
		if a.node[i] = a.index[i].first(a.hash[i]); a.node[i] != nil {
			sum += uint64(len(a.node[i].Name))
		}
	}
	for i := range a.n {
		if n := a.node[i]; n != nil && len(n.Name) > 0 {
			sum += uint64(n.Name[0])
		}
		a.index[i], a.node[i] = nil, nil // not to keep a zone that is gone
	}
	a.sink, a.n = sum, 0
}

// first returns the first node whose name has a hash, nil if there is none. It
// is nearly always the one looked for, if that exists.
func (x *index) first(h uint32) *Node {
	mask := uint32(len(x.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s := x.slots[i]; {
		case s.node == 0:
			return nil
		case s.hash == h:
			return x.at(int(s.node) - 1)
		}
	}
}
