package health

// keyIndex finds the place of a key among many that stand in a slice: a table
// of places by hash, with linear probing. A map from keys to places would hold
// each key a second time.
type keyIndex struct {
	table []uint32 // place + 1; 0 is free. The length is a power of two, at least twice the number of keys
}

func newKeyIndex(n int) keyIndex {
	size := 1
	for size < 2*n {
		size *= 2
	}
	return keyIndex{make([]uint32, size)}
}

// find returns the place of k, or -1. keyAt returns the key at a place.
func (x keyIndex) find(k Key, keyAt func(int) *Key) int {
	if len(x.table) == 0 {
		return -1
	}
	mask := uint64(len(x.table) - 1)
	for i := k.hash() & mask; x.table[i] != 0; i = (i + 1) & mask {
		if at := int(x.table[i] - 1); *keyAt(at) == k {
			return at
		}
	}
	return -1
}

// add notes that k, which is not there yet, stands at a place.
func (x keyIndex) add(k Key, at int) {
	mask := uint64(len(x.table) - 1)
	i := k.hash() & mask
	for x.table[i] != 0 {
		i = (i + 1) & mask
	}
	x.table[i] = uint32(at + 1)
}
