package geo

import (
	"net/netip"
	"time"
)

// Source is one database: for each address the place that it gives. It is
// made by a [SourceBuilder] and used by [Merge].
type Source struct {
	Name   string    // for messages: a path, or "builtin"
	Type   string    // what the database calls itself; may be empty
	Built  time.Time // when its data were put together; zero if unknown
	Fields Fields    // what it carries: what some place in it has, or what its maker promises

	places placeSet
	v4     ranges[addr4]
	v6     ranges[addr6]

	aliased [len(embeddings)]bool
}

// Size returns the number of address ranges of each family and of different
// places. Neighbouring networks with the same place are one range; addresses
// without a place form ranges too.
func (s *Source) Size() (v4, v6, places int) {
	return len(s.v4.starts), len(s.v6.starts), len(s.places.recs) - 1
}

// Ref names a place within one [SourceBuilder].
type Ref uint32

// SourceBuilder collects the entries of one database, in any order; of
// entries that overlap, the longest prefix wins. Use [NewSourceBuilder].
type SourceBuilder struct {
	places *interner
	fields Fields
	v4     []span[addr4]
	v6     []span[addr6]

	aliased [len(embeddings)]bool
}

// NewSourceBuilder returns an empty builder.
func NewSourceBuilder() *SourceBuilder {
	return &SourceBuilder{places: newInterner()}
}

// Ref returns the name of a place, the same for equal places. The place is
// put in order first: codes that are not two letters and locations off the
// globe count as unknown, and a country brings its continent if the database
// does not say it.
func (b *SourceBuilder) Ref(p Place) Ref {
	if p.Continent == "" {
		p.Continent = ContinentOf(codeOf(p.Country).String())
	}
	i := b.places.add(&p)
	p = b.places.place(i)
	b.fields |= p.Fields()
	return Ref(i)
}

// Add gives all addresses of prefix a place. It is AddRef for databases that
// are small enough not to care. An invalid prefix is left out.
func (b *SourceBuilder) Add(prefix netip.Prefix, p Place) {
	b.AddRef(prefix, b.Ref(p))
}

// AddRef gives all addresses of prefix the place that ref names. An invalid
// prefix is left out. Of the same prefix added twice, the second counts.
func (b *SourceBuilder) AddRef(prefix netip.Prefix, ref Ref) {
	p := unmap(prefix)
	switch {
	case !p.IsValid():
	case p.Addr().Is4():
		first := addr4Of(p.Addr())
		b.v4 = append(b.v4, span[addr4]{first, last4(first, p.Bits()), uint32(ref)})
	default:
		first := addr6Of(p.Addr())
		b.v6 = append(b.v6, span[addr6]{first, last6(first, p.Bits()), uint32(ref)})
	}
}

// AddRange gives the addresses from first to last, both included, the place
// that ref names. A range whose ends are of different families or in the
// wrong order is left out. Of ranges that overlap, the one that begins later
// wins, of those that begin together the shorter.
func (b *SourceBuilder) AddRange(first, last netip.Addr, ref Ref) {
	first, last = first.Unmap(), last.Unmap()
	switch {
	case !first.IsValid() || first.BitLen() != last.BitLen() || last.Less(first):
	case first.Is4():
		b.v4 = append(b.v4, span[addr4]{addr4Of(first), addr4Of(last), uint32(ref)})
	default:
		b.v6 = append(b.v6, span[addr6]{addr6Of(first), addr6Of(last), uint32(ref)})
	}
}

// Alias makes the addresses of one of [Aliases] have the places of the IPv4
// addresses in them, whatever was or is added there. Other prefixes have no
// effect.
func (b *SourceBuilder) Alias(prefix netip.Prefix) {
	for k, known := range Aliases() {
		b.aliased[k] = b.aliased[k] || known == prefix
	}
}

// Source returns what was collected. The builder must not be used afterwards.
func (b *SourceBuilder) Source(name string) *Source {
	s := &Source{
		Name:   name,
		Fields: b.fields,
		places: b.places.placeSet,
		v4:     flatten(b.v4),
		v6:     flatten(b.v6),

		aliased: b.aliased,
	}
	*b = SourceBuilder{}
	return s
}
