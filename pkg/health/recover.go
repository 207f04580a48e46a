package health

import (
	"net/netip"
	"slices"
	"time"
)

// family is the addresses of one family of one site: a site is down in a
// family when none of them is up.
type family struct {
	site string
	v6   bool
}

func familyOf(site string, a netip.Addr) family { return family{site, a.Is6()} }

func (f family) String() string {
	if f.v6 {
		return "IPv6"
	}
	return "IPv4"
}

// fallback is the state of a family that was down: it still is, or it has
// recovered and is held back.
type fallback struct {
	holding bool
	since   time.Time // of the state
}

// recovery is what a board knows about failures that have passed.
type recovery struct {
	fallen map[family]fallback  // families that were down and are not back yet
	down   map[Target]bool      // addresses that were down at the last look
	slow   map[Target]time.Time // addresses that get their clients back by degrees, and since when
}

func newRecovery() recovery {
	return recovery{map[family]fallback{}, map[Target]bool{}, map[Target]time.Time{}}
}

// recover looks at all addresses whose sites have rules for coming back.
func (b *Board) recover(subjects []Subject, now time.Time) (events []Event) {
	var order []family
	up := map[family][]Target{} // addresses that are up
	for _, s := range subjects {
		if !s.checked() || !b.rules[s.Site].recovers() {
			continue
		}
		f, t := familyOf(s.Site, s.Addr), s.Target()
		if _, seen := up[f]; !seen {
			order = append(order, f)
			up[f] = nil
		}
		switch j := b.Judge(s); {
		case !j.Known:
			up[f] = append(up[f], t) // nothing bad is known about it
		case j.Up:
			if b.down[t] {
				b.slow[t] = now
			}
			delete(b.down, t)
			up[f] = append(up[f], t)
		default:
			b.down[t] = true
			delete(b.slow, t)
		}
	}
	for _, f := range order {
		events = append(events, b.fallBack(f, up[f], now)...)
	}
	for t, begin := range b.slow {
		if (Ramp{0, FullShare, begin, b.rules[t.Site].SlowStart}).At(now) == FullShare {
			delete(b.slow, t)
		}
	}
	return events
}

// fallBack moves a family on, given its addresses that are up.
func (b *Board) fallBack(f family, up []Target, now time.Time) []Event {
	r := b.rules[f.site]
	back, was := b.fallen[f]
	event := func(from, to, reason string) []Event {
		if up[0].Addr.IsValid() {
			reason = f.String() + ": " + reason
		}
		return []Event{{now, Target{Site: f.site}, from, to, reason}}
	}
	switch {
	case !r.holds():
		delete(b.fallen, f)
	case len(up) == 0:
		if !was || back.holding {
			b.fallen[f] = fallback{since: now}
		}
	case was && !back.holding:
		b.fallen[f] = fallback{holding: true, since: now}
		if r.Manual {
			return event("down", "held back", "recovered; fail_back is manual: geodns undrain "+f.site+" lets it in")
		}
		return event("down", "held back", "recovered; fail_back holds it for "+r.Hold.String())
	case was && !r.Manual && now.Sub(back.since) >= r.Hold:
		b.letIn(f, up, back.since.Add(r.Hold))
		return event("held back", "in service", "the time of fail_back is over")
	}
	return nil
}

// letIn ends a hold; the slow start begins with it.
func (b *Board) letIn(f family, up []Target, at time.Time) {
	delete(b.fallen, f)
	for _, t := range up {
		b.slow[t] = at
	}
}

// Release lets a site in again that has recovered and is held back, by a slow
// start unless at is at once, and reports whether there was anything to do.
func (b *Board) Release(site string, subjects []Subject, slowly bool, now time.Time) (was bool) {
	for _, f := range []family{{site, false}, {site, true}} {
		if !b.fallen[f].holding {
			continue
		}
		was = true
		up := b.upIn(f, subjects)
		b.letIn(f, up, now)
		if !slowly {
			for _, t := range up {
				delete(b.slow, t)
			}
		}
	}
	return was
}

// upIn returns the addresses of a family that are up.
func (b *Board) upIn(f family, subjects []Subject) (up []Target) {
	for _, s := range subjects {
		if s.checked() && familyOf(s.Site, s.Addr) == f && b.Judge(s).Up {
			up = append(up, s.Target())
		}
	}
	return up
}

// Held returns whether an address is held back, and until when; the time is
// zero if an operator must let it in.
func (b *Board) Held(t Target) (held bool, until time.Time) {
	f := familyOf(t.Site, t.Addr)
	back := b.fallen[f]
	if r := b.rules[t.Site]; back.holding && !r.Manual {
		until = back.since.Add(r.Hold)
	}
	return back.holding, until
}

// SlowShare returns the share of an address by its slow start.
func (b *Board) SlowShare(t Target, now time.Time) uint16 {
	begin, ok := b.slow[t]
	if !ok {
		return FullShare
	}
	return Ramp{0, FullShare, begin, b.rules[t.Site].SlowStart}.At(now)
}

// SlowUntil returns when a target has all its clients back, and whether it gets
// them by degrees after a failure.
func (b *Board) SlowUntil(t Target, now time.Time) (end time.Time, slow bool) {
	begin, ok := b.slow[t]
	if !ok {
		return time.Time{}, false
	}
	end = begin.Add(b.rules[t.Site].SlowStart)
	return end, end.After(now)
}

// SavedFallback is a family that was down, in a file.
type SavedFallback struct {
	Site    string    `json:"site"`
	V6      bool      `json:"ipv6,omitempty"`
	Holding bool      `json:"holding,omitempty"`
	Since   time.Time `json:"since"`
}

// SavedAddress is an address that was down, or is in its slow start.
type SavedAddress struct {
	Site  string     `json:"site"`
	Addr  netip.Addr `json:"address,omitzero"`
	Begin time.Time  `json:"begin,omitzero"` // of the slow start; zero: down
}

func (r recovery) save(s *Saved, now time.Time) {
	for f, back := range r.fallen {
		s.Fallen = append(s.Fallen, SavedFallback{f.site, f.v6, back.holding, onWall(back.since, now)})
	}
	for t := range r.down {
		s.Addresses = append(s.Addresses, SavedAddress{Site: t.Site, Addr: t.Addr})
	}
	for t, begin := range r.slow {
		s.Addresses = append(s.Addresses, SavedAddress{t.Site, t.Addr, onWall(begin, now)})
	}
	slices.SortFunc(s.Fallen, func(a, b SavedFallback) int {
		if a.Site == b.Site && a.V6 {
			return 1
		}
		return Target{Site: a.Site}.Compare(Target{Site: b.Site})
	})
	slices.SortFunc(s.Addresses, func(a, b SavedAddress) int {
		return Target{Site: a.Site, Addr: a.Addr}.Compare(Target{Site: b.Site, Addr: b.Addr})
	})
}

func (r recovery) restore(s Saved, at func(time.Time) time.Time) {
	for _, f := range s.Fallen {
		r.fallen[family{f.Site, f.V6}] = fallback{f.Holding, at(f.Since)}
	}
	for _, a := range s.Addresses {
		t := Target{Site: a.Site, Addr: a.Addr}
		if a.Begin.IsZero() {
			r.down[t] = true
		} else {
			r.slow[t] = at(a.Begin)
		}
	}
}
