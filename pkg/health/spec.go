package health

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of a [Spec].
const (
	DefaultInterval = 2 * time.Second
	DefaultTimeout  = time.Second
	DefaultFall     = 2
	DefaultRise     = 2
)

// Spec says how often a check probes and how many verdicts in a row it needs.
type Spec struct {
	Interval time.Duration // from the start of one probe to the start of the next; default 2s
	Timeout  time.Duration // of one probe, from connect to the last byte read; at most Interval; default 1s
	Fall     int           // failures in a row before down; default 2; more is slower but calmer
	Rise     int           // successes in a row before up; default 2
	Jitter   time.Duration // over how much time the first probes of many checks are spread; default Interval
}

// WithDefaults returns s with each zero field set to its default. The default
// timeout is cut to the interval, so that naming a short interval is enough.
func (s Spec) WithDefaults() Spec {
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	if s.Timeout == 0 {
		s.Timeout = min(DefaultTimeout, s.Interval)
	}
	if s.Fall == 0 {
		s.Fall = DefaultFall
	}
	if s.Rise == 0 {
		s.Rise = DefaultRise
	}
	return s
}

// Spread returns the time over which the first probes of many checks are
// spread: Jitter, or the interval.
func (s Spec) Spread() time.Duration {
	if s.Jitter == 0 {
		return s.Interval
	}
	return s.Jitter
}

// Validate returns an error with a line for each thing that is wrong with s,
// or nil. It does not fill in defaults.
func (s Spec) Validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(s.Interval <= 0, "interval %v: must be positive", s.Interval)
	wrong(s.Timeout <= 0, "timeout %v: must be positive", s.Timeout)
	wrong(s.Interval > 0 && s.Timeout > s.Interval,
		"timeout %v is longer than interval %v: at most the interval", s.Timeout, s.Interval)
	wrong(s.Jitter < 0 || s.Interval > 0 && s.Jitter > s.Interval,
		"jitter %v: from 0 to the interval %v", s.Jitter, s.Interval)
	wrong(s.Fall < 1, "fall %d: at least 1", s.Fall)
	wrong(s.Rise < 1, "rise %d: at least 1", s.Rise)
	return errors.Join(errs...)
}

// FailureKnownWithin returns the longest time from a failure of the thing
// probed to the verdict down: the first probe starts at most one interval
// after the failure, each further one an interval later, and the last takes
// its timeout.
func (s Spec) FailureKnownWithin() time.Duration {
	return s.Timeout + time.Duration(s.Fall)*s.Interval
}

// RecoveryKnownWithin returns the same for the verdict up.
func (s Spec) RecoveryKnownWithin() time.Duration {
	return s.Timeout + time.Duration(s.Rise)*s.Interval
}
