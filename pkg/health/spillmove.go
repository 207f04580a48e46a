package health

import (
	"maps"
	"math"
	"slices"
	"time"
)

// spillView is one look at the loads.
type spillView struct {
	b     *Board
	addrs map[string][]Subject // by site
	now   time.Time
	// overridden says that targets of policies are overridden: who follows whom
	// is then not known for sure.
	overridden bool
}

func (b *Board) viewOf(subjects []Subject, now time.Time) spillView {
	v := spillView{b: b, addrs: addressesOf(subjects), now: now}
	for k := range b.overrides {
		v.overridden = v.overridden || k.target.Policy != ""
	}
	return v
}

// look decides about one site.
func (v spillView) look(site string, s *spill) {
	var leaving, arriving float64
	leaving, s.leaving = sum(s.leaving, v.now)
	arriving, s.arriving = sum(s.arriving, v.now)
	v.tidy(s)
	capacity := v.b.rules[site].Capacity
	load := s.load - leaving
	if s.fresh(v.now) {
		load -= v.reopen(s, arriving, load > capacity)
		s.stuck = s.stuck && load > capacity
	}
	switch {
	case !s.fresh(v.now):
		if v.now.Sub(s.at) >= LoadForgotten {
			s.share += min(spillStep, FullShare-s.share)
		}
	case load > capacity:
		v.shed(site, s, load, arriving)
	case s.share < FullShare && leaving == 0 && s.load+arriving < comeBack*capacity:
		// Never more than fills it: what it keeps now makes this load.
		load := s.load + arriving
		most := float64(FullShare)
		if load > 0 {
			most = min(most, float64(s.share)*fillTo*capacity/load)
		}
		step := min(spillStep, max(0, most-float64(s.share)))
		s.arriving = append(s.arriving, move{load * step / float64(s.share), v.now.Add(spillSettle)})
		s.share += uint16(step)
	}
	v.tidy(s)
}

// shed sends the excess on: at most a step. Each of the sites that may take the
// clients is held to have to take them all, since nobody knows how they divide;
// what it has no room for it refuses, so that none tips over in turn. The
// client of whom all are refused stays.
func (v spillView) shed(site string, s *spill, load, arriving float64) {
	share := float64(s.share)
	wanted := min(spillStep, share*(1-v.b.rules[site].Capacity/load), share-min(share, leastShare))
	unit := (s.load + arriving) / share // load of one unit of share; what is leaving may still be here
	takers := v.takers(site, s, unit, wanted)
	most := 0.0
	for _, t := range takers {
		most = max(most, t.most)
	}
	step := math.Floor(min(wanted, most))
	if step < 1 {
		s.stuck = s.stuck || len(s.leaving) == 0
		return
	}
	for _, t := range takers {
		takes := min(t.most, step)
		if takes < step {
			s.refuse(t.site, max(s.closed[t.site], s.share-uint16(takes)))
		}
		v.send(t.site, takes*unit)
	}
	s.leaving = append(s.leaving, move{load * step / share, v.now.Add(spillSettle)})
	s.share -= uint16(step)
}

// reopen lets sites that refuse clients take more of them when they have room
// again, at most a step. It returns what a site that is over its capacity may
// lose by that.
func (v spillView) reopen(s *spill, arriving float64, over bool) (lost float64) {
	unit := (s.load + arriving) / float64(s.share)
	for _, to := range slices.Sorted(maps.Keys(s.closed)) {
		t, ok := v.b.spills[to]
		if !ok || !t.fresh(v.now) {
			continue
		}
		coming, _ := sum(t.arriving, v.now)
		if t.load+coming >= comeBack*v.b.rules[to].Capacity {
			continue
		}
		below := s.closed[to]
		step := math.Floor(min(spillStep, float64(below-s.share), v.room(to)/unit))
		if step < 1 {
			continue
		}
		s.refuse(to, below-uint16(step))
		v.send(to, step*unit)
		if over {
			s.leaving = append(s.leaving, move{step * unit, v.now.Add(spillSettle)})
			lost += step * unit
		}
	}
	return lost
}

// send notes load that is on its way to a site.
func (v spillView) send(to string, amount float64) {
	if t, ok := v.b.spills[to]; ok && amount > 0 {
		t.arriving = append(slices.Clone(t.arriving), move{amount, v.now.Add(spillSettle)})
		v.b.spills[to] = t
	}
}

// refuse notes that a site takes none of those sent on whose place is below.
func (s *spill) refuse(to string, below uint16) {
	c := maps.Clone(s.closed)
	if c == nil {
		c = map[string]uint16{}
	}
	c[to] = below
	s.closed = c
}

// tidy forgets refusals that say nothing: of those whom the site keeps, and by
// sites that have no bound any more.
func (v spillView) tidy(s *spill) {
	for to, below := range s.closed {
		if below <= s.share || v.b.rules[to].Capacity == 0 {
			s.closed = maps.Clone(s.closed)
			delete(s.closed, to)
		}
	}
}

// refusals returns what sites do not take of the clients that others send on.
func (b *Board) refusals(subjects []Subject) (out []Refusal) {
	ids := map[string]ID{}
	for _, s := range subjects {
		if s.Policy == "" && !s.Addr.IsValid() {
			ids[s.Site] = s.ID
		}
	}
	for _, from := range slices.Sorted(maps.Keys(b.spills)) {
		s := b.spills[from]
		for _, to := range slices.Sorted(maps.Keys(s.closed)) {
			f, known := ids[from]
			t, too := ids[to]
			if known && too {
				out = append(out, Refusal{f, t, s.closed[to]})
			}
		}
	}
	return out
}
