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
//	a site     under the guard that is the nearest above it
//	weighted   lists with their weights
//	sticky     the same, with the names that are hashed
//	all        lists of which each is served
//	trickle    lists of which the second gets a part of the clients
//	few        lists that are down as a whole while few of them are up
//	strict     a list after which the evaluation ends, up or down
//
// Each step to it keeps the result of Pick for every draw and every snapshot
// that overrides no target of a policy; TestEqualDecisionsPickAlike holds it
// to that:
//
//   - A list within a list is part of it, and so is a weighted choice of one:
//     Pick draws only where there are two or more to draw from. The order that
//     a nearest policy has for the client is such a list.
//   - What stands after an item that is never down, because it is strict or
//     has a strict part, is never reached.
//   - A site that stood earlier in the list under the same guard is down when
//     the later place is reached, so it is left out there. Not within a strict
//     list: all_down serves that one by itself, and may then reach the site.
//     And not after few: there it may have been up.
//   - Targets of weight 0 follow after all the others are down, with equal
//     shares, unless something strict must be judged before.
//   - A strict list that is the whole decision is the same without strict:
//     all_down speaks for the same sites either way.
//
// The fine form holds for every snapshot: each target that can be overridden
// stays an item of its own, and nothing is left out.
type item struct {
	kind    itemKind
	site    int32    // of a site
	guard   int32    // of a site
	lists   [][]item // one of a strict item and of a target, several of the others
	weights []uint32 // of weighted and sticky
	names   []string // of sticky, and of trickle its own alone
	of      *node    // of few
	number  uint32   // of all: the most addresses; of trickle: its part; of few: how many are needed; of a target: its ID
}

type itemKind byte

const (
	siteItem     itemKind = 's'
	weightedItem itemKind = 'w'
	stickyItem   itemKind = 'k'
	allItem      itemKind = 'a'
	trickleItem  itemKind = 't'
	fewItem      itemKind = 'f'
	strictItem   itemKind = 'x'
	targetItem   itemKind = 'o'
)

// decided is a decision in its canonical form.
type decided struct {
	form   []byte // equal exactly if the decisions are
	list   []item
	hashed bool // it asks for the client's network
}

// decide returns the decision for a class.
func (p *Policy) decide(of *class, fine bool) decided {
	s := specialiser{p: p, of: of, fine: fine}
	list := s.node(0)
	if !fine {
		for len(list) == 1 && list[0].kind == strictItem {
			list = list[0].lists[0]
		}
		list = s.prune(list, nil)
	}
	return decided{appendList(nil, list), list, hasKind(list, stickyItem) || hasKind(list, trickleItem)}
}

// specialiser finds what is left of a policy for one class.
type specialiser struct {
	p    *Policy
	of   *class
	fine bool

	places map[[2]int32]int // by guard and site
}

// node returns what is left of a node.
func (s *specialiser) node(at int32) []item {
	n := &s.p.nodes[at]
	switch {
	case n.kind == KindSite:
		return []item{{kind: siteItem, site: n.site, guard: n.guard}}
	case n.kind == KindGeo:
		return s.rules(n)
	}
	// Targets without any candidate are never up, so they go.
	all := item{kind: weightedItem, of: n}
	for i := range s.candidates(n) {
		k := &n.kids[i]
		if list := s.kid(k); len(list) > 0 {
			all.lists = append(all.lists, list)
			all.weights = append(all.weights, k.weight)
			all.names = append(all.names, k.hashedName(n))
		}
	}
	if n.spec.MinHealthy > 1 && len(all.lists) > 0 {
		all.kind, all.number = fewItem, uint32(n.spec.MinHealthy)
		return []item{all}
	}
	switch n.kind {
	case KindWeighted:
		return s.weighted(n, all)
	case KindAll:
		return s.all(n, all)
	}
	return s.first(n, all)
}

// candidates yields the kids that a node tries, in order.
func (s *specialiser) candidates(n *node) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for j := range n.count(s.of) {
			if !yield(n.candidate(s.of, j)) {
				return
			}
		}
	}
}

// kid returns what is left of a target.
func (s *specialiser) kid(k *kid) []item {
	list := s.node(k.node)
	if s.fine && k.target != noTarget {
		return []item{{kind: targetItem, number: uint32(k.target), lists: [][]item{list}}}
	}
	return list
}

// rules returns what is left of a geo node: the targets of the rules that
// match.
func (s *specialiser) rules(n *node) []item {
	var out []item
	for i := range n.kids {
		k := &n.kids[i]
		if !s.of.rules.has(int(k.rule)) {
			continue
		}
		list := s.kid(k)
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

// first returns the lists behind one another, which is what failover and
// nearest are.
func (s *specialiser) first(n *node, all item) []item {
	if n.trickle > 0 && len(all.lists) > 1 {
		return []item{{kind: trickleItem, number: n.trickle, names: []string{n.name}, lists: all.lists}}
	}
	var out []item
	for _, list := range all.lists {
		out = append(out, list...)
		if neverDown(list) {
			break
		}
	}
	return out
}

func (s *specialiser) all(n *node, all item) []item {
	if len(all.lists) == 0 {
		return nil
	}
	return []item{{kind: allItem, number: uint32(n.most()), lists: all.lists}}
}

// weighted returns what is left of a weighted node: those with a weight, and
// behind them the others with equal shares.
func (s *specialiser) weighted(n *node, all item) []item {
	kind := weightedItem
	if n.spec.Sticky {
		kind = stickyItem
	}
	all.kind, all.of = kind, nil
	if s.fine || hasKind(all.lists, strictItem) {
		return all.collapse()
	}
	first, last := item{kind: kind}, item{kind: kind}
	for i, w := range all.weights {
		if w > 0 {
			first.take(&all, i, w)
		} else {
			last.take(&all, i, 1)
		}
	}
	return append(first.collapse(), last.collapse()...)
}

// take adds the i-th list of another item.
func (it *item) take(from *item, i int, weight uint32) {
	it.lists = append(it.lists, from.lists[i])
	it.weights = append(it.weights, weight)
	it.names = append(it.names, from.names[i])
}

// collapse returns an item of several lists as a list: a choice of one is that
// one.
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
		switch it.kind {
		case strictItem:
			return true
		case fewItem, targetItem:
			return false // down whatever is strict in it
		}
		return slices.ContainsFunc(it.lists, neverDown)
	})
}

// hasKind reports whether an item of a kind stands anywhere in a list, or in
// any of several.
func hasKind[L []item | [][]item](lists L, kind itemKind) bool {
	switch lists := any(lists).(type) {
	case []item:
		return slices.ContainsFunc(lists, func(it item) bool {
			return it.kind == kind || it.kind == fewItem && it.of.hashes(kind) || hasKind(it.lists, kind)
		})
	case [][]item:
		return slices.ContainsFunc(lists, func(list []item) bool { return hasKind(list, kind) })
	}
	return false
}

// hashes reports whether a node of few targets is of a kind that asks for the
// client's network.
func (n *node) hashes(kind itemKind) bool {
	return kind == stickyItem && n.spec.Sticky || kind == trickleItem && n.trickle > 0
}

// appendList appends a list as bytes; lengths come first, so no two lists
// have the same bytes.
func appendList(b []byte, list []item) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, it := range list {
		b = append(b, byte(it.kind))
		if it.kind == siteItem {
			b = binary.AppendUvarint(b, uint64(it.site))
			b = binary.AppendUvarint(b, uint64(it.guard+1))
			continue
		}
		b = it.appendHead(b)
		b = binary.AppendUvarint(b, uint64(len(it.lists)))
		for i, inner := range it.lists {
			if it.weights != nil {
				b = binary.AppendUvarint(b, uint64(it.weights[i]))
			}
			if it.kind == stickyItem || it.kind == fewItem {
				b = appendText(b, it.names[i])
			}
			b = appendList(b, inner)
		}
	}
	return b
}

// appendHead appends what an item has beside its lists.
func (it *item) appendHead(b []byte) []byte {
	switch it.kind {
	case allItem, trickleItem, fewItem, targetItem:
		b = binary.AppendUvarint(b, uint64(it.number))
	}
	switch it.kind {
	case trickleItem:
		b = appendText(b, it.names[0])
	case fewItem:
		b = append(b, byte(it.of.kind))
		b = binary.AppendUvarint(b, uint64(it.of.most()))
		b = binary.AppendUvarint(b, uint64(it.of.trickle))
		b = appendText(b, it.of.name)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
