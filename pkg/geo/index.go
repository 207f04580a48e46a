package geo

import (
	"iter"
	"net/netip"
)

// Index is what all configured databases say together: for each address one
// place. It is made by [Merge]; the zero Index is not usable.
type Index struct {
	fields Fields
	places placeSet
	v4     ranges[addr4]
	v6     ranges[addr6]

	aliases aliases
}

// Merge joins sources, the most trusted first: each field of a place comes
// from the first source that has it for the address. City and its id are one
// field, so are latitude and longitude, and so are all levels of subdivision.
// Without sources every address is nowhere.
//
// Of one source, ranges and places are shared, not copied.
func Merge(sources ...*Source) *Index {
	if len(sources) == 0 {
		return &Index{places: newInterner().placeSet, v4: everything[addr4](0), v6: everything[addr6](0)}
	}
	ix := sources[0].index()
	for _, source := range sources[1:] {
		next := source.index()
		writeOutAliases(ix, next)
		m := newMerger(&ix.places, &next.places)
		merged := &Index{fields: ix.fields | next.fields}
		merged.v4 = mergeRanges(ix.v4, next.v4, m.combine)
		merged.v6 = mergeRanges(ix.v6, next.v6, m.combine)
		merged.aliases = mergeAliases(ix, next, &merged.v4, m.combine)
		merged.places = m.out.placeSet
		ix = merged
	}
	return ix
}

// index returns the index of one source alone.
func (s *Source) index() *Index {
	ix := &Index{fields: s.Fields, places: s.places, v4: s.v4, v6: s.v6}
	for k, is := range s.aliased {
		if is {
			ix.aliases[k] = &ix.v4
		}
	}
	return ix
}

// A merger combines the records of two sets into a third.
type merger struct {
	a, b  *placeSet
	out   *interner
	names []uint32 // of b's names, their numbers in out; 0 if not yet used
	subs  []uint32 // the same for b's subdivisions
}

func newMerger(a, b *placeSet) *merger {
	// out begins with all strings of a, so that a's records need no change.
	out := newInterner()
	for _, name := range a.names[1:] {
		out.name(name)
	}
	for _, levels := range a.subs[1:] {
		out.levels(levels)
	}
	return &merger{
		a: a, b: b, out: out,
		names: make([]uint32, len(b.names)),
		subs:  make([]uint32, len(b.subs)),
	}
}

// combine returns the number of the record for a place that is x in a and y
// in b.
func (m *merger) combine(x, y uint32) uint32 {
	return m.out.addRecord(m.overlay(m.a.recs[x], m.b.recs[y]))
}

// overlay returns x with the fields that it lacks taken from y.
func (m *merger) overlay(x, y record) record {
	if x.continent == 0 {
		x.continent = y.continent
	}
	if x.country == 0 {
		x.country = y.country
	}
	if x.subs == 0 && y.subs != 0 {
		x.subs = translate(m.subs, y.subs, func() uint32 { return m.out.levels(m.b.subs[y.subs]) })
	}
	if x.city == 0 && x.cityID == 0 {
		x.cityID = y.cityID
		if y.city != 0 {
			x.city = translate(m.names, y.city, func() uint32 { return m.out.name(m.b.names[y.city]) })
		}
	}
	if x.asn == 0 {
		x.asn = y.asn
	}
	if x.lat == noLocation {
		x.lat, x.lon = y.lat, y.lon
	}
	return x
}

// translate returns memo[i], and fills it first if it is not yet known.
func translate(memo []uint32, i uint32, number func() uint32) uint32 {
	if memo[i] == 0 {
		memo[i] = number()
	}
	return memo[i]
}

// Lookup returns the place of an address; it is never nil, and the zero Place
// if nothing is known or the address is invalid. The place is the caller's;
// it costs an allocation where it outlives the caller's frame.
func (ix *Index) Lookup(a netip.Addr) *Place {
	p := ix.lookup(a)
	return &p
}

func (ix *Index) lookup(a netip.Addr) Place {
	a = a.Unmap()
	switch {
	case !a.IsValid():
		return Place{}
	case a.Is4():
		return ix.places.place(ix.v4.refs[ix.v4.find(addr4Of(a))])
	}
	in6 := addr6Of(a)
	if k, in := embedded(in6); k >= 0 && ix.aliases[k] != nil {
		r := ix.aliases[k]
		return ix.places.place(r.refs[r.find(in)])
	}
	return ix.places.place(ix.v6.refs[ix.v6.find(in6)])
}

// Fields returns what at least one of the sources carries.
func (ix *Index) Fields() Fields { return ix.fields }

// Size returns the number of address ranges of each family and of different
// places.
func (ix *Index) Size() (v4, v6, places int) {
	return len(ix.v4.starts), len(ix.v6.starts), len(ix.places.recs) - 1
}

// Bytes estimates the memory that the index holds.
func (ix *Index) Bytes() int {
	n := ix.places.bytes() +
		4*cap(ix.v4.starts) + 4*cap(ix.v4.refs) +
		16*cap(ix.v6.starts) + 4*cap(ix.v6.refs)
	for _, r := range ix.aliases {
		if r != nil && r != &ix.v4 {
			n += 4*cap(r.starts) + 4*cap(r.refs)
		}
	}
	return n
}

// Range is a run of addresses, both ends included.
type Range struct{ First, Last netip.Addr }

// Ranges yields all addresses of both families, IPv4 first and in order, cut
// into ranges with one place each; the place is only valid until the next.
// Ranges of which nothing is known are among them, with the zero Place. IPv6
// addresses that stand for IPv4 ones ([SourceBuilder.Alias]) are as the IPv6
// parts of the databases have them.
func (ix *Index) Ranges() iter.Seq2[Range, *Place] {
	return func(yield func(Range, *Place) bool) {
		_ = yieldRanges(&ix.places, &ix.v4, yield) && yieldRanges(&ix.places, &ix.v6, yield)
	}
}

// CountryRange is a run of IPv4 addresses as numbers, both ends included.
type CountryRange struct{ First, Last uint32 }

// Countries4 yields all IPv4 addresses in order, cut into ranges of one country
// each; "" is none known. It costs much less than [Index.Ranges].
func (ix *Index) Countries4() iter.Seq2[CountryRange, string] {
	return func(yield func(CountryRange, string) bool) {
		r, begin := &ix.v4, 0
		for i := range r.starts {
			of := ix.places.recs[r.refs[begin]].country
			if i+1 < len(r.starts) && ix.places.recs[r.refs[i+1]].country == of {
				continue
			}
			if !yield(CountryRange{uint32(r.starts[begin]), uint32(r.last(i))}, of.String()) {
				return
			}
			begin = i + 1
		}
	}
}

func yieldRanges[A address[A]](places *placeSet, r *ranges[A], yield func(Range, *Place) bool) bool {
	var p Place
	for i, start := range r.starts {
		p = places.place(r.refs[i])
		if !yield(Range{start.netip(), r.last(i).netip()}, &p) {
			return false
		}
	}
	return true
}
