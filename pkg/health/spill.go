package health

import (
	"maps"
	"math"
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
	stuck    bool // over its capacity, and nobody has room
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

// SetSuccessors tells for each site which sites take its clients next. The
// board keeps the map.
func (b *Board) SetSuccessors(s map[string][]string) { b.successors = s }

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
	addrs := addressesOf(subjects)
	for _, site := range slices.Sorted(maps.Keys(b.spills)) {
		s := b.spills[site]
		before := s
		b.look(site, &s, addrs, now)
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

// look decides about one site.
func (b *Board) look(site string, s *spill, addrs map[string][]Subject, now time.Time) {
	var leaving, arriving float64
	leaving, s.leaving = sum(s.leaving, now)
	arriving, s.arriving = sum(s.arriving, now)
	capacity := b.rules[site].Capacity
	s.stuck = false
	switch load := s.load - leaving; {
	case !s.fresh(now):
		if now.Sub(s.at) >= LoadForgotten {
			s.share += min(spillStep, FullShare-s.share)
		}
	case load > capacity:
		b.shed(site, s, load, addrs, now)
	case s.share < FullShare && leaving == 0 && s.load+arriving < comeBack*capacity:
		// Never more than fills it: what it keeps now makes this load.
		load := s.load + arriving
		most := float64(FullShare)
		if load > 0 {
			most = min(most, float64(s.share)*fillTo*capacity/load)
		}
		step := min(spillStep, max(0, most-float64(s.share)))
		s.arriving = append(s.arriving, move{load * step / float64(s.share), now.Add(spillSettle)})
		s.share += uint16(step)
	}
}

// shed sends the excess to the sites that take its clients next: at most a step,
// and at most what each of them that has a capacity has room for, so that none
// tips over in turn.
func (b *Board) shed(site string, s *spill, load float64, addrs map[string][]Subject, now time.Time) {
	takers := b.takers(site, addrs, now)
	room := math.Inf(1)
	if len(takers) == 0 {
		room = 0
	}
	for _, t := range takers {
		room = min(room, b.room(t, now))
	}
	share := float64(s.share)
	step := min(spillStep, share*(1-b.rules[site].Capacity/load), share-min(share, leastShare))
	step = math.Floor(min(step, share*room/load))
	if step < 1 {
		s.stuck = true
		return
	}
	m := move{load * step / share, now.Add(spillSettle)}
	s.share -= uint16(step)
	s.leaving = append(s.leaving, m)
	for _, t := range takers {
		if to, ok := b.spills[t]; ok {
			to.arriving = append(slices.Clone(to.arriving), m)
			b.spills[t] = to
		}
	}
}

// room returns how much load a site can take. One with a capacity of which no
// fresh report tells takes none.
func (b *Board) room(site string, now time.Time) float64 {
	capacity := b.rules[site].Capacity
	if capacity == 0 {
		return math.Inf(1)
	}
	s, ok := b.spills[site]
	if !ok || !s.fresh(now) {
		return 0
	}
	arriving, _ := sum(s.arriving, now)
	return max(0, fillTo*capacity-s.load-arriving)
}

// takers returns the sites that take the clients of a site next. In the place of
// one that is out stand those that take its clients.
func (b *Board) takers(site string, addrs map[string][]Subject, now time.Time) []string {
	seen := map[string]bool{site: true}
	var out []string
	for todo := slices.Clone(b.successors[site]); len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		if list := addrs[next]; len(list) > 0 {
			if _, is := b.outOf(next, list, now); is {
				todo = append(todo, b.successors[next]...)
				continue
			}
		}
		out = append(out, next)
	}
	return out
}
