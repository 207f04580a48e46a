package geo

import (
	"slices"
	"sort"
)

// ranges divides one whole address space: range i begins at starts[i], ends
// before starts[i+1] (the last one at the end of the space) and has the value
// refs[i]. starts[0] is the first address; neighbours differ in value.
type ranges[A address[A]] struct {
	starts []A
	refs   []uint32
}

// everything returns the space as one range of the given value.
func everything[A address[A]](ref uint32) ranges[A] {
	return ranges[A]{starts: make([]A, 1), refs: []uint32{ref}}
}

// add appends a range, which must not begin before the last one, and keeps
// neighbours merged. Beginning where the last one does, it takes its place.
func (r *ranges[A]) add(start A, ref uint32) {
	n := len(r.starts)
	if n > 0 && r.starts[n-1] == start {
		n--
		r.starts, r.refs = r.starts[:n], r.refs[:n]
	}
	if n > 0 && r.refs[n-1] == ref {
		return
	}
	r.starts, r.refs = append(r.starts, start), append(r.refs, ref)
}

// clip gives unused memory back; what it returns holds no more than it needs.
func (r ranges[A]) clip() ranges[A] {
	return ranges[A]{starts: clip(r.starts), refs: clip(r.refs)}
}

// clip copies s if an eighth of its memory or more is unused.
// (slices.Clip only hides what is unused.)
func clip[T any](s []T) []T {
	if cap(s)-len(s) <= len(s)/8 {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}

// find returns the number of the range that holds a.
func (r *ranges[A]) find(a A) int {
	return sort.Search(len(r.starts), func(i int) bool { return a.before(r.starts[i]) }) - 1
}

// last returns the last address of range i.
func (r *ranges[A]) last(i int) A {
	if i+1 < len(r.starts) {
		return r.starts[i+1].pred()
	}
	var first A
	return first.pred()
}

// mergeRanges lays b over a: each piece has the value of combine(a's, b's).
func mergeRanges[A address[A]](a, b ranges[A], combine func(x, y uint32) uint32) ranges[A] {
	var out ranges[A]
	for i, j := 0, 0; ; {
		start := a.starts[i]
		if start.before(b.starts[j]) {
			start = b.starts[j]
		}
		out.add(start, combine(a.refs[i], b.refs[j]))
		moreA, moreB := i+1 < len(a.starts), j+1 < len(b.starts)
		switch {
		case !moreA && !moreB:
			return out.clip()
		case !moreB || moreA && a.starts[i+1].before(b.starts[j+1]):
			i++
		case !moreA || b.starts[j+1].before(a.starts[i+1]):
			j++
		default: // both begin anew at the same address
			i, j = i+1, j+1
		}
	}
}

// A span is one entry of a database before overlaps are resolved.
type span[A address[A]] struct {
	first, last A
	ref         uint32
}

// flatten resolves overlaps: of the spans that hold an address, the one that
// begins last wins, of those the narrowest (for prefixes that is the longest
// match), and of equal ones the last in the list. Addresses outside all spans
// get 0. The list is sorted in place unless it is already.
func flatten[A address[A]](spans []span[A]) ranges[A] {
	sortSpans(spans)
	out := everything[A](0)
	var open []span[A] // the spans around the current address, the winner last

	// closeTop ends the winner and what ends with it, and gives the addresses
	// after them to the span that is then on top.
	closeTop := func() {
		end := open[len(open)-1].last
		for len(open) > 0 && !end.before(open[len(open)-1].last) {
			open = open[:len(open)-1]
		}
		if end.succ().before(end) {
			return // the end of the space: nothing follows
		}
		ref := uint32(0)
		if len(open) > 0 {
			ref = open[len(open)-1].ref
		}
		out.add(end.succ(), ref)
	}
	for _, s := range spans {
		for len(open) > 0 && open[len(open)-1].last.before(s.first) {
			closeTop()
		}
		out.add(s.first, s.ref)
		open = append(open, s)
	}
	for len(open) > 0 {
		closeTop()
	}
	return out.clip()
}

// sortSpans puts spans that begin earlier first, and the wider first where
// they begin together.
func sortSpans[A address[A]](spans []span[A]) {
	compare := func(x, y span[A]) int {
		switch {
		case x.first.before(y.first) || x.first == y.first && y.last.before(x.last):
			return -1
		case x.first == y.first && x.last == y.last:
			return 0
		}
		return 1
	}
	if !slices.IsSortedFunc(spans, compare) {
		slices.SortStableFunc(spans, compare)
	}
}
