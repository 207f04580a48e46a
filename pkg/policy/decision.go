package policy

import (
	"encoding/binary"
	"slices"
)

// A decision is what a policy does for one set of matching rules, whatever
// health and weights draw. Two sets with the same decision are one class, so a
// decision is brought into a canonical form first. That form is a list, read
// as "the first that is up", of
//
//	a site
//	weighted   lists with their weights
//	strict     a list after which the evaluation ends, up or down
//
// Each step to it keeps the result of Pick for every snapshot and every draw;
// TestEqualDecisionsPickAlike holds it to that:
//
//   - A list within a list is part of it, and so is a weighted choice of one:
//     Pick draws only where there are two or more to draw from.
//   - What stands after an item that is never down, because it is strict or
//     has a strict part, is never reached.
//   - A site that stood earlier in the list is down when the later place is
//     reached, so it is left out there. Not within a strict list: all_down
//     serves that one by itself, and may then reach the site.
//   - Targets of weight 0 follow after all the others are down, with equal
//     shares, unless something strict must be judged before.
//   - A strict list that is the whole decision is the same without strict:
//     all_down speaks for the same sites either way.
type item struct {
	kind    itemKind
	site    int32
	lists   [][]item // one of a strict item, several of a weighted one
	weights []uint32
}

type itemKind byte

const (
	siteItem     itemKind = 's'
	weightedItem itemKind = 'w'
	strictItem   itemKind = 'x'
)

// decision returns the canonical form of the decision for a set of matching
// rules, as bytes that are equal exactly if the forms are.
func (p *Policy) decision(matching bitset) []byte {
	list := p.specialise(0, matching)
	for len(list) == 1 && list[0].kind == strictItem {
		list = list[0].lists[0]
	}
	return appendList(nil, prune(list, nil))
}

// specialise returns what is left of a node for a set of matching rules.
func (p *Policy) specialise(at int32, matching bitset) []item {
	n := &p.nodes[at]
	switch n.kind {
	case KindSite:
		return []item{{kind: siteItem, site: n.site}}
	case KindWeighted:
		return p.specialiseWeighted(n, matching)
	}
	var out []item
	for _, k := range n.kids {
		if n.kind == KindGeo && !matching.has(int(k.rule)) {
			continue
		}
		list := p.specialise(k.node, matching)
		if k.strict && !neverDown(list) {
			list = []item{{kind: strictItem, lists: [][]item{list}}}
		}
		out = append(out, list...)
		if neverDown(list) {
			break
		}
	}
	return out
}

// specialiseWeighted returns what is left of a weighted node. Targets without
// any candidate are never up, so they go.
func (p *Policy) specialiseWeighted(n *node, matching bitset) []item {
	all := item{kind: weightedItem}
	strict := false
	for _, k := range n.kids {
		list := p.specialise(k.node, matching)
		if len(list) == 0 {
			continue
		}
		strict = strict || hasStrict(list)
		all.lists = append(all.lists, list)
		all.weights = append(all.weights, k.weight)
	}
	if strict {
		return all.collapse()
	}
	first, last := item{kind: weightedItem}, item{kind: weightedItem}
	for i, w := range all.weights {
		if w > 0 {
			first.lists, first.weights = append(first.lists, all.lists[i]), append(first.weights, w)
		} else {
			last.lists, last.weights = append(last.lists, all.lists[i]), append(last.weights, 1)
		}
	}
	return append(first.collapse(), last.collapse()...)
}

// collapse returns a weighted item as a list: a choice of one is that one.
func (it item) collapse() []item {
	switch len(it.lists) {
	case 0:
		return nil
	case 1:
		return slices.Clone(it.lists[0])
	}
	return []item{it}
}

// neverDown reports whether a list is up or ends the evaluation, but never
// lets it go on after it.
func neverDown(list []item) bool {
	return slices.ContainsFunc(list, func(it item) bool {
		return it.kind == strictItem || it.kind == weightedItem && slices.ContainsFunc(it.lists, neverDown)
	})
}

// hasStrict reports whether a strict item stands anywhere in a list.
func hasStrict(list []item) bool {
	return slices.ContainsFunc(list, func(it item) bool {
		return it.kind == strictItem || slices.ContainsFunc(it.lists, hasStrict)
	})
}

// prune leaves out the sites that are known to be down when their place in the
// list is reached: those in down, and those that stood before. The list passed
// in is left alone.
func prune(list []item, down bitset) []item {
	down = slices.Clone(down)
	var out []item
	for _, it := range list {
		switch it.kind {
		case siteItem:
			if !down.has(int(it.site)) {
				out = append(out, it)
			}
		case strictItem:
			out = append(out, item{kind: strictItem, lists: [][]item{prune(it.lists[0], nil)}})
		case weightedItem:
			out = append(out, pruneWeighted(it, down)...)
		}
		down = withSites(down, it)
	}
	return out
}

// pruneWeighted prunes each target of a weighted item. What is left of it may
// be a list again, of which nothing stands twice.
func pruneWeighted(it item, down bitset) []item {
	out := item{kind: weightedItem}
	for i, list := range it.lists {
		if left := prune(list, down); len(left) > 0 {
			out.lists, out.weights = append(out.lists, left), append(out.weights, it.weights[i])
		}
	}
	return out.collapse()
}

// withSites adds the sites of an item to a set.
func withSites(set bitset, it item) bitset {
	if it.kind == siteItem {
		return set.with(int(it.site))
	}
	for _, list := range it.lists {
		for _, inner := range list {
			set = withSites(set, inner)
		}
	}
	return set
}

// appendList appends a list as bytes; lengths come first, so no two lists
// have the same bytes.
func appendList(b []byte, list []item) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, it := range list {
		b = append(b, byte(it.kind))
		if it.kind == siteItem {
			b = binary.AppendUvarint(b, uint64(it.site))
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(it.lists)))
		for i, inner := range it.lists {
			if it.kind == weightedItem {
				b = binary.AppendUvarint(b, uint64(it.weights[i]))
			}
			b = appendList(b, inner)
		}
	}
	return b
}
