package steering

import (
	"fmt"
	"slices"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Detection is the longest time from the failure of a site to the verdict of a
// check.
type Detection struct {
	Check string
	Spec  health.Spec
	// Stands is how long what the check looks at may be out of date: a report
	// of a push check, a file with max_age.
	Stands time.Duration
	// Inverted says that the site fails when the check comes up, as one of which
	// another is the opposite.
	Inverted bool
}

// Within returns the time.
func (d Detection) Within() time.Duration {
	if d.Inverted {
		return d.Spec.RecoveryKnownWithin()
	}
	return d.Stands + d.Spec.FailureKnownWithin()
}

// Verdicts returns how many in a row it takes.
func (d Detection) Verdicts() int {
	if d.Inverted {
		return d.Spec.Rise
	}
	return d.Spec.Fall
}

// String returns the sum in words: "timeout 500ms + fall 2 × interval 1s".
func (d Detection) String() string {
	word := "fall"
	if d.Inverted {
		word = "rise"
	}
	text := fmt.Sprintf("timeout %v + %s %d × interval %v", d.Spec.Timeout, word, d.Verdicts(), d.Spec.Interval)
	if d.Stands > 0 {
		text = fmt.Sprintf("%v until a report is too old + %s", d.Stands, text)
	}
	return text
}

// Detection returns the slowest of the checks of a site, and false if it has
// none: then its failure is never known. A calculated check is as slow as the
// slowest that it is made from; one of which it is the opposite must come up.
func (c *Config) Detection(s *Site) (slowest Detection, watched bool) {
	type turned struct {
		name     string
		inverted bool
	}
	var todo []turned
	for _, name := range s.Checks {
		todo = append(todo, turned{name, false})
	}
	for i := 0; i < len(todo); i++ {
		at := todo[i]
		check := c.Check(at.name)
		switch {
		case check == nil:
			continue
		case check.Formula != nil:
			for _, name := range check.Formula.Of {
				if member := (turned{name, at.inverted != check.Formula.Not}); !slices.Contains(todo, member) {
					todo = append(todo, member)
				}
			}
			continue
		}
		d := Detection{Check: at.name, Spec: check.Spec, Inverted: at.inverted}
		switch {
		case at.inverted: // what is reported up acts at once
		case check.Push != nil:
			d.Stands = check.Push.TTL
		case check.File != nil:
			d.Stands = check.File.MaxAge
		}
		if !watched || d.Within() > slowest.Within() {
			slowest, watched = d, true
		}
	}
	return slowest, watched
}
