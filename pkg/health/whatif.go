package health

import (
	"fmt"
	"maps"
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
	trial := *b
	trial.overrides = maps.Clone(b.overrides)
	trial.failing = map[Target]Judgment{}
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
	return trial.Snapshot(subjects, now), notes
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
