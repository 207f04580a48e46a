package policy

import "slices"

// Successors returns for each site, by index, the sites that may take its
// clients next in any of the policies compiled: those whose turn it is if the
// site alone goes down. Each list is ascending and holds no site twice.
func (c *Compiler) Successors() [][]int32 {
	f := follower{next: make([]map[int32]bool, c.sites.Len())}
	for _, p := range c.compiled {
		for i := range p.plain.classes {
			d := p.decide(&p.plain.classes[i], false)
			f.list(d.list, nil)
		}
	}
	out := make([][]int32, len(f.next))
	for site, next := range f.next {
		for s := range next {
			out[site] = append(out[site], s)
		}
		slices.Sort(out[site])
	}
	return out
}

// follower notes which site follows which.
type follower struct {
	next []map[int32]bool
}

// list walks a list after which the sites of after have their turn.
func (f *follower) list(list []item, after []int32) {
	for i, it := range list {
		follow := after
		if i+1 < len(list) {
			follow = firsts(list[i+1:])
		}
		if it.kind == strictItem {
			follow = nil
		}
		f.item(it, follow)
	}
}

// item walks one item. Where several lists stand side by side, the others have
// the clients of one that goes down; where they stand behind one another, the
// next one has.
func (f *follower) item(it item, after []int32) {
	if it.kind == siteItem {
		f.note(it.site, after)
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
		if len(others) == 0 || it.kind == fewItem {
			others = append(others, after...)
		}
		f.list(list, others)
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

func (f *follower) note(site int32, next []int32) {
	for _, n := range next {
		if n == site {
			continue
		}
		if f.next[site] == nil {
			f.next[site] = map[int32]bool{}
		}
		f.next[site][n] = true
	}
}
