package health

import (
	"strings"
	"testing"
	"time"
)

func TestHorizonCountsDownAsTheChecksDo(t *testing.T) {
	fast := Spec{Interval: 2 * time.Second, Timeout: time.Second, Fall: 3, Rise: 4}
	slow := Spec{Interval: 10 * time.Second, Timeout: time.Second, Fall: 2, Rise: 5}
	web, ssh := key(fra4, "web"), key(fra4, "ssh")
	subject := Subject{Site: "fra", Addr: fra4, Checks: []string{"web", "ssh"}}
	b := NewBoard([]Watch{{Key: web, Spec: fast}, {Key: ssh, Spec: slow}})
	for _, c := range []struct {
		results string // of web, then of ssh: P, F, - for neither
		want    uint16
		up      bool
	}{
		{"--", 2, true},   // unknown: the next verdict decides
		{"PP", 6, true},   // three failures of web
		{"F-", 4, true},   // two more
		{"F-", 2, true},   // one more
		{"P-", 6, true},   // all anew
		{"-F", 6, true},   // ssh needs one more, and 10 s
		{"-F", 50, false}, // down by ssh, which must pass five times
		{"F-", 50, false},
		{"F-", 50, false},
		{"F-", 50, false}, // both down: ssh takes longer
		{"-P", 40, false},
		{"-P", 30, false},
		{"-F", 50, false},
	} {
		for i, k := range []Key{web, ssh} {
			switch c.results[i] {
			case 'P':
				b.Step(k, pass(0))
			case 'F':
				b.Step(k, fail(0, "refused"))
			}
		}
		e := b.Snapshot([]Subject{subject}, epoch).At(0)
		if e.Horizon != c.want || e.Up != c.up {
			t.Errorf("after %s: horizon %d, up %v; want %d, %v", c.results, e.Horizon, e.Up, c.want, c.up)
		}
	}
	if got := b.Snapshot([]Subject{{Site: "fra"}}, epoch).At(0).Horizon; got != NoHorizon {
		t.Errorf("without checks: %d", got)
	}
}

// TestNoStateChangesWithinItsHorizon lets the worst results come as fast as
// they can: none changes the state sooner than the horizon said.
func TestNoStateChangesWithinItsHorizon(t *testing.T) {
	spec := Spec{Interval: time.Second, Timeout: time.Second, Fall: 3, Rise: 4}
	for _, history := range []string{"P", "PF", "PFF", "F", "FP", "FPP", "FPPP", "FPPPF", "PPPFFF"} {
		k := key(fra4, "web")
		b := NewBoard([]Watch{{Key: k, Spec: spec}})
		subject := Subject{Site: "fra", Addr: fra4, Checks: []string{"web"}}
		step := func(v Verdict) { b.Step(k, Result{Verdict: v, At: epoch}) }
		for _, c := range history {
			step(map[rune]Verdict{'P': Pass, 'F': Fail}[c])
		}
		up := b.Judge(subject).Up
		horizon := int(b.Snapshot([]Subject{subject}, epoch).At(0).Horizon)
		probes := 0
		for b.Judge(subject).Up == up {
			step(map[bool]Verdict{true: Fail, false: Pass}[up])
			probes++
		}
		if probes != horizon {
			t.Errorf("%s: changed with probe %d, the horizon was %d s", strings.ToLower(history), probes, horizon)
		}
	}
}
