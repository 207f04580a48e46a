package health

import "time"

// horizon returns the seconds for which the checks of s leave its state as it
// is: the verdicts that a change still needs, an interval each. An address that
// is up goes down with the first of its checks to fail; one that is down comes
// up with the last to pass. It is [NoHorizon] without checks.
func (b *Board) horizon(s Subject) uint16 {
	up := b.Judge(s).Up
	least, most := time.Duration(-1), time.Duration(0)
	for _, check := range s.Checks {
		w := b.find(Key{s.Site, s.Addr, check})
		if w == nil {
			continue
		}
		t := w.tracker()
		need := time.Duration(t.needs(w.plan.spec)) * w.plan.spec.Interval
		if least < 0 || need < least {
			least = need
		}
		if t.Known && !t.Up {
			most = max(most, need)
		}
	}
	switch {
	case least < 0:
		return NoHorizon
	case !up && most > 0:
		return seconds(most)
	}
	return seconds(least)
}

// needs returns how many verdicts in a row would change the state.
func (t Tracker) needs(spec Spec) int {
	switch {
	case !t.Known || t.Restored:
		return 1 // the first decides
	case t.Up:
		return max(1, spec.Fall-t.FailRun)
	}
	return max(1, spec.Rise-t.PassRun)
}

// seconds rounds down to what an [Entry] can hold.
func seconds(d time.Duration) uint16 {
	return uint16(min(max(0, d/time.Second), NoHorizon-1))
}
