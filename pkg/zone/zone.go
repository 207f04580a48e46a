// Package zone owns the contents of zones: RRsets, the tree of names, the
// look-up of RFC 1034, Section 4.3.2, and the reading and checking of master
// files (RFC 1035, Section 5).
//
// It does not know who asks, from where, or what is up: a name with a STEER
// record is only reported as [Steered], and the text of the record is for
// others to understand. It does not build messages; CNAMEs are reported, not
// followed.
//
// The entry points are [Load], which turns a file into a [Zone] and a list of
// findings, [Zone.Lookup] and, over several zones, [Set.Find].
package zone

import (
	"iter"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Zone is one loaded zone. It is immutable, so that any number of goroutines
// may look names up at once.
type Zone struct {
	index // first, since every look-up needs it: one line of the processor's caches

	Origin      dnswire.Name
	SOA         *dnswire.RRset // the set at the apex, of one record
	NegativeTTL uint32         // seconds; the lesser of the SOA's TTL and its minimum (RFC 2308, Section 5)
	Serial      uint32         // of the SOA
	negative    *dnswire.Relative
	Steers      []Steer  // in the order of the file
	Files       []string // paths in the file system that were read: the zone file, then each $INCLUDE once
	Records     int      // number of records, STEERs included; a duplicate counts once

	apex *Node
	// depth is the number of labels of the deepest name, counted from the
	// origin: how far down a closest encloser can be.
	depth int

	_ [16]byte // three lines in all, so that each Zone begins one
}

// Steer is one STEER record: its owner is answered by a policy.
type Steer struct {
	Owner  dnswire.Name
	TTL    uint32   // seconds; the longest that an answer may have
	MinTTL uint32   // seconds; the shortest, if the record's TTL is written as a range (60/10), else TTL
	Text   string   // the character-strings joined: the name of a policy, or a policy in place, which begins with "{"
	Pos    diag.Pos // of the RDATA
}

// Node is a name that exists in a zone: it owns records, or a name below it
// does (an empty non-terminal).
type Node struct {
	Name dnswire.Name

	more *more         // nil for most nodes
	set  dnswire.RRset // the first set; of type 0 if there is none

	_ [8]byte // 64 octets in all: one line of the processor's caches and not two
}

// more is what few nodes have, apart so that the others are small.
type more struct {
	sets  []dnswire.RRset // after the first
	steer int             // index in Zone.Steers and 1; 0 if none
	above *Node           // the topmost zone cut or owner of a DNAME above, nil if none
	wild  *Node           // the child "*", nil if none
	role  role
}

// nothing is the more of nodes that have none.
var nothing more

// rest returns what few nodes have. It must not be written to.
func (n *Node) rest() *more {
	if n.more == nil {
		return &nothing
	}
	return n.more
}

// grown returns what few nodes have, to be written to while the zone is built.
func (n *Node) grown() *more {
	if n.more == nil {
		n.more = new(more)
	}
	return n.more
}

// role says what a node does to the names below it.
type role uint8

const (
	plain     role = iota
	cut            // NS records, and not the apex: the names below are another's
	dnameHere      // the names below are renamed
)

// Set returns the records of type t at n, nil if there are none.
func (n *Node) Set(t dnswire.Type) *dnswire.RRset {
	if n.set.Type == t {
		if t == 0 {
			return nil // no data is of that type
		}
		return &n.set
	}
	if n.more == nil {
		return nil
	}
	for i := range n.more.sets {
		if s := &n.more.sets[i]; s.Type == t {
			return s
		}
	}
	return nil
}

// Sets yields all ordinary record sets at n in the order of the file; STEER is
// not among them.
func (n *Node) Sets() iter.Seq[*dnswire.RRset] {
	return func(yield func(*dnswire.RRset) bool) {
		if n.set.Type == 0 || !yield(&n.set) || n.more == nil {
			return
		}
		for i := range n.more.sets {
			if !yield(&n.more.sets[i]) {
				return
			}
		}
	}
}

// Steer returns the index of the node's STEER record in Zone.Steers, -1 if it has
// none.
func (n *Node) Steer() int { return n.rest().steer - 1 }

// Node returns the node of exactly this name, also below a zone cut, or nil.
func (z *Zone) Node(name dnswire.Name) *Node { return z.find([]byte(name)) }

// Nodes yields all nodes, empty non-terminals included, each after the one above
// it.
func (z *Zone) Nodes() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, n := range z.all() {
			if !yield(n) {
				return
			}
		}
	}
}

// RelativeSOA returns the SOA record as prepared for replies to questions below
// the origin, nil if there is no use in that.
func (z *Zone) RelativeSOA() *dnswire.Relative { return z.negative }

// Names returns the number of names in the zone, empty non-terminals included.
func (z *Zone) Names() int { return z.count }
