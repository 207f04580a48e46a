package zone

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// builder grows the tree of a zone record by record.
type builder struct {
	zone  *Zone
	order []grown // nodes, each after its parent

	// A run is records of one owner in a row; within one, BIND keeps the first
	// TTL of a set, across runs the last.
	last  *Node
	types []dnswire.Type // of the run so far

	refs  []ref
	large map[*dnswire.RRset]map[string]struct{} // the records of large sets

	// What a mistake in a record may have taken away is not told as missing.
	brokenSOA, brokenNS, broken bool

	lower  []byte // scratch
	nodes  slab[Node]
	sets   slab[dnswire.RRset]
	lists  slab[*dnswire.RRset]
	rdatas slab[[]byte]
	octets slab[byte]
}

type grown struct{ node, parent *Node }

// ref is a record that points to a name, to be checked when all are read.
type ref struct {
	node   *Node
	set    *dnswire.RRset
	target []byte // wire form, in the case of the file
	at     place  // of the RDATA
}

// targetAt is where in the RDATA of a type the name stands that is checked.
func targetAt(t dnswire.Type) (int, bool) {
	switch t {
	case dnswire.TypeNS, dnswire.TypeCNAME, dnswire.TypeDNAME:
		return 0, true
	case dnswire.TypeMX:
		return 2, true
	case dnswire.TypeSRV:
		return 6, true
	}
	return 0, false
}

func newBuilder(origin dnswire.Name) *builder {
	b := &builder{zone: &Zone{Origin: origin, nodes: map[dnswire.Name]*Node{}}}
	b.zone.apex = b.grow(origin, nil)
	return b
}

// expect makes room for the names of a large text, so that the map does not grow
// twenty times; a name has some 64 octets of text.
func (b *builder) expect(size int) {
	const large = 1 << 20
	if size < large {
		return
	}
	nodes := make(map[dnswire.Name]*Node, size/64)
	maps.Copy(nodes, b.zone.nodes)
	b.zone.nodes = nodes
}

// slab hands out pieces of larger pieces of memory, so that a million small
// things are not a million allocations.
type slab[T any] struct {
	free []T
	size int
}

func (s *slab[T]) take(n int) []T {
	if len(s.free) < n {
		s.size = min(max(16, 2*s.size), 8192)
		s.free = make([]T, max(s.size, n))
	}
	piece := s.free[:n:n]
	s.free = s.free[n:]
	return piece
}

// node returns the node of a name in lower case at or below the origin; it
// grows it, and those between it and the origin, if need be.
func (b *builder) node(name []byte) *Node {
	if b.last != nil && string(b.last.Name) == string(name) {
		return b.last
	}
	if n := b.zone.nodes[dnswire.Name(name)]; n != nil {
		return n
	}
	parent := b.node(name[1+int(name[0]):])
	return b.grow(dnswire.Name(name), parent)
}

func (b *builder) grow(name dnswire.Name, parent *Node) *Node {
	n := &b.nodes.take(1)[0]
	n.Name, n.Steer = name, -1
	b.zone.nodes[name] = n
	b.order = append(b.order, grown{n, parent})
	if parent != nil && name[:2] == "\x01*" {
		parent.wild = n
	}
	return n
}

// inZone reports whether a name in lower case is at or below the origin.
func (b *builder) inZone(name []byte) bool {
	at := len(name) - len(b.zone.Origin)
	if at < 0 || string(name[at:]) != string(b.zone.Origin) {
		return false
	}
	i := 0
	for i < at {
		i += 1 + int(name[i])
	}
	return i == at
}

// owner returns the node of a record; nil, with a warning, if it is outside the
// zone, which BIND and Knot pass over.
func (r *reader) ownerNode(rec *record) *Node {
	b := r.build
	b.lower = dnswire.AppendLower(b.lower[:0], rec.owner)
	if !b.inZone(b.lower) {
		first := r.tokens[0]
		r.doubtful(first, "names below "+b.zone.Origin.String(), "%s is outside the zone and is ignored", dnswire.FormatName(rec.owner))
		return nil
	}
	n := b.node(b.lower)
	if n != b.last {
		b.last, b.types = n, b.types[:0]
	}
	return n
}

// insert puts a record into the zone, unless it clashes with others.
func (r *reader) insert(rec *record) {
	b := r.build
	n := r.ownerNode(rec)
	if n == nil {
		return
	}
	set := n.Set(rec.typ)
	if set == nil {
		if !r.mayStand(n, rec) {
			b.broken = true
			return
		}
		set = b.newSet(n, rec)
	} else {
		r.agreeTTL(set, rec)
		if b.has(set, rec.rdata) {
			return // a duplicate (RFC 2181, Section 5)
		}
		if r.isSecond(rec) {
			b.broken = true
			return
		}
	}
	if !slices.Contains(b.types, rec.typ) {
		b.types = append(b.types, rec.typ)
	}
	b.append(set, rec.rdata)
	if at, ok := targetAt(rec.typ); ok {
		b.refs = append(b.refs, ref{n, set, set.RData[len(set.RData)-1][at:], rec.value})
	}
	r.count(rec)
}

// count stops the reading at too many records.
func (r *reader) count(rec *record) {
	r.build.zone.Records++
	if r.build.zone.Records > r.opt.MaxRecords {
		r.wrong(rec.kind, "", "more than %d records", r.opt.MaxRecords)
		r.full = true
	}
}

func (b *builder) newSet(n *Node, rec *record) *dnswire.RRset {
	set := &b.sets.take(1)[0]
	set.Type, set.TTL = rec.typ, rec.ttl
	if n.sets == nil {
		n.sets = b.lists.take(1)[:0]
	}
	n.sets = append(n.sets, set)
	return set
}

func (b *builder) append(set *dnswire.RRset, rdata []byte) {
	own := b.octets.take(len(rdata))
	copy(own, rdata)
	if set.RData == nil {
		set.RData = b.rdatas.take(1)[:0]
	}
	set.RData = append(set.RData, own)
	if seen := b.large[set]; seen != nil {
		seen[foldedRData(set.Type, own)] = struct{}{}
	}
}

// largeSet is the size from which a set's records are looked for by a map: a
// set of many would cost the square of its size otherwise.
const largeSet = 16

// has reports whether the set holds the record. Names are the same in any letter
// case.
func (b *builder) has(set *dnswire.RRset, rdata []byte) bool {
	if len(set.RData) < largeSet {
		return slices.ContainsFunc(set.RData, func(d []byte) bool { return sameRData(set.Type, d, rdata) })
	}
	seen := b.large[set]
	if seen == nil {
		seen = make(map[string]struct{}, 2*len(set.RData))
		for _, d := range set.RData {
			seen[foldedRData(set.Type, d)] = struct{}{}
		}
		if b.large == nil {
			b.large = map[*dnswire.RRset]map[string]struct{}{}
		}
		b.large[set] = seen
	}
	_, ok := seen[foldedRData(set.Type, rdata)]
	return ok
}

// agreeTTL gives a set one TTL (RFC 2181, Section 5.2): of records in a row the
// first one's, otherwise the last one's, as BIND has it. The signatures of
// different types may differ.
func (r *reader) agreeTTL(set *dnswire.RRset, rec *record) {
	if set.TTL == rec.ttl || rec.typ == dnswire.TypeRRSIG {
		return
	}
	taken := rec.ttl
	if slices.Contains(r.build.types, rec.typ) {
		taken = set.TTL
		r.ttl.last = taken
	}
	r.doubtful(rec.kind, "one TTL for all records of a type", "TTL %d differs from the %d of the %s records before: %d is taken for all", rec.ttl, set.TTL, rec.typ, taken)
	set.TTL = taken
}

// finish settles what depends on the whole tree and returns the zone.
func (l *loader) finish() *Zone {
	z := l.build.zone
	for _, f := range l.files {
		z.Files = append(z.Files, f.path)
	}
	soa := z.SOA.RData[0]
	z.Serial = binary.BigEndian.Uint32(soa[len(soa)-20:])
	z.NegativeTTL = min(z.SOA.TTL, soaMinimum(soa))
	return z
}

// soaMinimum returns the last number of an SOA's RDATA.
func soaMinimum(rdata []byte) uint32 { return binary.BigEndian.Uint32(rdata[len(rdata)-4:]) }

// link gives the nodes their roles and those below cuts and DNAMEs their
// redirection. NS and DNAME records at a wildcard do so to the names that really
// are at or below the asterisk and to no others. RFC 4592, Sections 4.2 and 4.4
// leave it open; Knot and NSD agree on that, and BIND where it loads the zone.
func (b *builder) link() {
	z := b.zone
	z.SOA = z.apex.Set(dnswire.TypeSOA)
	above := z.Origin.NumLabels()
	for _, g := range b.order {
		n, parent := g.node, g.parent
		switch {
		case len(n.sets) == 0:
		case n != z.apex && n.Set(dnswire.TypeNS) != nil:
			n.role = cut
		case n.Set(dnswire.TypeDNAME) != nil:
			n.role = dnameHere
		}
		if parent == nil {
			continue
		}
		if n.above = parent.above; n.above == nil && parent.role != plain {
			n.above = parent
		}
		z.depth = max(z.depth, n.Name.NumLabels()-above)
	}
}

func isWildcard(name dnswire.Name) bool { return len(name) > 2 && name[:2] == "\x01*" }
