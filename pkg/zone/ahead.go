package zone

import "github.com/geodns-vipd/geodns/pkg/dnswire"

// AheadSize is how many look-ups may be under way in an [Ahead].
const AheadSize = 32

// Ahead does the look-ups of several names at once. Each waits for memory one
// piece after the other: the zone, the slot of the name, its node, the name with
// its data. Those of several names do not wait for each other, so that the
// processor can have the first waits of all of them under way at once, then the
// second, and so on. What was found is handed to [Zone.LookupFound], so that
// nothing is done twice.
//
// The zero value is ready for Start. An Ahead is not safe for concurrent use.
type Ahead struct {
	set  *Set
	n    int    // look-ups taken up
	used int    // octets of text
	sink uint64 // of what was read, since what nobody uses is not read

	// Of each look-up:
	ends    [AheadSize]uint16 // of the name in text
	hashes  [AheadSize]uint32 // of the name
	numbers [AheadSize]int32  // of the zone in the set; None if there is none, unsure if another way has to find it
	zones   [AheadSize]*Zone
	nodes   [AheadSize]*Node // the first whose name has the hash; nil if there is none

	text [AheadSize * dnswire.MaxName]byte // the names in lower case
}

// unsure is the number of a zone that is not known yet.
const unsure = None - 1

// nowhere stands for no zone, so that loops need not look whether there is one.
var nowhere = &Zone{Origin: dnswire.Root, index: newIndex(0)}

// Found is what an Ahead knows of a name. It holds as long as the Ahead is not
// started again.
type Found struct {
	Number int   // what [Set.Number] returns for the name and any type but DS
	node   *Node // the only one that can have the name, but for another with the same hash
}

// Steer returns the index of the STEER record of the name in Zone.Steers, -1 if it
// has none.
func (f Found) Steer() int {
	if f.node == nil || f.node.more == nil {
		return -1
	}
	return f.node.more.steer - 1
}

// Start begins with look-ups in set, and forgets all others.
func (a *Ahead) Start(set *Set) {
	clear(a.zones[:a.n]) // not to keep a zone that is gone
	clear(a.nodes[:a.n])
	a.set, a.n, a.used = set, 0, 0
}

// Add takes up the look-up of a name in wire form and any letter case; at most
// AheadSize may be.
func (a *Ahead) Add(name []byte) {
	lower := dnswire.AppendLower(a.text[a.used:a.used], name)
	a.used += len(lower)
	a.ends[a.n], a.hashes[a.n] = uint16(a.used), hash(lower)
	a.n++
}

// Fetch carries out the look-ups. What may be far away is read by loops of
// nothing but such reads, none of which waits for another; the work in between
// finds it at hand. A processor looks some hundred instructions ahead, so that
// work in those loops would keep it from reaching the reads of the next names.
func (a *Ahead) Fetch() {
	n, sum := a.n, uint64(0)
	a.guessZones()
	if len(a.set.list) > 1 {
		for _, z := range a.zones[:n] {
			sum += uint64(len(z.slots))
		}
		for _, z := range a.zones[:n] {
			sum += uint64(z.Origin[0]) + uint64(len(z.nodes))
		}
	}
	for i, z := range a.zones[:n] {
		sum += uint64(z.slots[a.hashes[i]&uint32(len(z.slots)-1)].node)
	}
	a.findNodes()
	for _, node := range a.nodes[:n] {
		if node != nil {
			sum += uint64(len(node.Name))
		}
	}
	for _, node := range a.nodes[:n] {
		if node != nil {
			sum += uint64(node.Name[0]) + uint64(node.set.Last())
		}
	}
	a.sink = sum
}

// guessZones finds the zones by the hashes of their origins.
func (a *Ahead) guessZones() {
	at := 0
	for i, end := range a.ends[:a.n] {
		a.zones[i] = nowhere
		number := a.set.guess(a.text[at:end])
		if a.numbers[i] = number; number >= 0 {
			if a.zones[i] = a.set.list[number]; a.zones[i].count == 0 {
				a.numbers[i], a.zones[i] = unsure, nowhere
			}
		}
		at = int(end)
	}
}

// findNodes makes sure of the zones, and finds the nodes by the hashes of their
// names.
func (a *Ahead) findNodes() {
	at := 0
	for i, end := range a.ends[:a.n] {
		z, size := a.zones[i], int(end)-at
		if size < len(z.Origin) || string(a.text[int(end)-len(z.Origin):end]) != string(z.Origin) {
			a.numbers[i], a.nodes[i] = unsure, nil // another zone has the same hash
		} else {
			a.nodes[i] = z.first(a.hashes[i])
		}
		at = int(end)
	}
}

// Found returns what is known of the i-th name taken up; false if nothing.
func (a *Ahead) Found(i int) (Found, bool) {
	return Found{Number: int(a.numbers[i]), node: a.nodes[i]}, a.numbers[i] != unsure
}

// guess returns the number of the zone that encloses a name, None if there is
// none. It goes by hashes alone: the caller has to look whether the name ends in
// the zone's origin.
func (s *Set) guess(name []byte) int32 {
	if len(s.list) == 1 {
		return 0
	}
	mask := uint32(len(s.slots) - 1)
	for at := s.deepest(name); at < len(name) && len(s.list) > 0; at += 1 + int(name[at]) {
		h := hash(name[at:])
		for i := h & mask; s.slots[i].node != 0; i = (i + 1) & mask {
			if s.slots[i].hash == h {
				return int32(s.slots[i].node - 1)
			}
		}
		if name[at] == 0 {
			break
		}
	}
	return None
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
