package health

import (
	"math"
	"slices"
)

// taker is a site that may get clients of another.
type taker struct {
	site string
	most float64 // of the other's share for which it has room
}

// takers returns the sites that may get clients which a site sends on, if it
// sends on as much as wanted. Behind one that does not take all who come, for
// want of room, health or by order, stand those that follow it.
func (v spillView) takers(site string, s *spill, unit, wanted float64) (out []taker) {
	seen := map[string]bool{site: true}
	todo, widened := slices.Clone(v.b.successors[site]), false
	if len(todo) == 0 {
		todo, widened = slices.Clone(v.b.beyond[site]), true
	}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		t := taker{next, 0}
		if below, closed := s.closed[next]; !closed || below <= s.share {
			t.most = math.Floor(v.room(next) / unit)
		}
		list := v.addrs[next]
		if _, is := v.b.outOf(next, list, v.now); !is || len(list) == 0 {
			out = append(out, t)
		}
		if t.most >= wanted && !v.overridden && v.takesAll(next) {
			continue
		}
		todo = append(append(todo, v.b.successors[next]...), v.b.beyond[next]...)
		if !widened {
			widened = true
			todo = append(todo, v.b.beyond[site]...)
		}
	}
	return out
}

// takesAll reports whether a site is open to all clients that come.
func (v spillView) takesAll(site string) bool {
	whole := func(s Subject) bool {
		e := v.b.entry(s, v.now)
		return e.Keeps() == FullShare && e.Forced != ForcedDown && (e.Forced == ForcedUp || e.Up && !e.Held)
	}
	return whole(Subject{Site: site}) && !slices.ContainsFunc(v.addrs[site], func(s Subject) bool { return !whole(s) })
}

// room returns how much load a site can take. One with a capacity of which no
// fresh report tells takes none.
func (v spillView) room(site string) float64 {
	capacity := v.b.rules[site].Capacity
	if capacity == 0 {
		return math.Inf(1)
	}
	s, ok := v.b.spills[site]
	if !ok || !s.fresh(v.now) {
		return 0
	}
	arriving, _ := sum(s.arriving, v.now)
	return max(0, fillTo*capacity-s.load-arriving)
}
