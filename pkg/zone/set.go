package zone

import (
	"math/bits"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Set is the zones that a server serves; they may be nested. It is immutable.
// The zero value holds none.
type Set struct {
	list   []*Zone
	slots  []slot // by the hash of the origin, with numbers in list; a power of two, half of them free
	labels int    // of the longest origin
}

// NewSet returns the set of the given zones. Of two with the same origin the
// later one counts.
func NewSet(zones []*Zone) *Set {
	s := &Set{list: slices.Clone(zones), slots: make([]slot, max(minSlots, 1<<bits.Len(uint(2*len(zones)))))}
	for i, z := range zones {
		s.place(i, z)
		s.labels = max(s.labels, z.Origin.NumLabels())
	}
	return s
}

// place enters the i-th zone, in place of one with the same origin.
func (s *Set) place(i int, z *Zone) {
	h := hash([]byte(z.Origin))
	mask := uint32(len(s.slots) - 1)
	at := h & mask
	for s.slots[at].node != 0 && s.list[s.slots[at].node-1].Origin != z.Origin {
		at = (at + 1) & mask
	}
	s.slots[at] = slot{h, uint32(i + 1)}
}

// None is the number of no zone.
const None = -1

// Zones returns the zones in the order given to NewSet; the slice must not be
// written to.
func (s *Set) Zones() []*Zone { return s.list }

// Find returns the deepest zone that encloses name, an uncompressed wire-form
// name in lower case; nil if there is none. DS records of a zone are its
// parent's (RFC 4035, Section 3.1.4.1), so for type DS at the apex of a zone it
// returns the zone above if that is served too. It makes no garbage.
func (s *Set) Find(name []byte, t dnswire.Type) *Zone {
	if i := s.Number(name, t); i != None {
		return s.list[i]
	}
	return nil
}

// Number returns where in Zones the zone that Find returns is; None if there is
// none.
func (s *Set) Number(name []byte, t dnswire.Type) int {
	i, at := s.enclosing(name)
	if i == None || t != dnswire.TypeDS || at != 0 || len(name) < 2 {
		return i
	}
	if parent, _ := s.enclosing(name[1+int(name[0]):]); parent != None {
		return parent
	}
	return i
}

// enclosing returns the number of the deepest zone around name and where its
// origin begins.
func (s *Set) enclosing(name []byte) (number, at int) {
	for at = s.deepest(name); at < len(name); at += 1 + int(name[at]) {
		if i := s.at(name[at:]); i != None {
			return i, at
		}
		if name[at] == 0 {
			break
		}
	}
	return None, 0
}

// deepest returns where in name the longest ancestor begins that can be an origin.
// Ancestors are tried from there upwards, so that a long name costs no more than a
// short one.
func (s *Set) deepest(name []byte) (at int) {
	labels := 0
	for i := 0; i < len(name) && name[i] != 0; i += 1 + int(name[i]) {
		labels++
	}
	for ; labels > s.labels; labels-- {
		at += 1 + int(name[at])
	}
	return at
}

// at returns the number of the zone with this origin, None if there is none.
func (s *Set) at(origin []byte) int {
	if len(s.slots) == 0 {
		return None
	}
	h := hash(origin)
	mask := uint32(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch e := s.slots[i]; {
		case e.node == 0:
			return None
		case e.hash == h && string(s.list[e.node-1].Origin) == string(origin):
			return int(e.node - 1)
		}
	}
}
