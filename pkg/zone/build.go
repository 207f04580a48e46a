package zone

import (
	"encoding/binary"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// builder grows the tree of a zone record by record.
type builder struct {
	zone    *Zone
	parents []*Node // of the nodes, in their order

	// A run is records of one owner in a row; within one, BIND keeps the first
	// TTL of a set, across runs the last.
	last  *Node
	types []dnswire.Type // of the run so far

	refs  []ref
	large map[setKey]map[string]struct{} // the records of large sets

	// What a mistake in a record may have taken away is not told as missing.
	brokenSOA, brokenNS, broken bool

	lower  []byte // scratch
	octets slab
}

// setKey names a set; its memory may move while the zone is built.
type setKey struct {
	node *Node
	typ  dnswire.Type
}

// ref is a record that points to a name, to be checked when all are read.
type ref struct {
	node   *Node
	typ    dnswire.Type
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

// newBuilder returns the builder of a zone whose text has so many octets.
func newBuilder(origin dnswire.Name, size int) *builder {
	const textOfName = 64 // octets, or fewer: growing costs less than room never used
	b := &builder{zone: &Zone{Origin: origin, index: newIndex(size / textOfName)}}
	b.octets.most = min(max(size/4, minPiece), maxPiece)
	b.zone.apex = b.grow([]byte(origin), nil)
	return b
}

// slab hands out pieces of larger pieces of memory, so that a million small
// things are not a million allocations. What is taken in a row lies in a row.
type slab struct {
	free []byte
	size int
	most int // octets of a piece
}

const minPiece, maxPiece = 256, 64 << 10

func (s *slab) take(n int) []byte {
	if len(s.free) < n {
		s.size = min(max(minPiece, 2*s.size), s.most)
		s.free = make([]byte, max(s.size, n))
	}
	piece := s.free[:n:n]
	s.free = s.free[n:]
	return piece
}

func (s *slab) copy(b []byte) []byte {
	own := s.take(len(b))
	copy(own, b)
	return own
}

// node returns the node of a name in lower case at or below the origin; it
// grows it, and those between it and the origin, if need be.
func (b *builder) node(name []byte) *Node {
	if b.last != nil && string(b.last.Name) == string(name) {
		return b.last
	}
	if n := b.zone.find(name); n != nil {
		return n
	}
	return b.grow(name, b.node(name[1+int(name[0]):]))
}

func (b *builder) grow(name []byte, parent *Node) *Node {
	n := b.zone.add(b.octets.copy(name))
	b.parents = append(b.parents, parent)
	if parent != nil && isWildcard(n.Name) {
		parent.grown().wild = n
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
		set = newSet(n, rec)
	} else {
		r.agreeTTL(set, rec)
		if b.has(n, set, rec.rdata) {
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
	own := b.append(n, set, rec.rdata)
	if at, ok := targetAt(rec.typ); ok {
		b.refs = append(b.refs, ref{n, rec.typ, own[at:], rec.value})
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

func newSet(n *Node, rec *record) *dnswire.RRset {
	set := &n.set
	if set.Type != 0 {
		more := n.grown()
		more.sets = append(more.sets, dnswire.RRset{})
		set = &more.sets[len(more.sets)-1]
	}
	set.Type, set.TTL = rec.typ, rec.ttl
	return set
}

// append adds a record to a set and returns its RDATA as it lies there.
func (b *builder) append(n *Node, set *dnswire.RRset, rdata []byte) []byte {
	var room []byte
	if set.IsEmpty() {
		room = b.octets.take(dnswire.RoomFor(len(rdata)))
	}
	if seen := b.large[setKey{n, set.Type}]; seen != nil {
		seen[foldedRData(set.Type, rdata)] = struct{}{}
	}
	return set.Add(room, rdata)
}

// largeSet is the size from which a set's records are looked for by a map: a
// set of many would cost the square of its size otherwise.
const largeSet = 16

// has reports whether the set holds the record. Names are the same in any letter
// case.
func (b *builder) has(n *Node, set *dnswire.RRset, rdata []byte) bool {
	key := setKey{n, set.Type}
	seen := b.large[key]
	if seen == nil {
		size := 0
		for d := range set.All() {
			if sameRData(set.Type, d, rdata) {
				return true
			}
			size++
		}
		if size < largeSet {
			return false
		}
		seen = make(map[string]struct{}, 2*size)
		for d := range set.All() {
			seen[foldedRData(set.Type, d)] = struct{}{}
		}
		if b.large == nil {
			b.large = map[setKey]map[string]struct{}{}
		}
		b.large[key] = seen
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
	soa := z.SOA.First()
	z.Serial = binary.BigEndian.Uint32(soa[len(soa)-20:])
	z.NegativeTTL = min(z.SOA.TTL, soaMinimum(soa))
	if r, ok := dnswire.NewRelative(dnswire.TypeSOA, soa, []byte(z.Origin)); ok {
		z.negative = &r
	}
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
	for i, n := range z.all() {
		switch {
		case n != z.apex && n.Set(dnswire.TypeNS) != nil:
			n.grown().role = cut
		case n.Set(dnswire.TypeDNAME) != nil:
			n.grown().role = dnameHere
		}
		parent := b.parents[i]
		if parent == nil {
			continue
		}
		if over := parent.rest(); over.above != nil {
			n.grown().above = over.above
		} else if over.role != plain {
			n.grown().above = parent
		}
		z.depth = max(z.depth, n.Name.NumLabels()-above)
	}
}

func isWildcard(name dnswire.Name) bool { return len(name) > 2 && name[:2] == "\x01*" }
