package health

import "time"

// Steps of a [Ramp]: a hundredth of its length each, but not shorter than this.
const (
	rampSteps   = 100
	minRampStep = time.Second
)

// Ramp is a share that goes evenly from one value to another, in small steps:
// a pure function of time, so that it goes on at the right place after a
// restart. Clients are gated by a hash, so they move one way only.
type Ramp struct {
	From, To uint16
	Begin    time.Time
	Over     time.Duration // 0 or less: To at once
}

// At returns the share at a moment. Before the beginning, as when the clock was
// set back, it is From.
func (r Ramp) At(now time.Time) uint16 {
	gone := now.Sub(r.Begin)
	switch {
	case gone >= r.Over:
		return r.To
	case gone < 0:
		return r.From
	}
	done := float64(gone/r.step()*r.step()) / float64(r.Over)
	return uint16(int(r.From) + int(done*float64(int(r.To)-int(r.From))))
}

// End returns when it arrives.
func (r Ramp) End() time.Time { return r.Begin.Add(max(0, r.Over)) }

// Next returns the next moment after now at which the share may change, and
// false if it has arrived.
func (r Ramp) Next(now time.Time) (time.Time, bool) {
	gone := now.Sub(r.Begin)
	switch {
	case gone >= r.Over:
		return time.Time{}, false
	case gone < 0:
		return r.Begin.Add(min(r.step(), r.Over)), true
	}
	return r.Begin.Add(min((gone/r.step()+1)*r.step(), r.Over)), true
}

func (r Ramp) step() time.Duration { return max(r.Over/rampSteps, minRampStep) }
