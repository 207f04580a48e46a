package health

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestPhaseSpreadsChecksEvenly(t *testing.T) {
	const interval, keys, buckets = time.Second, 10000, 20
	// Names and addresses that differ in their last byte only are the rule.
	for name, key := range map[string]func(i int) Key{
		"by address": func(i int) Key {
			return Key{"fra", netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), "web"}
		},
		"by site":  func(i int) Key { return Key{fmt.Sprint("site", i), fra4, "web"} },
		"by check": func(i int) Key { return Key{"fra", fra4, fmt.Sprint("check", i)} },
	} {
		var count [buckets]int
		for i := range keys {
			p := Phase(key(i), interval)
			if p < 0 || p >= interval {
				t.Fatalf("%s: phase %v is outside [0, %v)", name, p, interval)
			}
			count[p*buckets/interval]++
		}
		chi2 := 0.0
		for _, n := range count {
			d := float64(n) - keys/buckets
			chi2 += d * d / (keys / buckets)
		}
		if chi2 > 43.8 { // 19 degrees of freedom, p = 0.001; the keys are fixed
			t.Errorf("%s: χ² = %.1f, counts %v", name, chi2, count)
		}
	}
}

func TestPhaseDependsOnEachPartOfTheKeyAndNothingElse(t *testing.T) {
	base := Key{"fra", fra4, "web"}
	// Written down: a phase that moves with a release moves every check.
	if got, want := Phase(base, time.Second), 607070254*time.Nanosecond; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	for _, k := range []Key{{"iad", fra4, "web"}, {"fra", fra6, "web"}, {"fra", netip.Addr{}, "web"}, {"fra", fra4, "ssh"}, {"fraw", fra4, "eb"}} {
		if Phase(k, time.Second) == Phase(base, time.Second) {
			t.Errorf("%v and %v have one phase", k, base)
		}
	}
}

func TestNextKeepsTheGrid(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		now, want time.Duration // after the start
	}{
		{0, s},
		{s / 2, s},
		{s, s},           // the probe took its whole interval
		{s + 1, s},       // a little late: at once, and the grid stays
		{2*s - 1, s},     // almost an interval late: still no probe was missed
		{2 * s, 3 * s},   // one was missed: left out
		{3*s + 1, 4 * s}, // the next moment of the same phase
		{3600*s + s/2, 3601 * s},
		{-5 * s, s}, // the clock went back
	} {
		if got := Next(epoch, s, epoch.Add(c.now)).Sub(epoch); got != c.want {
			t.Errorf("now %v: got %v, want %v", c.now, got, c.want)
		}
	}
}

func TestScheduleRefusesAnIntervalThatWouldSpin(t *testing.T) {
	for _, interval := range []time.Duration{0, -1} {
		for name, f := range map[string]func(){
			"Next":  func() { Next(epoch, interval, epoch) },
			"Phase": func() { Phase(Key{}, interval) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic for %v", name, interval)
					}
				}()
				f()
			}()
		}
	}
}

// probeLoop probes as a runtime does until it has made n probes, and returns
// when each started.
func probeLoop(n int, interval time.Duration, probe func(i int)) []time.Time {
	var starts []time.Time
	due := time.Now().Add(Phase(key(fra4, "web"), interval))
	for i := range n {
		time.Sleep(time.Until(due))
		starts = append(starts, time.Now())
		probe(i)
		due = Next(due, interval, time.Now())
	}
	return starts
}

func TestProbesDoNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = time.Second
		rnd := rand.New(rand.NewPCG(1, 2))
		starts := probeLoop(1000, interval, func(int) {
			time.Sleep(time.Duration(rnd.Int64N(int64(interval) + 1))) // up to the whole interval
		})
		for i, at := range starts {
			if got, want := at.Sub(starts[0]), time.Duration(i)*interval; got != want {
				t.Fatalf("probe %d started after %v, want %v", i, got, want)
			}
		}
	})
}

func TestNoBurstAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval, pause = time.Second, time.Hour + 300*time.Millisecond
		starts := probeLoop(10, interval, func(i int) {
			if i == 4 {
				time.Sleep(pause) // the machine is suspended
			}
		})
		for i, at := range starts[1:] {
			gap := at.Sub(starts[i])
			if i == 4 {
				if gap <= pause || gap > pause+interval {
					t.Errorf("after the pause: %v, want at most %v after it", gap, interval)
				}
			} else if gap != interval {
				t.Errorf("probe %d: %v after the one before, want %v", i+1, gap, interval)
			}
		}
		if off := starts[9].Sub(starts[0]) % interval; off != 0 {
			t.Errorf("the phase moved by %v", off)
		}
	})
}

// TestFailureIsKnownInTime lets a target die at many moments, also in the
// middle of a probe, and answer in every way: the verdict down must come
// within Spec.FailureKnownWithin.
func TestFailureIsKnownInTime(t *testing.T) {
	for _, spec := range []Spec{
		{time.Second, 500 * time.Millisecond, 2, 2, 0},
		{time.Second, time.Second, 3, 1, 0},
		{2 * time.Second, time.Second, 1, 1, 0},
	} {
		worst := time.Duration(0)
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 4))
			for range 500 {
				worst = max(worst, detection(spec, rnd))
			}
		})
		if bound := spec.FailureKnownWithin(); worst > bound {
			t.Errorf("%+v: took %v, want at most %v", spec, worst, bound)
		} else if worst < bound*9/10 {
			t.Errorf("%+v: the worst of all trials was %v: the test does not come near the bound %v", spec, worst, bound)
		}
	}
}

// detection returns how long after the death of a target it is down.
func detection(spec Spec, rnd *rand.Rand) time.Duration {
	dies := time.Now().Add(10*time.Second + time.Duration(rnd.Int64N(int64(spec.Interval))))
	var tr Tracker
	for due := time.Now(); !tr.Known || tr.Up; due = Next(due, spec.Interval, time.Now()) {
		time.Sleep(time.Until(due))
		// The target takes the request at once and answers later; it may die
		// after that. A dead one does not answer.
		r := Result{Verdict: Pass}
		if time.Now().Before(dies) {
			time.Sleep(time.Duration(rnd.Int64N(int64(spec.Timeout) / 10)))
		} else {
			time.Sleep(spec.Timeout)
			r.Verdict = Fail
		}
		r.At = time.Now()
		tr, _ = tr.Step(r, spec)
	}
	return tr.Since.Sub(dies)
}
