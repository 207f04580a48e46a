package dnswire

// A compression pointer is two octets with these bits set in the first and the
// offset in the other fourteen (RFC 1035, Section 4.1.4).
const (
	pointerBits   = 0xC0
	pointerLen    = 2
	maxPointer    = 1<<14 - 1                  // largest offset that a pointer can hold
	pointerToName = pointerBits<<8 | headerLen // the name of the question
)

// maxSuffixes bounds the memory for names already written, and with it the time
// that a name costs. A reply of ordinary size has a dozen; one with more of them
// is compressed a little less well.
const maxSuffixes = 64

// noSuffix is the index of no entry; as a parent, it stands for the root.
const noSuffix = 0xFF

// suffixes remembers the ends of names written so far as a tree: each entry is
// one label, and its parent the label after it. To look a name up, go from its
// last label to its first for as long as an entry is found; each step compares
// one label, never a whole name.
//
// After www.example.com and mail.example.com:
//
//	0 com (root)    1 example (0)    2 www (1)    3 mail (1)
type suffixes struct {
	n       int
	entries [maxSuffixes]suffix
}

type suffix struct {
	offset uint16 // of the label's length octet, from the start of the message
	parent uint8
	size   uint8 // of the label
}

// find returns the entry for label, its length octet first, before the entry
// parent; noSuffix if there is none. message is what was written so far.
func (s *suffixes) find(message []byte, parent uint8, label []byte) uint8 {
	for i := range s.entries[:s.n] {
		e := &s.entries[i]
		if e.parent != parent || e.size != label[0] {
			continue
		}
		at := int(e.offset) + 1
		if equalFold(message[at:at+int(e.size)], label[1:]) {
			return uint8(i)
		}
	}
	return noSuffix
}

// add remembers a label and returns its entry; noSuffix if there is no room for
// it or a pointer cannot reach it.
func (s *suffixes) add(parent uint8, offset int, size uint8) uint8 {
	if s.n == maxSuffixes || offset > maxPointer {
		return noSuffix
	}
	s.entries[s.n] = suffix{uint16(offset), parent, size}
	s.n++
	return uint8(s.n - 1)
}

// split is the outcome of looking a name up: its first labels are new and have
// to be written, the rest is there already.
type split struct {
	starts [maxLabels]uint8 // where each label of the name begins
	fresh  int              // how many labels are new
	length int              // octets of the new labels
	shared uint8            // entry of the rest; noSuffix if that is the root
}

// split looks up name, a well-formed name in wire form.
func (s *suffixes) split(message, name []byte, sp *split) {
	labels := 0
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		sp.starts[labels] = uint8(i)
		labels++
	}
	sp.shared, sp.length = noSuffix, len(name)-1
	for sp.fresh = labels; sp.fresh > 0; sp.fresh-- {
		start := sp.starts[sp.fresh-1]
		found := s.find(message, sp.shared, name[start:sp.length])
		if found == noSuffix {
			return
		}
		sp.shared, sp.length = found, int(start)
	}
}

// addAll remembers the new labels of name, which was written at offset.
func (s *suffixes) addAll(name []byte, offset int, sp *split) {
	parent := sp.shared
	for i := sp.fresh - 1; i >= 0; i-- {
		start := int(sp.starts[i])
		if parent = s.add(parent, offset+start, name[start]); parent == noSuffix {
			return
		}
	}
}
