package floatip

import (
	"errors"
	"time"
)

// errNoLease says that this node must not claim now: it is no master any more,
// or could not say so to the others in time.
var errNoLease = errors.New("not sure to be master now")

// action is what a loop does next.
type action uint8

const (
	doClaim action = iota
	doObserve
)

// mastership decides what to do about an address during one mastership. It is
// pure: results go in, the next action and the wait before it come out.
type mastership struct {
	pace     pace
	interval time.Duration

	held     bool // it was seen here
	errors   int  // in a row
	looks    int  // since the last claim
	fights   int  // times that it was taken away
	accepted bool // a claim was accepted since it was last seen elsewhere
}

// claimed takes the result of a claim and says what follows.
func (m *mastership) claimed(err error) (action, time.Duration) {
	m.looks = 0
	switch {
	case err == nil:
		m.errors, m.accepted = 0, true
		return doObserve, m.pace.confirm
	case errors.Is(err, errNoLease):
		return doObserve, m.pace.confirm
	}
	return doObserve, m.failed(err)
}

// observed takes the result of a look and says what follows.
func (m *mastership) observed(obs Observation, err error, heard, lower bool) (action, time.Duration) {
	if err != nil {
		return doObserve, m.failed(err)
	}
	m.errors = 0
	switch {
	case obs.Where == Here:
		m.held, m.looks = true, 0
		return doObserve, m.interval
	case obs.Locked:
		return doObserve, m.confirmWait()
	case obs.Where == Unknown:
		return doObserve, m.interval
	case m.held:
		return m.contested(heard, lower)
	case m.accepted && m.looks < maxLooks:
		// Clouds take a while: to claim again would only start it over.
		return doObserve, m.confirmWait()
	}
	m.accepted = false
	return doClaim, 0
}

// maxLooks is how often a claim that was accepted is looked after before it is
// made again: with the default pace about 15 s.
const maxLooks = 5

func (m *mastership) confirmWait() time.Duration {
	wait := m.pace.confirm << min(m.looks, 4)
	m.looks++
	return min(wait, max(m.interval, m.pace.confirm))
}

// contested is when somebody took what was here: to take it back at once could
// go on for ever.
func (m *mastership) contested(heard, lower bool) (action, time.Duration) {
	if heard {
		m.fights = 0
	}
	wait := min(m.pace.firstFight<<min(m.fights, 16), m.pace.maxFight)
	if lower {
		wait *= 2
	}
	m.fights++
	m.held, m.accepted = false, false
	return doObserve, wait
}

// failed returns how long to wait after an error.
func (m *mastership) failed(err error) time.Duration {
	wait := min(m.pace.firstError<<min(m.errors, 16), m.pace.maxError)
	m.errors++
	if later := (*RetryAfter)(nil); errors.As(err, &later) {
		wait = max(wait, min(later.Wait, 10*time.Minute))
	}
	return wait
}
