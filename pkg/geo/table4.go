package geo

import (
	"math/bits"
	"slices"
)

// table4 is a Table for IPv4: sorted starts of ranges, and an index over the
// leading bits of the address (16 of them unless the table is small) that
// narrows the search to a handful of neighbours.
//
//	index[b]    the range that holds the first address of block b
//	index[b+1]  the same for the next block: the search ends there
type table4 struct {
	starts  []addr4
	classes column
	index   []uint32
	shift   uint8 // address >> shift is its block
}

// maxIndexBits makes an index of 256 KiB, which stays in a core's cache.
const maxIndexBits = 16

func newTable4(r ranges[addr4]) table4 {
	t := table4{starts: clip(r.starts), classes: newColumn(r.refs)}
	indexBits := min(bits.Len(uint(len(t.starts))), maxIndexBits)
	t.shift = uint8(32 - indexBits)
	t.index = make([]uint32, 1<<indexBits+1)
	n := 0
	for b := range t.index[:1<<indexBits] {
		for n+1 < len(t.starts) && t.starts[n+1] <= addr4(b)<<t.shift {
			n++
		}
		t.index[b] = uint32(n)
	}
	t.index[1<<indexBits] = uint32(len(t.starts) - 1)
	return t
}

// find returns the number of the range that holds a.
func (t *table4) find(a addr4) int {
	block := a >> t.shift
	i, n := int(t.index[block]), int(t.index[block+1])
	for n -= i - 1; n > 1; {
		half := n / 2
		// Masked instead of branched on, as in lastNotAbove.
		_, above := bits.Sub32(uint32(a), uint32(t.starts[i+half]), 0)
		i += half & (int(above) - 1)
		n -= half
	}
	return i
}

func (t *table4) lookup(a addr4) (class uint32, length uint8) {
	i := t.find(a)
	return t.classes.at(i), t.scope(i, a)
}

// near reads where the search for a begins, and nearby what of the ranges and
// their classes the search will read there.
func (t *table4) near(a addr4) uint32 { return t.index[a>>t.shift] }

func (t *table4) nearby(a addr4) uint32 {
	i := t.near(a)
	return uint32(t.starts[i]) + t.classes.at(int(i))
}

// scope returns the length of the shortest prefix of a within range i. A
// prefix of a lies in the range if it holds neither the last address before
// the range nor the first one after it, so it must be longer by one than what
// a has in common with either.
func (t *table4) scope(i int, a addr4) uint8 {
	length := 0
	if i > 0 {
		length = common4(a, t.starts[i]-1) + 1
	}
	if i+1 < len(t.starts) {
		length = max(length, common4(a, t.starts[i+1])+1)
	}
	return uint8(length)
}

func (t *table4) equal(u *table4) bool {
	return slices.Equal(t.starts, u.starts) && t.classes.equal(&u.classes)
}

func (t *table4) bytes() int {
	return 4*cap(t.starts) + 4*cap(t.index) + t.classes.bytes()
}
