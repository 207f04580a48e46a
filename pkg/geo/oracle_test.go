package geo

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
)

// The oracle does what the package documents in the most obvious way: lists
// of prefixes, walked from end to end for every question.

type entry struct {
	prefix netip.Prefix
	place  Place
}

type oracle struct {
	sources  [][]entry
	networks []netip.Prefix
	classify Classifier
	aliased  [][2]bool // by source, for 6to4 and Teredo
}

// place merges, per field, what the longest match of each source says.
func (o *oracle) place(a netip.Addr) Place {
	var merged Place
	for i := range o.sources {
		entries := o.entries(i)
		var best Place
		length := -1
		for _, e := range entries {
			if e.prefix.Contains(a) && e.prefix.Bits() >= length {
				best, length = e.place, e.prefix.Bits()
			}
		}
		if best.Continent == "" {
			best.Continent = ContinentOf(best.Country)
		}
		if merged.Continent == "" {
			merged.Continent = best.Continent
		}
		if merged.Country == "" {
			merged.Country = best.Country
		}
		if len(merged.Subdivisions) == 0 {
			merged.Subdivisions = best.Subdivisions
		}
		if merged.City == "" && merged.CityID == 0 {
			merged.City, merged.CityID = best.City, best.CityID
		}
		if merged.ASN == 0 {
			merged.ASN = best.ASN
		}
		if !merged.HasLocation {
			merged.HasLocation, merged.Lat, merged.Lon = best.HasLocation, best.Lat, best.Lon
		}
	}
	return merged
}

// entries returns what a source says, its aliases written out: the network
// itself, of which nothing is known by its own entries, and in it a copy of all
// that is known of IPv4.
func (o *oracle) entries(source int) []entry {
	out := slices.Clone(o.sources[source])
	if o.aliased == nil {
		return out
	}
	for k, alias := range []string{"2002::/16", "2001::/32"} {
		if !o.aliased[source][k] {
			continue
		}
		under := netip.MustParsePrefix(alias)
		out = slices.DeleteFunc(out, func(e entry) bool { return e.prefix.Bits() >= under.Bits() && under.Contains(e.prefix.Addr()) })
		out = append(out, entry{prefix: under})
		for _, e := range o.sources[source] {
			if !e.prefix.Addr().Is4() {
				continue
			}
			b, v4 := under.Addr().As16(), e.prefix.Addr().As4()
			copy(b[under.Bits()/8:], v4[:])
			out = append(out, entry{netip.PrefixFrom(netip.AddrFrom16(b), under.Bits()+e.prefix.Bits()), e.place})
		}
	}
	return out
}

func (o *oracle) class(a netip.Addr) uint32 {
	p := o.place(a)
	return o.classify(&p, o.holders(a))
}

// holders returns the indices of the networks that hold a.
func (o *oracle) holders(a netip.Addr) []int {
	var in []int
	for i, n := range o.networks {
		if n.Contains(a) {
			in = append(in, i)
		}
	}
	return in
}

// edges returns the addresses of a family at which anything may change: the
// first of each prefix, and the one after its last.
func (o *oracle) edges(v4 bool) []netip.Addr {
	var out []netip.Addr
	add := func(p netip.Prefix) {
		if p.Addr().Is4() != v4 {
			return
		}
		out = append(out, p.Masked().Addr())
		if after := lastOf(p).Next(); after.IsValid() {
			out = append(out, after)
		}
	}
	for i := range o.sources {
		for _, e := range o.entries(i) {
			add(e.prefix)
		}
	}
	for _, n := range o.networks {
		add(n)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// scope tries prefixes of a from the shortest on, until one has a single
// class: that of its first address and of every edge within.
func (o *oracle) scope(a netip.Addr, edges []netip.Addr, classes []uint32) uint8 {
	want := o.class(a)
	for length := 0; ; length++ {
		p, err := a.Prefix(length)
		if err != nil {
			panic(err)
		}
		same := o.class(p.Addr()) == want
		for i, e := range edges {
			same = same && (!p.Contains(e) || classes[i] == want)
		}
		if same {
			return uint8(length)
		}
	}
}

// lastOf returns the last address of p, bit by bit.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// build feeds the oracle's data to the code under test.
func (o *oracle) build() *Index {
	var sources []*Source
	for i, entries := range o.sources {
		b := NewSourceBuilder()
		for _, e := range entries {
			b.Add(e.prefix, e.place)
		}
		for k, p := range Aliases() {
			if o.aliased != nil && o.aliased[i][k] {
				b.Alias(p)
			}
		}
		sources = append(sources, b.Source(fmt.Sprint("source ", i)))
	}
	return Merge(sources...)
}

// hashClass is a classifier that depends on everything that it is shown and
// gives one of n classes.
func hashClass(n int) Classifier {
	return func(p *Place, cidrs []int) uint32 {
		h := fnv.New32a()
		fmt.Fprint(h, *p, cidrs)
		return h.Sum32() % uint32(n)
	}
}
