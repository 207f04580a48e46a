package health

import (
	"maps"
	"slices"
	"time"
)

// The spill-over of a site that has more load than capacity.
const (
	SpillInterval = 10 * time.Second // between two looks
	firstLook     = time.Second      // after the first report; those of the other sites come along
	LoadTTL       = 30 * time.Second // a report that is older moves nothing any more
	LoadForgotten = 5 * time.Minute  // one that is older is no reason to keep clients away

	spillStep   = FullShare / 10  // of its clients a site gives or takes at most at one look
	leastShare  = FullShare / 100 // that a site keeps however much load it has
	spillSettle = time.Minute     // until a move is expected to show in the reports

	fillTo   = 0.9 // part of its capacity to which a site is filled
	comeBack = 0.8 // part below which a site takes clients back
)

// move is load that was sent somewhere and may not show in the reports yet.
type move struct {
	amount float64
	until  time.Time
}

// spill is the state of one site that has a capacity.
type spill struct {
	share    uint16 // part of its clients that it keeps
	load     float64
	at       time.Time // of the report; zero if there was none
	leaving  []move
	arriving []move
	closed   map[string]uint16 // by site: it takes none of those sent on whose place is below; never changed, but replaced
	stuck    bool              // over its capacity, and nobody has room
}

func (s spill) fresh(now time.Time) bool { return !s.at.IsZero() && now.Sub(s.at) < LoadTTL }

// sum returns what is on its way, and the moves without those that have
// arrived.
func sum(moves []move, now time.Time) (total float64, rest []move) {
	for _, m := range moves {
		if m.until.After(now) {
			total, rest = total+m.amount, append(rest, m)
		}
	}
	return total, rest
}

// SetSuccessors tells for each site which sites take its clients next, and
// beyond which do if those have no room. The board keeps the maps.
func (b *Board) SetSuccessors(next, beyond map[string][]string) {
	b.successors, b.beyond = next, beyond
}

// ReportLoad notes the load of a site, in the unit of its capacity, and reports
// false if the site has none.
func (b *Board) ReportLoad(site string, load float64, now time.Time) bool {
	if b.rules[site].Capacity == 0 {
		return false
	}
	s, ok := b.spills[site]
	if !ok {
		s.share = FullShare
	}
	s.load, s.at = load, now
	b.spills[site] = s
	if b.nextLook.IsZero() {
		b.nextLook = now.Add(firstLook)
	}
	return true
}

// Load returns the last report of a site's load, whether it is fresh, and the
// part of its clients that the site keeps.
func (b *Board) Load(site string, now time.Time) (load float64, fresh bool, share uint16) {
	s, ok := b.spills[site]
	if !ok {
		return 0, false, FullShare
	}
	return s.load, s.fresh(now), s.share
}

// balance looks at the loads, once an interval.
func (b *Board) balance(subjects []Subject, now time.Time) (events []Event) {
	maps.DeleteFunc(b.spills, func(site string, _ spill) bool { return b.rules[site].Capacity == 0 })
	if len(b.spills) == 0 {
		b.nextLook = time.Time{}
		return nil
	}
	if b.nextLook.After(now) {
		return nil
	}
	b.nextLook = now.Add(SpillInterval)
	v := b.viewOf(subjects, now)
	for _, site := range slices.Sorted(maps.Keys(b.spills)) {
		s := b.spills[site]
		before := s
		v.look(site, &s)
		b.spills[site] = s
		switch reason := ""; {
		case s.stuck && !before.stuck:
			events = append(events, Event{now, Target{Site: site}, "over capacity", "over capacity", "no other site has room for what is too much: nothing is moved"})
		case s.share < FullShare && before.share == FullShare:
			reason = "more load than capacity: the excess moves on"
			events = append(events, Event{now, Target{Site: site}, "in service", "spilling over", reason})
		case s.share == FullShare && before.share < FullShare:
			events = append(events, Event{now, Target{Site: site}, "spilling over", "in service", "all of its clients are back"})
		}
	}
	return events
}
