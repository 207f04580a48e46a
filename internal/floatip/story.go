package floatip

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// story tells in sentences what becomes of an address in one mastership. It is
// pure. Each thing is told once, and what repeats itself ever more rarely, so
// that a cloud which is away for a night fills nobody's history.
type story struct {
	claims int    // that were accepted
	failed int    // times in a row that the same thing went wrong
	what   string // that went wrong last
	seen   Observation
	looked bool // seen holds something
}

// claimed returns what to tell of a claim, "" for nothing. over: the mastership
// has ended meanwhile. wait is the time to the next look.
func (s *story) claimed(err error, over bool, took, wait time.Duration) string {
	took = took.Round(time.Millisecond)
	switch {
	case errors.Is(err, errNoLease):
		return s.wrong("not claimed: " + err.Error())
	case over && err != nil:
		return fmt.Sprintf("claim called off after %v: no longer master", took)
	case errors.Is(err, context.Canceled):
		return s.wrong("claim called off: " + errNoLease.Error())
	case err != nil:
		return s.later(s.wrong("claim failed: "+err.Error()), wait)
	}
	again := ""
	if s.claims > 0 {
		again = " again"
	}
	if s.failed > 0 {
		again += fmt.Sprintf(" after %d failed", s.failed)
	}
	s.claims++
	s.failed, s.what = 0, ""
	return fmt.Sprintf("claimed%s, accepted within %v", again, took)
}

// observed returns what to tell of a look, "" for nothing. contested: the
// address was here in this mastership, and another has taken it.
func (s *story) observed(obs Observation, err error, contested bool, wait time.Duration) string {
	if err != nil {
		return s.later(s.wrong("cannot be looked at: "+err.Error()), wait)
	}
	known := s.looked && obs.Where == s.seen.Where && obs.Holder == s.seen.Holder
	s.seen, s.looked = obs, true
	if known {
		return ""
	}
	holder := obs.Holder
	if holder == "" {
		holder = "nobody that is known"
	}
	switch {
	case obs.Where == Here:
		return "is here"
	case obs.Where == Unknown:
		return "nobody says where it is"
	case contested:
		return s.later("lost, held by "+holder, wait)
	}
	return "is elsewhere, held by " + holder
}

// wrong counts what went wrong. It returns "" where the same was told of late:
// it is told at the 1st, 2nd, 4th, 8th … time.
func (s *story) wrong(what string) string {
	if what != s.what {
		s.what, s.failed = what, 0
	}
	s.failed++
	switch {
	case bits.OnesCount(uint(s.failed)) > 1:
		return ""
	case s.failed > 1:
		return fmt.Sprintf("%s (%d times in a row)", what, s.failed)
	}
	return what
}

func (s *story) later(what string, wait time.Duration) string {
	if what == "" {
		return ""
	}
	return fmt.Sprintf("%s; again in %v", what, wait.Round(time.Millisecond))
}
