package health

import "time"

// Verdict is what one probe says about its target.
type Verdict uint8

// Verdicts of a probe. The zero value says nothing, so that a result that was
// never filled in changes nothing.
const (
	// NoVerdict: the fault is ours (no route, no address of that family, out
	// of descriptors or buffers, shutting down). The state is kept.
	NoVerdict Verdict = iota
	Pass
	Fail
)

// String returns "pass", "fail" or "no verdict".
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	}
	return "no verdict"
}

// Result is the outcome of one probe.
type Result struct {
	Verdict Verdict
	Err     string        // why not [Pass]: short, one line, for people; "" with Pass
	Latency time.Duration // from connect to the last byte read, or to the failure
	At      time.Time     // when the probe ended

	Warning string  // what will fail soon, as a certificate that expires; says nothing about the verdict
	Load    float64 // that the target reported; means something with HasLoad only
	HasLoad bool
}
