package health

import (
	"maps"
	"time"
)

// Rules are what a site says about how it comes back.
type Rules struct {
	// SlowStart is the time over which an address gets its clients back after
	// a failure, and a site after a drain; 0: at once.
	SlowStart time.Duration
	// Hold is how long a site that has recovered is held back; 0: not at all.
	Hold time.Duration
	// Manual holds it back until [Board.Release].
	Manual bool
	// Capacity is the load that the site can take, in the unit in which loads
	// are reported; 0: no bound.
	Capacity float64
}

// holds reports whether a site that has recovered is held back at all.
func (r Rules) holds() bool { return r.Hold > 0 || r.Manual }

// recovers reports whether a recovery needs to be watched.
func (r Rules) recovers() bool { return r.SlowStart > 0 || r.holds() }

// SetRules gives the board the rules of the sites, by name; a site without has
// the zero ones. The board keeps the map. What was under way by a rule that is
// gone ends.
func (b *Board) SetRules(rules map[string]Rules) {
	b.rules = rules
	maps.DeleteFunc(b.fallen, func(f family, _ fallback) bool { return !rules[f.site].holds() })
	maps.DeleteFunc(b.down, func(t Target, _ bool) bool { return !rules[t.Site].recovers() })
	maps.DeleteFunc(b.slow, func(t Target, _ time.Time) bool { return rules[t.Site].SlowStart == 0 })
}

// Rules returns those of a site.
func (b *Board) Rules(site string) Rules { return b.rules[site] }

// Settle does what has become due with time and with the results since the
// last call, and returns it as events in order. It goes before [Board.Snapshot].
func (b *Board) Settle(subjects []Subject, now time.Time) []Event {
	events := b.expire(now)
	events = append(events, b.recover(subjects, now)...)
	events = append(events, b.guard(subjects, now)...)
	return append(events, b.balance(subjects, now)...)
}

// Next returns the next moment after now at which [Board.Settle] has something
// to do or the snapshot changes by itself, and false if there is none.
func (b *Board) Next(now time.Time) (at time.Time, found bool) {
	earlier := func(t time.Time, ok bool) {
		if ok && t.After(now) && (!found || t.Before(at)) {
			at, found = t, true
		}
	}
	earlier(b.nextLook, !b.nextLook.IsZero())
	for _, o := range b.overrides {
		earlier(o.Next(now))
	}
	for f, back := range b.fallen {
		if r := b.rules[f.site]; back.holding && r.Hold > 0 && !r.Manual {
			earlier(back.since.Add(r.Hold), true)
		}
	}
	for t, begin := range b.slow {
		earlier(Ramp{0, FullShare, begin, b.rules[t.Site].SlowStart}.Next(now))
	}
	return at, found
}
