package policy

import "slices"

// Successors returns for each site, by index, the sites that may take its
// clients next in any of the policies compiled: those whose turn it is if the
// site alone goes down; and beyond, those whose turn may come if these do not
// take them either. Each list is ascending and holds no site twice.
func (c *Compiler) Successors() (next, beyond [][]int32) {
	f := follower{next: make([]map[int32]bool, c.sites.Len()), beyond: make([]map[int32]bool, c.sites.Len())}
	for _, p := range c.compiled {
		for i := range p.plain.classes {
			d := p.decide(&p.plain.classes[i], false)
			f.list(d.list, nil, nil)
		}
	}
	return sorted(f.next), sorted(f.beyond)
}

func sorted(sets []map[int32]bool) [][]int32 {
	out := make([][]int32, len(sets))
	for site, set := range sets {
		for s := range set {
			out[site] = append(out[site], s)
		}
		slices.Sort(out[site])
	}
	return out
}

// follower notes which site follows which.
type follower struct {
	next, beyond []map[int32]bool
}

// list walks a list after which the sites of after have their turn, and those
// of beyond if they do not take the clients.
func (f *follower) list(list []item, after, beyond []int32) {
	for i, it := range list {
		follow, further := after, beyond
		if i+1 < len(list) {
			follow, further = firsts(list[i+1:]), nil // beyond those stands what follows them
		}
		if it.kind == strictItem {
			follow, further = nil, nil
		}
		f.item(it, follow, further)
	}
}

// item walks one item. Where several lists stand side by side, the others have
// the clients of one that goes down; where they stand behind one another, the
// next one has. Those to whom a trickle sends a client may send it back.
func (f *follower) item(it item, after, beyond []int32) {
	if it.kind == siteItem {
		note(f.next, it.site, after)
		note(f.beyond, it.site, beyond)
		return
	}
	ordered := it.kind == trickleItem || it.kind == fewItem && it.of.kind != KindWeighted && it.of.kind != KindAll
	for i, list := range it.lists {
		var others []int32
		for j, other := range it.lists {
			if ordered && j == i+1 || !ordered && j != i {
				others = append(others, firsts(other)...)
			}
		}
		further := slices.Concat(after, beyond)
		if it.kind == trickleItem || it.kind == fewItem {
			for _, other := range it.lists[:i] {
				further = append(further, firsts(other)...)
			}
		}
		if len(others) == 0 || it.kind == fewItem {
			others = append(others, after...)
		}
		f.list(list, others, further)
	}
}

// firsts returns the sites that a list serves while all are up.
func firsts(list []item) []int32 {
	if len(list) == 0 {
		return nil
	}
	it := list[0]
	if it.kind == siteItem {
		return []int32{it.site}
	}
	if it.kind == trickleItem {
		return firsts(it.lists[0])
	}
	var out []int32
	for _, l := range it.lists {
		out = append(out, firsts(l)...)
	}
	return out
}

func note(sets []map[int32]bool, site int32, next []int32) {
	for _, n := range next {
		if n == site {
			continue
		}
		if sets[site] == nil {
			sets[site] = map[int32]bool{}
		}
		sets[site][n] = true
	}
}
