package geodb

import (
	"encoding/binary"
	"math"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// branching bounds how often the leaves of a search tree may be met from its
// root, as a multiple of its nodes. Once is right for a plain tree; an IPv6
// tree has its IPv4 part under up to five more names (::ffff:0:0/96,
// 2002::/16, …).
const branching = 8

// tooTangled reports whether walking the search tree of data would take longer
// than its size warrants. Nothing in the format forbids that all nodes share
// their branches: a file of a kilobyte can have 2^100 networks, each of them
// in order, and the library's iterator would visit them all. The tree must
// have been verified.
func tooTangled(data []byte, m *maxminddb.Metadata) bool {
	t := tree{data: data, recordSize: m.RecordSize, nodes: m.NodeCount}
	if t.nodes*t.recordSize/4 > uint(len(data)) {
		return true
	}
	t.leaves = make([]uint32, t.nodes)
	return uint64(t.count(0, 0)) > branching*(uint64(t.nodes)+1)
}

// hasAlias reports whether the IPv4 part of an IPv6 tree, which stands at ::/96,
// stands under a prefix too, so that readers of the file answer there what they
// do for the IPv4 address behind the prefix. The tree must have been verified.
func hasAlias(data []byte, m *maxminddb.Metadata, prefix netip.Prefix) bool {
	t := tree{data: data, recordSize: m.RecordSize, nodes: m.NodeCount}
	if m.IPVersion != 6 || t.nodes*t.recordSize/4 > uint(len(data)) {
		return false
	}
	node, ok := t.under(prefix)
	v4, okV4 := t.under(ipv4InIPv6)
	return ok && okV4 && node == v4
}

// under returns the node at the end of an IPv6 prefix; false if the tree ends
// before it or there.
func (t *tree) under(prefix netip.Prefix) (node uint, ok bool) {
	b := prefix.Addr().As16()
	for i := range prefix.Bits() {
		if node >= t.nodes {
			return 0, false
		}
		left, right := t.children(node)
		if node = left; b[i/8]>>(7-i%8)&1 == 1 {
			node = right
		}
	}
	return node, node < t.nodes
}

type tree struct {
	data       []byte
	recordSize uint // bits
	nodes      uint
	leaves     []uint32 // below each node, at most MaxUint32; 0 if not yet counted
}

// count returns how many leaves are met below a node, at most MaxUint32; each
// node is looked at once.
func (t *tree) count(node uint, depth int) uint32 {
	switch {
	case node >= t.nodes:
		return 1
	case depth > 128:
		return math.MaxUint32 // a circle, which verifying has ruled out
	case t.leaves[node] == 0:
		left, right := t.children(node)
		sum := uint64(t.count(left, depth+1)) + uint64(t.count(right, depth+1))
		t.leaves[node] = uint32(min(sum, math.MaxUint32))
	}
	return t.leaves[node]
}

// children returns the two records of a node. With 28 bits they share the
// middle byte: its high half tops the left one, its low half the right one.
func (t *tree) children(node uint) (left, right uint) {
	b := t.data[node*t.recordSize/4:]
	switch t.recordSize {
	case 24:
		return uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]), uint(b[3])<<16 | uint(b[4])<<8 | uint(b[5])
	case 28:
		return uint(b[3]>>4)<<24 | uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]),
			uint(b[3]&0xf)<<24 | uint(b[4])<<16 | uint(b[5])<<8 | uint(b[6])
	}
	return uint(binary.BigEndian.Uint32(b)), uint(binary.BigEndian.Uint32(b[4:]))
}
