package geo

import "net/netip"

// Table maps each address to a class and says for how wide a prefix the class
// holds. It is made by [Compile]; the zero Table is not usable.
type Table struct {
	v4     table4
	v6     table6
	alias  [len(embeddings)]*table4 // of IPv4 addresses within IPv6 ones: 0 as in v4, else class + 1; nil: v6 has them all
	nobody uint32                   // the class of an invalid address
	hash   uint64
}

// Classifier gives a class to a place and the networks that hold the address:
// indices into the list given to [Compile], ascending. Two addresses in the
// same class are alike to the caller. Small numbers make small tables: below
// 256 a range costs one byte less than below 65536. Place and networks are
// only valid during the call and not to be changed.
type Classifier func(place *Place, cidrs []int) uint32

// Compile returns the table of the classes that classify gives to all
// addresses. classify is called once for each combination of place and
// networks that occurs, in a fixed order: first for an invalid address (the
// zero Place, no networks), then by ascending address, IPv4 first, and last for
// IPv4 addresses within IPv6 ones ([SourceBuilder.Alias]).
// Neighbouring ranges of the same class are merged, whatever their places.
func Compile(ix *Index, cidrs []netip.Prefix, classify Classifier) *Table {
	nets := newNetSets(cidrs)
	c := &compiler{
		places:   &ix.places,
		sets:     nets.sets,
		classify: classify,
		plain:    make([]uint64, len(ix.places.recs)),
		inNets:   make(map[uint64]uint32),
	}
	t := &Table{nobody: c.class(0, 0)}
	v4 := compileRanges(c, &ix.v4, &nets.v4)
	t.v4 = newTable4(v4)
	t.v6 = newTable6(compileAliases(c, ix, nets, &v4, t))
	t.hash = t.sum()
	return t
}

// A compiler remembers the classes that it was given.
type compiler struct {
	places   *placeSet
	sets     [][]int
	classify Classifier
	plain    []uint64          // by place, in no network: the class, with asked set once it is known
	inNets   map[uint64]uint32 // by place and set, for all other sets
	scratch  Place             // what classify is shown
}

const asked = 1 << 32

// class returns the class of a place and a set of networks.
func (c *compiler) class(place, set uint32) uint32 {
	if set == 0 {
		if c.plain[place] == 0 {
			c.plain[place] = uint64(c.ask(place, 0)) | asked
		}
		return uint32(c.plain[place])
	}
	key := uint64(set)<<32 | uint64(place)
	class, known := c.inNets[key]
	if !known {
		class = c.ask(place, set)
		c.inNets[key] = class
	}
	return class
}

func (c *compiler) ask(place, set uint32) uint32 {
	c.scratch = c.places.place(place)
	return c.classify(&c.scratch, c.sets[set])
}

// compileRanges lays the networks over the places and returns ranges of
// classes. All places within one range of networks are walked in one go, which
// needs no comparison of addresses: it is 5.5 million ranges times 50 policies.
func compileRanges[A address[A]](c *compiler, places, nets *ranges[A]) ranges[A] {
	var out ranges[A]
	for n, start := range nets.starts {
		set := nets.refs[n]
		from, to := places.find(start), len(places.starts)
		if n+1 < len(nets.starts) {
			to = places.find(nets.starts[n+1].pred()) + 1
		}
		current := c.class(places.refs[from], set)
		out.add(start, current)
		for i := from + 1; i < to; i++ {
			class := uint32(c.plain[places.refs[i]]) // mostly it is known
			if set != 0 || c.plain[places.refs[i]] == 0 {
				class = c.class(places.refs[i], set)
			}
			if class != current {
				out.add(places.starts[i], class)
				current = class
			}
		}
	}
	return out
}

// Lookup returns the class of an address and the length of the shortest prefix
// of the address that lies wholly in the class: 0 if the class holds for the
// whole family. An IPv4 address in IPv6 form has the class of the IPv4 address,
// and its prefix is counted in that form: 96 bits more. For an invalid address
// the class is that of the zero Place in no network, with 0. It does not
// allocate.
func (t *Table) Lookup(a netip.Addr) (class uint32, bits uint8) {
	switch {
	case a.Is4():
		return t.v4.lookup(addr4Of(a))
	case a.Is4In6():
		class, bits = t.v4.lookup(addr4Of(a))
		return class, 96 + bits
	case a.IsValid():
		return t.lookup6(addr6Of(a))
	}
	return t.nobody, 0
}

// Near and then Nearby read what a Lookup of an IPv4 address waits for, so that
// many look-ups can wait together. What they return says nothing, but has to be
// used for them to be carried out.
func (t *Table) Near(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	return t.v4.near(addr4Of(a))
}

// Nearby comes after Near.
func (t *Table) Nearby(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	return t.v4.nearby(addr4Of(a))
}

// Size returns the number of ranges of each family.
func (t *Table) Size() (v4, v6 int) { return len(t.v4.starts), len(t.v6.hi) }

// Bytes returns the memory that the table holds.
func (t *Table) Bytes() int { return t.v4.bytes() + t.v6.bytes() + t.aliasBytes() }

// Equal reports whether both tables give the same answer for every address,
// so that one of them can serve for both. Tables of indices of which one has an
// alias ([SourceBuilder.Alias]) where the other has the same as its IPv6 part are
// not equal.
func (t *Table) Equal(u *Table) bool {
	return t == u || t.hash == u.hash && t.nobody == u.nobody && t.v4.equal(&u.v4) && t.v6.equal(&u.v6) && t.equalAliases(u)
}

// Hash returns a number that is the same for equal tables, on every machine
// and in every run; different tables share it by chance only.
func (t *Table) Hash() uint64 { return t.hash }

// sum computes the hash.
func (t *Table) sum() uint64 {
	h := mix(0, uint64(t.nobody))
	for i, start := range t.v4.starts {
		h = mix(h, uint64(start)<<32|uint64(t.v4.classes.at(i)))
	}
	h = mix(h, uint64(len(t.v4.starts)))
	for i, hi := range t.v6.hi {
		h = mix(h, hi)
		h = mix(h, uint64(t.v6.classes.at(i)))
	}
	for i, n := range t.v6.deepAt {
		h = mix(h, uint64(n))
		h = mix(h, t.v6.deepLo[i])
	}
	for _, a := range t.alias {
		if a != nil {
			h = mix(h, uint64(len(a.starts)))
		}
	}
	return h
}

// mix stirs v into h: a multiplication, and the high half over the low one,
// which the multiplication reaches least.
func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}
