package health

import (
	"fmt"
	"time"
)

// Placed is an override and what it is about.
type Placed struct {
	Target Target
	Override
}

// Overrides returns the overrides in force, in the order of their targets.
func (b *Board) Overrides() []Placed {
	out := make([]Placed, 0, len(b.overrides))
	for _, k := range b.overrides.keys() {
		out = append(out, Placed{k.target, b.overrides[k]})
	}
	return out
}

// Limit returns what the overrides of t amount to at a moment.
func (b *Board) Limit(t Target, now time.Time) Limit { return b.overrides.limit(t, now) }

// Drain takes t out, from the share that it has now. The error is
// [ErrTooMany].
func (b *Board) Drain(t Target, o Order, now time.Time) error {
	ramp := Ramp{From: b.Limit(t, now).Share, To: 0, Begin: now, Over: o.Over}
	return b.overrides.put(t, Override{
		Kind: Drain, Ramp: ramp, Until: o.until(now), Set: now, Who: o.Who, Reason: o.Reason})
}

// Undrain lets t in again, by degrees over o.Over, and reports whether it was
// drained. With o.Over 0 or less it has its full share at once.
func (b *Board) Undrain(t Target, o Order, now time.Time) (was bool) {
	key := overrideKey{t, false}
	before, was := b.overrides[key]
	if !was {
		return false
	}
	delete(b.overrides, key)
	share := before.Ramp.At(now)
	if o.Over > 0 && share < FullShare {
		b.overrides[key] = Override{Kind: Return, Ramp: Ramp{share, FullShare, now, o.Over}, Set: now, Who: o.Who, Reason: o.Reason}
	}
	return true
}

// Reintroduce gives t its clients back by degrees over o.Over, from none.
func (b *Board) Reintroduce(t Target, o Order, now time.Time) {
	if o.Over > 0 {
		_ = b.overrides.put(t, Override{Kind: Return, Ramp: Ramp{0, FullShare, now, o.Over}, Set: now, Who: o.Who, Reason: o.Reason})
	}
}

// Force makes t up or down whatever its checks say; [NotForced] takes that
// back. It reports whether anything was there to be changed. The error is
// [ErrTooMany].
func (b *Board) Force(t Target, f Forced, o Order, now time.Time) (changed bool, err error) {
	key := overrideKey{t, true}
	before, was := b.overrides[key]
	if f == NotForced {
		delete(b.overrides, key)
		return was, nil
	}
	err = b.overrides.put(t, Override{Kind: Force, Forced: f, Until: o.until(now), Set: now, Who: o.Who, Reason: o.Reason})
	return err == nil && (!was || before.Forced != f), err
}

// Event is something that came about with time, for the log and the list of
// the last transitions.
type Event struct {
	At     time.Time
	Target Target
	From   string
	To     string
	Reason string
}

// String returns it as one line without its time.
func (e Event) String() string {
	return fmt.Sprintf("%s: %s → %s: %s", e.Target, e.From, e.To, e.Reason)
}

// expire ends the overrides that end by themselves. A drain that ends is
// followed by a return over the slow start of its site, which begins when the
// drain ended, whenever that is noticed.
func (b *Board) expire(now time.Time) (events []Event) {
	for _, k := range b.overrides.keys() {
		o := b.overrides[k]
		if !o.over(now) {
			continue
		}
		delete(b.overrides, k)
		e := Event{At: now, Target: k.target, From: o.word(), To: "in service", Reason: "the time of the override is over"}
		switch back := b.rules[k.target.Site].SlowStart; {
		case o.Kind == Return:
			e.Reason = "all of its clients are back"
		case o.Kind == Force:
			e.To = "as checked"
		case o.Kind == Drain && back > 0:
			r := Override{Kind: Return, Ramp: Ramp{o.Ramp.At(o.Until), FullShare, o.Until, back}, Set: now, Who: o.Who, Reason: o.Reason}
			if !r.over(now) {
				b.overrides[k] = r
				e.To = "returning"
			}
		}
		events = append(events, e)
	}
	return events
}

// word says in one word or two what an override makes of its target.
func (o Override) word() string {
	switch o.Kind {
	case Drain:
		return "drained"
	case Return:
		return "returning"
	}
	return "forced " + o.Forced.String()
}
