package geo

import "net/netip"

// An embedding is an IPv6 network whose addresses hold an IPv4 address behind
// the network's prefix. MaxMind's databases, and those of their writer, answer
// there what they say of the IPv4 address: the search tree has the IPv4 part
// under these names too.
type embedding struct {
	first  addr6
	length int // of the prefix, in bits; at most 32
}

// The embeddings that clients come from, which [SourceBuilder.Alias] knows:
// 6to4 (RFC 3056), where the address is the client's own router, and Teredo
// (RFC 4380), where the one behind the prefix is the server's; the readers of
// these databases answer for that one.
var embeddings = [...]embedding{
	{first: addr6{hi: 0x2002 << 48}, length: 16},
	{first: addr6{hi: 0x2001 << 48}, length: 32},
}

// Aliases returns the IPv6 networks that a database may have its IPv4 part
// under: 2002::/16 and 2001::/32.
func Aliases() []netip.Prefix {
	var out []netip.Prefix
	for _, e := range embeddings {
		out = append(out, netip.PrefixFrom(e.first.netip(), e.length))
	}
	return out
}

// aliases has, by embedding, the places of the IPv4 addresses in it; nil where
// the IPv6 part of the database counts.
type aliases [len(embeddings)]*ranges[addr4]

// embedded returns the number of the embedding that holds a, and the IPv4
// address in it; -1 if none does.
func embedded(a addr6) (k int, in addr4) {
	switch {
	case a.hi>>48 == 0x2002:
		return 0, addr4(a.hi >> 16)
	case a.hi>>32 == 0x2001<<16:
		return 1, addr4(a.hi)
	}
	return -1, 0
}

// at returns the first address of the embedding that holds an IPv4 address.
func (e embedding) at(in addr4) addr6 {
	return addr6{hi: e.first.hi | uint64(in)<<(32-e.length)}
}

func (e embedding) last() addr6 { return last6(e.first, e.length) }

// unfold returns ranges of IPv4 addresses as those of the embedding.
func (e embedding) unfold(r *ranges[addr4]) ranges[addr6] {
	out := ranges[addr6]{starts: make([]addr6, len(r.starts)), refs: r.refs}
	for i, start := range r.starts {
		out.starts[i] = e.at(start)
	}
	return out
}

// fold returns what an IPv6 database says within the embedding, by IPv4
// address; false if it tells apart what holds the same one.
func (e embedding) fold(r *ranges[addr6]) (ranges[addr4], bool) {
	i := r.find(e.first)
	out := everything[addr4](r.refs[i])
	for i++; i < len(r.starts) && !e.last().before(r.starts[i]); i++ {
		_, in := embedded(r.starts[i])
		if e.at(in) != r.starts[i] {
			return out, false
		}
		out.add(in, r.refs[i])
	}
	return out, true
}

// replaced returns r with the addresses from first to last as mid has them,
// which begins at first.
func (r *ranges[A]) replaced(first, last A, mid *ranges[A]) ranges[A] {
	var out ranges[A]
	i := 0
	for ; i < len(r.starts) && r.starts[i].before(first); i++ {
		out.add(r.starts[i], r.refs[i])
	}
	for j, start := range mid.starts {
		out.add(start, mid.refs[j])
	}
	after := last.succ()
	if after.before(last) {
		return out // the end of the space
	}
	i = r.find(after)
	out.add(after, r.refs[i])
	for i++; i < len(r.starts); i++ {
		out.add(r.starts[i], r.refs[i])
	}
	return out
}

// writeOutAliases writes the aliases of each of two databases into its IPv6 part
// where the other has none and tells apart what holds one IPv4 address, so that
// what both say together cannot be asked by that.
func writeOutAliases(a, b *Index) {
	for k, e := range embeddings {
		for _, pair := range [][2]*Index{{a, b}, {b, a}} {
			with, without := pair[0], pair[1]
			if with.aliases[k] == nil || without.aliases[k] != nil {
				continue
			}
			if _, ok := e.fold(&without.v6); !ok {
				mid := e.unfold(with.aliases[k])
				with.v6, with.aliases[k] = with.v6.replaced(e.first, e.last(), &mid), nil
			}
		}
	}
}

// mergeAliases returns what two databases together say of embedded addresses:
// one that has no alias says there what its IPv6 part does. Where both have
// their IPv4 part there, so has the result, v4.
func mergeAliases(a, b *Index, v4 *ranges[addr4], combine func(x, y uint32) uint32) (out aliases) {
	for k, e := range embeddings {
		x, y := a.aliases[k], b.aliases[k]
		switch {
		case x == nil && y == nil:
			continue
		case x == &a.v4 && y == &b.v4:
			out[k] = v4
			continue
		case x == nil:
			folded, _ := e.fold(&a.v6)
			x = &folded
		case y == nil:
			folded, _ := e.fold(&b.v6)
			y = &folded
		}
		merged := mergeRanges(*x, *y, combine)
		out[k] = &merged
	}
	return out
}

// compileAliases returns the classes of all IPv6 addresses, and sets the tables
// by which those in embeddings are looked up. v4 are the classes of the IPv4
// addresses.
func compileAliases(c *compiler, ix *Index, nets *netSets, v4 *ranges[addr4], t *Table) ranges[addr6] {
	places, sets := &ix.v6, [len(embeddings)]uint32{}
	var own [len(embeddings)]bool // looked up by way of IPv4
	for k, e := range embeddings {
		if ix.aliases[k] == nil {
			continue
		}
		from, to := nets.v6.find(e.first), nets.v6.find(e.last())
		if own[k], sets[k] = from == to, nets.v6.refs[from]; !own[k] {
			// Networks end within the embedding: seldom enough to write it out.
			mid := e.unfold(ix.aliases[k])
			written := places.replaced(e.first, e.last(), &mid)
			places = &written
		}
	}
	out := compileRanges(c, places, &nets.v6)
	for k, e := range embeddings {
		if !own[k] {
			continue
		}
		classes := embeddedClasses(c, ix, nets, v4, k, sets[k])
		if len(classes.starts) > 2 {
			patch := newTable4(patchOf(v4, &classes))
			if t.alias[k] = &patch; k > 0 && t.alias[0] != nil && t.alias[0].equal(&patch) {
				t.alias[k] = t.alias[0]
			}
		}
		mid := e.borders(&classes)
		out = out.replaced(e.first, e.last(), &mid)
	}
	return out
}

// embeddedClasses returns the classes of IPv4 addresses within an embedding that
// one set of networks holds as a whole. An IPv4 network does not hold them; where
// there is none, the classes are those of the IPv4 addresses themselves.
func embeddedClasses(c *compiler, ix *Index, nets *netSets, v4 *ranges[addr4], k int, set uint32) ranges[addr4] {
	if ix.aliases[k] != &ix.v4 || set != 0 {
		all := everything[addr4](set)
		return compileRanges(c, ix.aliases[k], &all)
	}
	var out ranges[addr4]
	for n, start := range nets.v4.starts {
		from, class := v4, func(ref uint32) uint32 { return ref }
		if nets.v4.refs[n] != 0 {
			from, class = &ix.v4, func(ref uint32) uint32 { return c.class(ref, 0) }
		}
		i := from.find(start)
		out.add(start, class(from.refs[i]))
		for i++; i < len(from.starts) && !nets.v4.last(n).before(from.starts[i]); i++ {
			out.add(from.starts[i], class(from.refs[i]))
		}
	}
	return out
}

// patchOf returns what has to be known of b beside a: where a range of a is one
// of b, with the same ends and class, 0; else the class in b, plus one. Since
// the ends are the same, the scope of what is 0 is that in a.
func patchOf(a, b *ranges[addr4]) (out ranges[addr4]) {
	i, j := 0, 0
	for j < len(b.starts) {
		if i < len(a.starts) && a.starts[i].before(b.starts[j]) {
			i++
			continue
		}
		same := i < len(a.starts) && a.starts[i] == b.starts[j] && a.last(i) == b.last(j) && a.refs[i] == b.refs[j]
		if ref := b.refs[j] + 1; same {
			out.add(b.starts[j], 0)
		} else {
			out.add(b.starts[j], ref)
		}
		j++
	}
	return out
}

// borders returns the first two and the last two ranges of an embedding, which
// stand for all within: the ones outside may go on in the first and the last,
// and those between do not touch them.
func (e embedding) borders(classes *ranges[addr4]) (out ranges[addr6]) {
	n := len(classes.starts)
	for i, start := range classes.starts {
		if i < 2 || i >= n-2 {
			out.add(e.at(start), classes.refs[i])
		}
	}
	return out
}

// lookup6 is Lookup of an IPv6 address. An embedded one that lies neither in the
// first nor in the last range of its embedding is looked up as an IPv4 address:
// the ranges around it are others, so the scope is as exact as in its own table.
func (t *Table) lookup6(a addr6) (class uint32, bits uint8) {
	k, in := embedded(a)
	if k < 0 || t.alias[k] == nil {
		return t.v6.lookup(a)
	}
	table, less := t.alias[k], uint32(1)
	i := table.find(in)
	if table.classes.at(i) == 0 {
		table, less = &t.v4, 0
		i = table.find(in)
	}
	if i == 0 || i+1 == len(table.starts) {
		return t.v6.lookup(a)
	}
	return table.classes.at(i) - less, uint8(embeddings[k].length) + table.scope(i, in)
}

// equalAliases reports whether two tables look embedded addresses up alike.
func (t *Table) equalAliases(u *Table) bool {
	for k, x := range t.alias {
		y := u.alias[k]
		if (x == nil) != (y == nil) || x != nil && !x.equal(y) {
			return false
		}
	}
	return true
}

// aliasBytes returns the memory of the tables that stand for aliases alone.
func (t *Table) aliasBytes() int {
	n := 0
	for k, x := range t.alias {
		if x != nil && (k == 0 || x != t.alias[0]) {
			n += x.bytes()
		}
	}
	return n
}
