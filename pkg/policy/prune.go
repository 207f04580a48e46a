package policy

import "slices"

// prune leaves out the sites that are known to be down when their place in the
// list is reached: those in down, and those that stood before. The list passed
// in is left alone.
func (s *specialiser) prune(list []item, down bitset) []item {
	down = slices.Clone(down)
	var out []item
	for _, it := range list {
		switch it.kind {
		case siteItem:
			if !down.has(s.place(it)) {
				out = append(out, it)
			}
		case strictItem:
			out = append(out, item{kind: strictItem, lists: [][]item{s.prune(it.lists[0], nil)}})
		default:
			out = append(out, s.pruneLists(it, down)...)
		}
		down = s.withSites(down, it)
	}
	return out
}

// place is the number of a site under its guard, in the order in which they are
// met: sets of them stay small however many other sites there are.
func (s *specialiser) place(it item) int {
	key := [2]int32{it.guard, it.site}
	n, known := s.places[key]
	if !known {
		if s.places == nil {
			s.places = map[[2]int32]int{}
		}
		n = len(s.places)
		s.places[key] = n
	}
	return n
}

// pruneLists prunes each list of an item. What is left of it may be a list
// again, of which nothing stands twice.
func (s *specialiser) pruneLists(it item, down bitset) []item {
	out := it
	out.lists, out.weights, out.names = nil, nil, nil
	for i, list := range it.lists {
		left := s.prune(list, down)
		if len(left) == 0 {
			continue
		}
		out.lists = append(out.lists, left)
		if it.weights != nil {
			out.weights = append(out.weights, it.weights[i])
		}
		if it.names != nil && it.kind != trickleItem {
			out.names = append(out.names, it.names[i])
		}
	}
	switch {
	case it.kind == trickleItem:
		out.names = it.names
	case (it.kind == fewItem || it.kind == allItem) && len(out.lists) > 0:
		return []item{out}
	}
	return out.collapse()
}

// withSites adds to a set the sites that are down when an item is.
func (s *specialiser) withSites(set bitset, it item) bitset {
	switch it.kind {
	case siteItem:
		return set.with(s.place(it))
	case fewItem:
		return set
	}
	for _, list := range it.lists {
		for _, inner := range list {
			set = s.withSites(set, inner)
		}
	}
	return set
}
