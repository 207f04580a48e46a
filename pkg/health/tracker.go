package health

import "time"

// Tracker turns the verdicts of one check of one address into up and down. It
// is a value: [Tracker.Step] returns the next one. The zero Tracker is ready
// for use and knows nothing yet.
type Tracker struct {
	Known bool      // a verdict has been given; before that Up means nothing
	Up    bool      // the state
	Since time.Time // when the state was last decided: the first verdict or the last change

	// Restored says that the state is that of an earlier run: the next verdict
	// decides at once, and Since stays if it says the same.
	Restored bool

	PassRun int // successes in a row up to now
	FailRun int // failures in a row up to now; one of the two is 0

	Last      Result    // the latest result, whatever its verdict
	LastErr   string    // of the latest result that was no success; kept after recovery
	LastErrAt time.Time // when that was

	Passes, Fails, NoVerdicts uint64 // results so far
}

// Step returns the tracker after one more result, and whether the state
// changed: from unknown to a first verdict, from up to down, or from down to
// up. The first verdict decides at once in both directions. From then on
// spec.Fall failures in a row make it down and spec.Rise successes in a row
// make it up. [NoVerdict] keeps the state, and neither lengthens nor breaks a
// run: it says nothing about the target.
func (t Tracker) Step(r Result, spec Spec) (next Tracker, changed bool) {
	t.Last = r
	if r.Verdict != Pass {
		t.LastErr, t.LastErrAt = r.Err, r.At
	}
	switch r.Verdict {
	case Pass:
		t.Passes++
		t.PassRun, t.FailRun = t.PassRun+1, 0
		return t.decide(true, t.PassRun >= spec.Rise)
	case Fail:
		t.Fails++
		t.FailRun, t.PassRun = t.FailRun+1, 0
		return t.decide(false, t.FailRun >= spec.Fall)
	}
	t.NoVerdicts++
	return t, false
}

// decide sets the state to up if it is not known yet, or if it differs and
// the run that speaks for it is long enough.
func (t Tracker) decide(up, enough bool) (Tracker, bool) {
	if t.Restored {
		t.Restored, enough = false, true
	}
	if t.Known && (t.Up == up || !enough) {
		return t, false
	}
	t.Known, t.Up, t.Since = true, up, t.Last.At
	return t, true
}
