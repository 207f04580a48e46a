// Package health owns what is known about whether things work: the verdicts
// of probes, the rise and fall that turn verdicts into up and down, the
// operator's overrides, the times at which to probe, and the immutable
// [Snapshot] that answers are made from.
//
// It does not know how a probe is done (pkg/health/probe does), what a name
// or a policy is, or what time it is: results come in as values that carry
// their time. It starts no goroutine and takes no lock.
//
// The way through the package: a [Board] holds a [Tracker] for each check of
// each address. One goroutine owns the board, feeds it each [Result] with
// [Board.Step], and when that reports a change publishes [Board.Snapshot] to
// those who answer. [Phase] and [Next] say when to probe.
package health

import "slices"

// ID is the number of a thing whose state a [Snapshot] holds. IDs are handed
// out from 0 without gaps when a configuration is compiled and mean nothing
// outside it; whatever outlives a configuration is kept by [Key].
type ID uint32

// Forced says whether the operator has decided in place of the checks.
type Forced uint8

// The operator's decisions.
const (
	NotForced  Forced = iota // the checks decide
	ForcedDown               // down, whatever the checks say
	ForcedUp                 // up, whatever the checks say
)

// String returns "", "down" or "up".
func (f Forced) String() string {
	switch f {
	case ForcedDown:
		return "down"
	case ForcedUp:
		return "up"
	}
	return ""
}

// FullShare is the [Entry.Share] of a thing that may have all of its clients.
const FullShare = 65535

// Entry is the state of one thing. What the checks say and what the operator
// says stand apart, because a policy of last resort may ignore the one and
// honour the other.
type Entry struct {
	Up      bool   // by the checks alone
	Held    bool   // up by the checks, but kept out until its fail-back rule lets it in again
	Forced  Forced // by the operator
	Share   uint16 // part of its clients that it may have: 0 is drained, [FullShare] all
	Spill   uint16 // of a site over its capacity: the part of those clients that it sends on, as long as another takes them
	Horizon uint16 // seconds for which the checks cannot change Up; [NoHorizon]: as long as one likes
}

// NoHorizon is the [Entry.Horizon] of a thing that no check watches.
const NoHorizon = 65535

// Out reports whether the operator has taken the thing out altogether.
func (e Entry) Out() bool { return e.Share == 0 || e.Forced == ForcedDown }

// Keeps returns the part of its clients that a thing may have and keeps.
func (e Entry) Keeps() uint16 { return keptOf(e.Share, e.Spill) }

func keptOf(share, spill uint16) uint16 {
	return uint16(uint32(share) * (FullShare - uint32(spill)) / FullShare)
}

// entryUp is the state of a thing about which nothing bad is known.
var entryUp = Entry{Up: true, Share: FullShare, Horizon: NoHorizon}

// Snapshot is the state of all things of one configuration at one moment. It
// never changes, so any number of goroutines may read it. A nil Snapshot is
// one of no things.
type Snapshot struct {
	entries  []Entry
	kept     []map[ID]bool // by guard: what stays in although its checks fail
	spilling bool          // some site sends clients on
	refusals []Refusal
}

// Refusal says that a site has no room for all of the clients that another one
// sends on: it takes those whose place there is Below or higher. The place is
// that by which the share of From lets clients in, as if From had its full share.
type Refusal struct {
	From, To ID
	Below    uint16
}

// Spilling reports whether any site sends clients on for want of capacity.
func (s *Snapshot) Spilling() bool { return s != nil && s.spilling }

// Refusals returns what sites do not take of the clients that others send on.
// It must not be changed.
func (s *Snapshot) Refusals() []Refusal {
	if s == nil {
		return nil
	}
	return s.refusals
}

// WithRefusals returns a copy of s with exactly the given refusals.
func (s *Snapshot) WithRefusals(r ...Refusal) *Snapshot {
	c := *s
	c.refusals = slices.Clone(r)
	return &c
}

// NewSnapshot returns a snapshot of n things, all up, with their full share.
func NewSnapshot(n int) *Snapshot {
	s := &Snapshot{entries: make([]Entry, n)}
	for i := range s.entries {
		s.entries[i] = entryUp
	}
	return s
}

// At returns the state of one thing. One that is not in the snapshot is up
// with its full share: nothing bad is known about it.
func (s *Snapshot) At(id ID) Entry {
	if s == nil || uint64(id) >= uint64(len(s.entries)) {
		return entryUp
	}
	return s.entries[id]
}

// Kept reports whether a guard keeps a thing in although its checks fail,
// because taking it out too would leave too little. Guards are numbered from 0
// when a configuration is compiled; of an unknown one nothing is kept.
func (s *Snapshot) Kept(guard int, id ID) bool {
	return s != nil && uint(guard) < uint(len(s.kept)) && s.kept[guard][id]
}

// WithKept returns a copy of s in which a guard keeps exactly the given things.
func (s *Snapshot) WithKept(guard int, ids ...ID) *Snapshot {
	c := *s
	c.kept = slices.Clone(s.kept)
	for len(c.kept) <= guard {
		c.kept = append(c.kept, nil)
	}
	c.kept[guard] = make(map[ID]bool, len(ids))
	for _, id := range ids {
		c.kept[guard][id] = true
	}
	return &c
}

// Len returns the number of things in the snapshot; their IDs are 0 to Len-1.
func (s *Snapshot) Len() int {
	if s == nil {
		return 0
	}
	return len(s.entries)
}

// With returns a copy of s in which id has the state e. An id that is not in
// s is a mistake of the caller and panics.
func (s *Snapshot) With(id ID, e Entry) *Snapshot {
	if uint64(id) >= uint64(s.Len()) {
		panic("health: Snapshot.With: no such ID")
	}
	c := *s
	c.entries = slices.Clone(s.entries)
	c.entries[id] = e
	c.spilling = slices.ContainsFunc(c.entries, func(e Entry) bool { return e.Spill > 0 })
	return &c
}
