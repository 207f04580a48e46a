package health

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/internal/goldentest"
)

var epoch = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// TestTrackerTranscript reads blocks "fall F rise R" and "results P F - …",
// and writes below them the state and what changed after each result.
func TestTrackerTranscript(t *testing.T) {
	goldentest.Run(t, "testdata/tracker.txt", replay)
}

func replay(t *testing.T, in string) string {
	t.Helper()
	var out strings.Builder
	var spec Spec
	for sc := bufio.NewScanner(strings.NewReader(in)); sc.Scan(); {
		line := sc.Text()
		if strings.HasPrefix(line, "state") || strings.HasPrefix(line, "change") {
			continue
		}
		fmt.Fprintln(&out, line)
		if strings.HasPrefix(line, "fall") {
			if _, err := fmt.Sscanf(line, "fall %d rise %d", &spec.Fall, &spec.Rise); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		if results, ok := strings.CutPrefix(line, "results"); ok {
			states, changes := run(t, strings.Fields(results), spec)
			fmt.Fprintf(&out, "state   %s\nchange  %s\n", states, changes)
		}
	}
	return out.String()
}

func run(t *testing.T, results []string, spec Spec) (states, changes string) {
	t.Helper()
	var tr Tracker
	var s, c strings.Builder
	for _, word := range results {
		v, ok := map[string]Verdict{"P": Pass, "F": Fail, "-": NoVerdict}[word]
		if !ok {
			t.Fatalf("result %q: want P, F or -", word)
		}
		var changed bool
		tr, changed = tr.Step(Result{Verdict: v}, spec)
		s.WriteString(" " + stateLetter(tr))
		c.WriteString(map[bool]string{true: " *", false: "  "}[changed])
	}
	return s.String(), strings.TrimRight(c.String(), " ")
}

func stateLetter(t Tracker) string {
	switch {
	case !t.Known:
		return "?"
	case t.Up:
		return "U"
	}
	return "D"
}

// slowState works the state out from the whole history, by the words of the
// manual: the first verdict decides, then fall failures in a row or rise
// successes in a row, what is no verdict left out.
func slowState(history []Verdict, spec Spec) string {
	var verdicts []Verdict
	for _, v := range history {
		if v != NoVerdict {
			verdicts = append(verdicts, v)
		}
	}
	state := "?"
	for i := range verdicts {
		endsIn := func(v Verdict, n int) bool {
			for k := range n {
				if i-k < 0 || verdicts[i-k] != v {
					return false
				}
			}
			return true
		}
		switch {
		case i == 0:
			state = map[Verdict]string{Pass: "U", Fail: "D"}[verdicts[0]]
		case endsIn(Pass, spec.Rise):
			state = "U"
		case endsIn(Fail, spec.Fall):
			state = "D"
		}
	}
	return state
}

func TestTrackerAgreesWithTheWholeHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		spec := Spec{Fall: rapid.IntRange(1, 4).Draw(rt, "fall"), Rise: rapid.IntRange(1, 4).Draw(rt, "rise")}
		history := rapid.SliceOfN(rapid.SampledFrom([]Verdict{Pass, Fail, NoVerdict}), 0, 40).Draw(rt, "history")
		var tr Tracker
		for i, v := range history {
			before := stateLetter(tr)
			at := epoch.Add(time.Duration(i) * time.Second)
			next, changed := tr.Step(Result{Verdict: v, At: at}, spec)
			want := slowState(history[:i+1], spec)
			if got := stateLetter(next); got != want {
				rt.Fatalf("%v after %v: got %s, want %s", spec, history[:i+1], got, want)
			}
			if changed != (before != want) {
				rt.Fatalf("%v after %v: changed %v, but %s → %s", spec, history[:i+1], changed, before, want)
			}
			if changed != next.Since.Equal(at) {
				rt.Fatalf("%v after %v: changed %v, since %v at %v", spec, history[:i+1], changed, next.Since, at)
			}
			tr = next
		}
		if n := tr.Passes + tr.Fails + tr.NoVerdicts; n != uint64(len(history)) {
			rt.Fatalf("counted %d of %d results", n, len(history))
		}
	})
}

func TestTrackerKeepsTheLastErrorAfterRecovery(t *testing.T) {
	spec := Spec{Fall: 1, Rise: 1}
	var tr Tracker
	tr, _ = tr.Step(Result{Verdict: Fail, Err: "connection refused", At: epoch}, spec)
	tr, _ = tr.Step(Result{Verdict: Pass, At: epoch.Add(time.Second), Latency: time.Millisecond}, spec)
	if !tr.Up || tr.LastErr != "connection refused" || !tr.LastErrAt.Equal(epoch) {
		t.Errorf("got %+v", tr)
	}
	if tr.Last.Verdict != Pass || tr.Last.Latency != time.Millisecond {
		t.Errorf("last result: got %+v", tr.Last)
	}
}

func TestTrackerShowsOwnFaultsWithoutActingOnThem(t *testing.T) {
	spec := Spec{Fall: 1, Rise: 1}
	var tr Tracker
	tr, _ = tr.Step(Result{Verdict: Pass, At: epoch}, spec)
	tr, changed := tr.Step(Result{Verdict: NoVerdict, Err: "no route", At: epoch.Add(time.Second)}, spec)
	if changed || !tr.Up || tr.NoVerdicts != 1 || tr.LastErr != "no route" {
		t.Errorf("changed %v, got %+v", changed, tr)
	}
}
