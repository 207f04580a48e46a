package steering

import (
	"fmt"
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
}

// Within returns the time.
func (d Detection) Within() time.Duration { return d.Stands + d.Spec.FailureKnownWithin() }

// String returns the sum in words: "timeout 500ms + fall 2 × interval 1s".
func (d Detection) String() string {
	text := fmt.Sprintf("timeout %v + fall %d × interval %v", d.Spec.Timeout, d.Spec.Fall, d.Spec.Interval)
	if d.Stands > 0 {
		text = fmt.Sprintf("%v until a report is too old + %s", d.Stands, text)
	}
	return text
}

// Detection returns the slowest of the checks of a site, and false if it has
// none: then its failure is never known. A calculated check is as slow as the
// slowest that it is made from.
func (c *Config) Detection(s *Site) (slowest Detection, watched bool) {
	if len(s.Addrs) == 0 {
		return slowest, false
	}
	for _, name := range c.withMembers(s.Checks) {
		check := c.Check(name)
		if check == nil || check.Formula != nil {
			continue
		}
		d := Detection{Check: name, Spec: check.Spec}
		switch {
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
