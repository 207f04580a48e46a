package zone

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"unsafe"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// index finds the nodes of a zone by name: a table of slots that is searched
// from where the hash of the name points to. In a zone too large for the
// processor's caches a look-up waits for memory three times, once each for the
// slot, the node, and its name with its first record; Go's map, with a name, a
// node, a list, a set and its data in places of their own, makes it wait seven
// times. Nodes never move.
type index struct {
	slots []slot   // a power of two, a quarter of them free
	nodes [][]Node // chunks of 1<<shift, in the order in which they were made
	shift uint8
	count int
}

// slot is an entry of the table. Hashes are kept so that names are compared, and
// the table grown, without going to the nodes.
type slot struct {
	hash uint32
	node uint32 // number of the node, or of the zone in a Set, and 1; 0: free
}

// Sizes of chunks: small zones are many, large ones have many chunks.
const (
	minChunkBits = 3
	maxChunkBits = 10
	minSlots     = 8
)

// seed makes hashes different in every process, so that nobody can choose names
// that share one. What a look-up finds does not depend on it.
var seed = maphash.MakeSeed()

func hash(name []byte) uint32 { return uint32(maphash.Bytes(seed, name)) }

// newIndex returns an index with room for so many names before it has to grow.
func newIndex(names int) index {
	shift := min(max(bits.Len(uint(names)), minChunkBits), maxChunkBits)
	slots := max(minSlots, 1<<bits.Len(uint(names+names/3)))
	return index{slots: make([]slot, slots), shift: uint8(shift)}
}

// find returns the node of a name in lower case, or nil.
func (x *index) find(name []byte) *Node {
	h := hash(name)
	mask := uint32(len(x.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := x.slots[i]
		switch {
		case s.node == 0:
			return nil
		case s.hash == h:
			if n := x.at(int(s.node) - 1); string(n.Name) == string(name) {
				return n
			}
		}
	}
}

// at returns the i-th node made.
func (x *index) at(i int) *Node { return &x.nodes[i>>x.shift][i&(1<<x.shift-1)] }

// add returns a new node for a name that has none. The octets of the name must
// not be written to any more.
func (x *index) add(name []byte) *Node {
	if 4*(x.count+1) > 3*len(x.slots) {
		x.grow()
	}
	if x.count&(1<<x.shift-1) == 0 {
		x.nodes = append(x.nodes, make([]Node, 1<<x.shift))
	}
	x.count++
	x.place(slot{hash(name), uint32(x.count)})
	n := x.at(x.count - 1)
	// Safety: the name is not empty, and its memory is never written to again.
	n.Name = dnswire.Name(unsafe.String(&name[0], len(name)))
	return n
}

// place puts s into the first free slot of its way.
func (x *index) place(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].node != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.node != 0 {
			x.place(s)
		}
	}
}

// all yields the nodes in the order in which they were made: each after the one
// above it.
func (x *index) all() iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		for i := range x.count {
			if !yield(i, x.at(i)) {
				return
			}
		}
	}
}
