package health

import (
	"math"
	"time"
)

// watched is one check of one address, with its tracker. It is kept small, since
// there may be tens of thousands: what all addresses of a check have in common is
// shared, and what only a check in trouble has stands apart. TestWatchIsSmall
// holds what it costs.
type watched struct {
	key  Key
	plan *plan
	said *said // nil: it has passed and no more was said, always

	since, lastAt time.Time
	latency       time.Duration

	passes, fails, noVerdicts uint64

	run   int32 // successes in a row up to now; failures are negative
	last  Verdict
	flags uint8
}

// plan is what the addresses of a check have in common.
type plan struct {
	spec    Spec
	formula *Formula // nil unless calculated
}

// said is what probes have said beyond a plain pass.
type said struct {
	lastErr   string
	lastErrAt time.Time

	err, warning string // of the latest result
	load         float64
	hasLoad      bool
}

// The flags of a [watched].
const (
	flagKnown = 1 << iota
	flagUp
	flagRestored
)

// tracker returns the tracker in its open form.
func (w *watched) tracker() Tracker {
	t := Tracker{
		Known: w.flags&flagKnown != 0, Up: w.flags&flagUp != 0, Restored: w.flags&flagRestored != 0,
		Since: w.since, PassRun: int(max(w.run, 0)), FailRun: int(-min(w.run, 0)),
		Last:   Result{Verdict: w.last, Latency: w.latency, At: w.lastAt},
		Passes: w.passes, Fails: w.fails, NoVerdicts: w.noVerdicts,
	}
	if s := w.said; s != nil {
		t.LastErr, t.LastErrAt = s.lastErr, s.lastErrAt
		t.Last.Err, t.Last.Warning, t.Last.Load, t.Last.HasLoad = s.err, s.warning, s.load, s.hasLoad
	}
	return t
}

// set puts a tracker in place. Runs are counted to two thousand millions.
func (w *watched) set(t Tracker) {
	w.since, w.lastAt, w.latency, w.last = t.Since, t.Last.At, t.Last.Latency, t.Last.Verdict
	w.passes, w.fails, w.noVerdicts = t.Passes, t.Fails, t.NoVerdicts
	w.run = int32(min(t.PassRun, math.MaxInt32)) - int32(min(t.FailRun, math.MaxInt32))
	w.flags = 0
	w.flag(flagKnown, t.Known)
	w.flag(flagUp, t.Up)
	w.flag(flagRestored, t.Restored)
	s := said{t.LastErr, t.LastErrAt, t.Last.Err, t.Last.Warning, t.Last.Load, t.Last.HasLoad}
	switch {
	case w.said != nil:
		*w.said = s
	case s != said{}:
		w.said = new(said) // not &s, which would be allocated each time
		*w.said = s
	}
}

func (w *watched) flag(f uint8, on bool) {
	if on {
		w.flags |= f
	}
}
