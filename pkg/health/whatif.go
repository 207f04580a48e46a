package health

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Supposition is a change to the state of things that is only thought of.
type Supposition struct {
	// Down are sites, or addresses of sites, whose checks fail, also if they
	// are forced up or have no checks. They fail one after the other.
	Down []Target
	// Set are overrides that somebody has decided, as another server told.
	Set map[Target]Limit
	// Drains leave sites so much of their clients. A guard may forbid them.
	Drains []SupposedDrain
	// Keeps are the parts of their clients that sites keep for want of capacity,
	// as another server told.
	Keeps map[string]uint16
}

// SupposedDrain leaves a target a part of its clients.
type SupposedDrain struct {
	Target
	Left uint16
}

// WhatIf returns the snapshot that there would be, what guards keep in or
// forbid being carried out, and what there is to say of that. The board stays
// as it is.
func (b *Board) WhatIf(subjects []Subject, s Supposition, now time.Time) (snap *Snapshot, notes []string) {
	t, notes := b.Suppose(subjects, s, now)
	return t.Snapshot(), notes
}

// Trial is a board as it would be, of its own: what happens to the board does
// not matter to it.
type Trial struct {
	board    Board
	subjects []Subject
	now      time.Time
}

// Suppose returns a trial under a supposition, and what there is to say of
// guards. The board stays as it is.
func (b *Board) Suppose(subjects []Subject, s Supposition, now time.Time) (t *Trial, notes []string) {
	trial := b.clone()
	trial.failing = map[Target]Judgment{}
	for site, keeps := range s.Keeps {
		trial.spills[site] = spill{share: max(keeps, leastShare)}
	}
	for t, l := range s.Set {
		if l.Forced != NotForced {
			trial.overrides[overrideKey{t, true}] = Override{Kind: Force, Forced: l.Forced}
		}
		if l.Share < FullShare {
			trial.overrides[overrideKey{t, false}] = Override{Kind: Drain, Ramp: Ramp{From: l.Share, To: l.Share}}
		}
	}
	for i, t := range s.Down {
		trial.fail(t, subjects, Judgment{Known: true, Since: now.Add(time.Duration(i)), Err: "taken as down"})
	}
	for _, d := range s.Drains {
		if why := trial.Forbids(d.Target, subjects, now); why != "" {
			notes = append(notes, fmt.Sprintf("%s is not drained: %s", d.Target, why))
			continue
		}
		left := min(d.Left, trial.Limit(d.Target, now).Share)
		trial.overrides[overrideKey{d.Target, false}] = Override{Kind: Drain, Ramp: Ramp{From: left, To: left}}
	}
	for _, e := range trial.guard(subjects, now) {
		notes = append(notes, fmt.Sprintf("%s: %s", e.Target, e.Reason))
	}
	return &Trial{trial, subjects, now}, notes
}

// clone returns a copy with state of its own.
func (b *Board) clone() Board {
	c := *b
	c.overrides, c.spills = maps.Clone(b.overrides), maps.Clone(b.spills)
	c.fallen, c.down, c.slow = maps.Clone(b.fallen), maps.Clone(b.down), maps.Clone(b.slow)
	c.watches = slices.Clone(b.watches)
	for i := range c.watches {
		if said := c.watches[i].said; said != nil {
			own := *said
			c.watches[i].said = &own
		}
	}
	return c
}

// Snapshot returns the state of all things in the trial.
func (t *Trial) Snapshot() *Snapshot { return t.board.Snapshot(t.subjects, t.now) }

// Tell tells the loads of sites when all that was moved before has arrived, and
// lets the board look at them once, as it does every [SpillInterval]. It reports
// whether any site sends other clients on than before. What is not told is not
// known.
func (t *Trial) Tell(loads map[string]float64) (changed bool) {
	b := &t.board
	for site, s := range b.spills {
		s.leaving, s.arriving, s.at = nil, nil, time.Time{}
		b.spills[site] = s
	}
	for site, load := range loads {
		b.ReportLoad(site, load, t.now)
	}
	before := maps.Clone(b.spills)
	b.nextLook = t.now
	b.balance(t.subjects, t.now)
	for site, s := range b.spills {
		changed = changed || s.share != before[site].share || !maps.Equal(s.closed, before[site].closed)
	}
	return changed
}

// fail takes the checks of a target as failing.
func (b *Board) fail(t Target, subjects []Subject, j Judgment) {
	for _, s := range subjects {
		if s.Policy != "" || s.Site != t.Site || t.Addr.IsValid() && s.Addr != t.Addr {
			continue
		}
		if s.Addr.IsValid() {
			b.failing[s.Target()] = j
		}
		key := overrideKey{s.Target(), true}
		if b.overrides[key].Forced == ForcedUp {
			delete(b.overrides, key)
		}
	}
}
