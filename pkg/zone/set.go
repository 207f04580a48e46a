package zone

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Set is the zones that a server serves; they may be nested. It is immutable.
// The zero value holds none.
type Set struct {
	list   []*Zone
	zones  map[dnswire.Name]*Zone
	labels int  // of the longest origin
	large  bool // one of them has many names
}

// NewSet returns the set of the given zones. Of two with the same origin the
// later one counts.
func NewSet(zones []*Zone) *Set {
	s := &Set{list: slices.Clone(zones), zones: make(map[dnswire.Name]*Zone, len(zones))}
	for _, z := range zones {
		s.zones[z.Origin] = z
		s.large = s.large || z.count >= manyNames
		s.labels = max(s.labels, z.Origin.NumLabels())
	}
	return s
}

// Zones returns the zones in the order given to NewSet; the slice must not be
// written to.
func (s *Set) Zones() []*Zone { return s.list }

// Find returns the deepest zone that encloses name, an uncompressed wire-form
// name in lower case; nil if there is none. DS records of a zone are its
// parent's (RFC 4035, Section 3.1.4.1), so for type DS at the apex of a zone it
// returns the zone above if that is served too. It makes no garbage.
func (s *Set) Find(name []byte, t dnswire.Type) *Zone {
	z, at := s.enclosing(name)
	if z == nil || t != dnswire.TypeDS || at != 0 || len(name) < 2 {
		return z
	}
	if parent, _ := s.enclosing(name[1+int(name[0]):]); parent != nil {
		return parent
	}
	return z
}

// enclosing returns the deepest zone around name and where its origin begins.
// Ancestors are tried from the depth of the deepest zone upwards, so that a long
// name costs no more than a short one.
func (s *Set) enclosing(name []byte) (*Zone, int) {
	labels := 0
	for at := 0; at < len(name) && name[at] != 0; at += 1 + int(name[at]) {
		labels++
	}
	for at := 0; at < len(name); at += 1 + int(name[at]) {
		if labels <= s.labels {
			if z := s.zones[dnswire.Name(name[at:])]; z != nil {
				return z, at
			}
		}
		if name[at] == 0 {
			break
		}
		labels--
	}
	return nil, 0
}
