package vrrp

import (
	"fmt"
	"time"
)

// Bounds on what others, real or forged nodes or programs on this one, can make
// us write: so many lines of one kind in so long a time.
const (
	budgetLines  = 6
	budgetPeriod = time.Minute
)

// aboutHeard counts notes about what was heard, beside the kinds of alarms.
const aboutHeard = numAlarms

// budget is what was written of one kind lately.
type budget struct {
	since      time.Duration // of the period; 0: none yet
	told, left int           // lines, and those left out
}

// mayTell reports whether one more line of a kind may be written. At the
// beginning of the next period it is said how many were not.
func (s *step) mayTell(kind AlarmKind) bool {
	b := &s.budgets[kind]
	if b.since == 0 || s.now-b.since >= budgetPeriod {
		if b.left > 0 {
			s.note("%d more lines %s left out in the last %v", b.left, about(kind), ms(s.now-b.since))
		}
		*b = budget{since: max(s.now, 1)}
	}
	if b.told == budgetLines {
		b.left++
		return false
	}
	b.told++
	return true
}

func about(kind AlarmKind) string {
	if kind == aboutHeard {
		return "about other nodes"
	}
	return fmt.Sprintf("of the kind %q", kind)
}

// noteHeard is a note about what another node said.
func (s *step) noteHeard(format string, args ...any) {
	if s.mayTell(aboutHeard) {
		s.note(format, args...)
	}
}
