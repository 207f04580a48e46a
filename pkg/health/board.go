package health

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Key names one check of one address of one site. State is kept by key, never
// by number, so that it outlives a reload that adds or removes other things.
type Key struct {
	Site  string
	Addr  netip.Addr // invalid for a check of the site as a whole
	Check string
}

// String returns the parts of k that are set, with blanks between them.
func (k Key) String() string {
	parts := make([]string, 0, 3)
	if k.Site != "" {
		parts = append(parts, k.Site)
	}
	if k.Addr.IsValid() {
		parts = append(parts, k.Addr.String())
	}
	if k.Check != "" {
		parts = append(parts, k.Check)
	}
	return strings.Join(parts, " ")
}

// Compare orders keys by site, address and check.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Site, o.Site), k.Addr.Compare(o.Addr), cmp.Compare(k.Check, o.Check))
}

// Watch is one check of one address as configured.
type Watch struct {
	Key     Key
	Spec    Spec
	Formula *Formula // of a check that is calculated from others and not probed; else nil
}

// Subject is a thing with a number in the snapshot: an address of a site, with
// an invalid Addr the site as a whole, or with Policy set a target of a policy,
// which has no checks of its own.
type Subject struct {
	ID     ID
	Policy string
	Site   string
	Addr   netip.Addr
	Checks []string // all must pass; none means up
}

// Target returns the subject as the target of an override.
func (s Subject) Target() Target { return Target{s.Policy, s.Site, s.Addr} }

// checked reports whether s has checks: it is an address, or a site that has
// none.
func (s Subject) checked() bool { return s.Policy == "" && len(s.Checks) > 0 }

// Judgment is the state of a subject folded from its checks, and why.
type Judgment struct {
	Up    bool
	Known bool      // each check has given a verdict; true if there are none
	Since time.Time // when the deciding check decided; zero if none has
	Check string    // the check that decided: the first that is down, else the one that changed last
	Err   string    // why it is down; "" if up
}

// Board holds the trackers of all checks by key, and the overrides. It is a
// plain value without a lock: one goroutine owns it. A new one is made with
// [NewBoard].
type Board struct {
	// UnknownDown makes a check that has given no verdict yet count as down.
	// The default is up: an answer too many is better than none.
	UnknownDown bool

	watches   []watched     // in the order in which they were given
	places    keyIndex      // of the watches
	order     []int32       // places in the order of the keys
	above     map[Key][]Key // the calculated checks of which a check is a member
	overrides overrides
	rules     map[string]Rules
	prior     map[Key]prior // of an earlier run, until their checks are watched
	guards    []Guard
	kept      map[keeping]bool // what the guards keep in, as of the last Settle
	recovery

	successors map[string][]string // by site: who takes its clients next
	beyond     map[string][]string // and who if those do not
	spills     map[string]spill    // of the sites that reported a load
	nextLook   time.Time           // at the loads; zero if there are none

	failing map[Target]Judgment // addresses that WhatIf takes as failing
}

// NewBoard returns a board that watches the given checks and knows nothing of
// them yet.
func NewBoard(watches []Watch) *Board {
	b := &Board{overrides: overrides{}, recovery: newRecovery(), spills: map[string]spill{}}
	b.Rebuild(watches)
	return b
}

// Rebuild makes the board watch exactly the given checks, as a reload does.
// Those watched before keep their trackers, also under a new spec; the others
// start unknown, or as an earlier run left them (see [Board.Restore]); the gone
// are dropped and returned in order. Overrides are kept whatever the
// configuration says: a site that is drained, taken out of the file by mistake
// and put back, is still drained.
func (b *Board) Rebuild(watches []Watch) (gone []Key) {
	before := *b
	b.watches, b.places = make([]watched, 0, len(watches)), newKeyIndex(len(watches))
	plans := map[plan]*plan{}
	for _, w := range watches {
		if b.find(w.Key) != nil {
			continue // the same check of the same address
		}
		shared := plans[plan{w.Spec, w.Formula}]
		if shared == nil {
			shared = &plan{w.Spec, w.Formula}
			plans[*shared] = shared
		}
		next := watched{key: w.Key, plan: shared}
		if was := before.find(w.Key); was != nil {
			next.set(was.tracker())
		} else if p, ok := b.prior[w.Key]; ok {
			next.set(Tracker{Known: true, Up: p.up, Since: p.since, Restored: true})
		}
		b.places.add(w.Key, len(b.watches))
		b.watches = append(b.watches, next)
	}
	if len(watches) > 0 {
		b.prior = nil // what the first configuration lacks is forgotten
	}
	for i := range before.watches {
		if k := before.watches[i].key; b.find(k) == nil {
			gone = append(gone, k)
		}
	}
	slices.SortFunc(gone, Key.Compare)
	b.sort()
	b.linkFormulas()
	b.settleAll()
	return gone
}

// sort notes the order of the keys.
func (b *Board) sort() {
	b.order = make([]int32, len(b.watches))
	for i := range b.order {
		b.order[i] = int32(i)
	}
	slices.SortFunc(b.order, func(i, j int32) int { return b.watches[i].key.Compare(b.watches[j].key) })
}

// find returns the watch of k, or nil.
func (b *Board) find(k Key) *watched {
	if at, ok := b.Place(k); ok {
		return &b.watches[at]
	}
	return nil
}

// Place returns where k stands among the checks watched, which are counted from
// 0 in the order in which they were given, and whether it is watched. It holds
// until the next [Board.Rebuild].
func (b *Board) Place(k Key) (int, bool) {
	at := b.places.find(k, func(i int) *Key { return &b.watches[i].key })
	return at, at >= 0
}

// Step feeds one result to the tracker of k and reports whether its state
// changed, as [Tracker.Step] does, or that of a check calculated from it. A result for a key that is not watched, as
// one that was on its way during a reload, is dropped.
func (b *Board) Step(k Key, r Result) (changed bool) {
	w := b.find(k)
	if w == nil {
		return false
	}
	t, changed := w.tracker().Step(r, w.plan.spec)
	w.set(t)
	for _, up := range b.Above(k) {
		changed = b.settle(up, r.At) || changed
	}
	return changed
}

// Tracker returns the tracker of k, and whether k is watched.
func (b *Board) Tracker(k Key) (Tracker, bool) {
	w := b.find(k)
	if w == nil {
		return Tracker{}, false
	}
	return w.tracker(), true
}

// Adopt gives the check k, if it is watched, the tracker that another board had
// for it: that of the process which this one follows.
func (b *Board) Adopt(k Key, t Tracker) {
	if w := b.find(k); w != nil {
		w.set(t)
	}
}

// Len returns the number of checks watched.
func (b *Board) Len() int { return len(b.watches) }

// Unknown returns how many checks have given no verdict yet.
func (b *Board) Unknown() int {
	n := 0
	for i := range b.watches {
		if b.watches[i].flags&flagKnown == 0 {
			n++
		}
	}
	return n
}

// All returns the trackers in the order of their keys.
func (b *Board) All() iter.Seq2[Key, Tracker] {
	return func(yield func(Key, Tracker) bool) {
		for _, i := range b.order {
			if w := &b.watches[i]; !yield(w.key, w.tracker()) {
				return
			}
		}
	}
}

// Judge folds the checks of s: it is up when none of them is down. A check
// that has given no verdict counts as [Board.UnknownDown] says, and so does
// one that is not watched. Overrides do not enter.
func (b *Board) Judge(s Subject) Judgment {
	if len(b.failing) > 0 {
		if j, supposed := b.failing[s.Target()]; supposed {
			return j
		}
	}
	j := Judgment{Up: true, Known: true}
	for _, check := range s.Checks {
		t, _ := b.Tracker(Key{s.Site, s.Addr, check})
		j.Known = j.Known && t.Known
		j = b.fold(j, check, t)
	}
	return j
}

// fold takes one more check into j. The first that is down decides and stays.
func (b *Board) fold(j Judgment, check string, t Tracker) Judgment {
	switch {
	case !j.Up:
	case t.Known && !t.Up:
		j.Up, j.Since, j.Check, j.Err = false, t.Since, check, t.LastErr
	case !t.Known && b.UnknownDown:
		j.Up, j.Since, j.Check, j.Err = false, time.Time{}, check, "no verdict yet"
	case t.Known && !t.Since.Before(j.Since):
		j.Since, j.Check = t.Since, check
	}
	return j
}

// Snapshot returns the state of the given subjects at a moment: folded from
// their checks as [Board.Judge] does, with the overrides. It holds the IDs from 0 to the
// greatest one given; those not given are up.
func (b *Board) Snapshot(subjects []Subject, now time.Time) *Snapshot {
	n := 0
	for _, s := range subjects {
		n = max(n, int(s.ID)+1)
	}
	snap := NewSnapshot(n)
	for _, s := range subjects {
		e := b.entry(s, now)
		snap.entries[s.ID] = e
		snap.spilling = snap.spilling || e.Spill > 0
	}
	if snap.spilling {
		snap.refusals = b.refusals(subjects)
	}
	for _, g := range b.guards {
		var ids []ID
		for _, s := range subjects {
			if s.Policy == "" && !s.Addr.IsValid() && b.kept[keeping{g.Number, s.Site}] {
				ids = append(ids, s.ID)
			}
		}
		if len(ids) > 0 {
			snap = snap.WithKept(g.Number, ids...)
		}
	}
	return snap
}

// entry returns the state of one subject.
func (b *Board) entry(s Subject, now time.Time) Entry {
	l := b.Limit(s.Target(), now)
	e := Entry{Up: b.Judge(s).Up, Forced: l.Forced, Share: l.Share, Horizon: NoHorizon}
	if sp, ok := b.spills[s.Site]; ok && s.Policy == "" && !s.Addr.IsValid() {
		e.Spill = FullShare - sp.share
	}
	if s.checked() {
		e.Horizon = b.horizon(s)
		var until time.Time
		if e.Held, until = b.Held(s.Target()); e.Held && !until.IsZero() {
			e.Horizon = min(e.Horizon, seconds(until.Sub(now)))
		}
		e.Share = min(e.Share, b.SlowShare(s.Target(), now))
	}
	return e
}
