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
	set   *Set
	n     int // look-ups taken up
	used  int // octets of text
	sink  uint64
	names [AheadSize]underway
	text  [AheadSize * dnswire.MaxName]byte
}

// underway is one look-up.
type underway struct {
	start, end uint16 // of the name in text
	hash       uint32 // of the name
	number     int32  // of the zone in the set, None if there is none, unsure if another way has to find it
	node       *Node  // the first whose name has the hash; nil if there is none
}

// unsure is the number of a zone that is not known yet.
const unsure = None - 1

// Found is what an Ahead knows of a name. It holds as long as the Ahead is not
// started again.
type Found struct {
	Number int   // what [Set.Number] returns for the name and any type but DS
	node   *Node // the only one that can have the name, but for another with the same hash
}

// Start begins with look-ups in set, and forgets all others.
func (a *Ahead) Start(set *Set) {
	for i := range a.names[:a.n] {
		a.names[i].node = nil // not to keep a zone that is gone
	}
	a.set, a.n, a.used = set, 0, 0
}

// Add takes up the look-up of a name in wire form and any letter case; at most
// AheadSize may be.
func (a *Ahead) Add(name []byte) {
	lower := dnswire.AppendLower(a.text[a.used:a.used], name)
	a.names[a.n] = underway{start: uint16(a.used), end: uint16(a.used + len(lower)), hash: hash(lower), number: unsure}
	a.used += len(lower)
	a.n++
}

// name returns the name of a look-up in lower case.
func (a *Ahead) name(u *underway) []byte { return a.text[u.start:u.end] }

// Fetch carries out the look-ups. Each loop is of loads that do not depend on one
// another; what they load is used by the next.
func (a *Ahead) Fetch() {
	sum := uint64(0)
	list := a.names[:a.n]
	for i := range list {
		u := &list[i]
		if u.number = a.set.guess(a.name(u)); u.number >= 0 {
			sum += uint64(len(a.set.list[u.number].slots))
		}
	}
	for i := range list {
		u := &list[i]
		if u.number < 0 {
			continue
		}
		z := a.set.list[u.number]
		if z.count == 0 {
			u.number = unsure
			continue
		}
		sum += uint64(z.slots[u.hash&uint32(len(z.slots)-1)].node) + uint64(len(z.nodes[0])) + uint64(z.Origin[0])
	}
	for i := range list {
		u := &list[i]
		if u.number < 0 {
			continue
		}
		z, name := a.set.list[u.number], a.name(u)
		if at := len(name) - len(z.Origin); at < 0 || string(name[at:]) != string(z.Origin) {
			u.number = unsure // another zone has the same hash
		} else if u.node = z.first(u.hash); u.node != nil {
			sum += uint64(len(u.node.Name))
		}
	}
	for i := range list {
		if n := list[i].node; n != nil {
			sum += uint64(n.Name[0]) + uint64(n.set.Last())
		}
	}
	a.sink = sum // what nobody uses is not read
}

// Found returns what is known of the i-th name taken up; false if nothing.
func (a *Ahead) Found(i int) (Found, bool) {
	u := &a.names[i]
	return Found{Number: int(u.number), node: u.node}, u.number != unsure
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
