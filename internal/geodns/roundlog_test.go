package geodns

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// TestTheLogOfManyFirstVerdictsIsShort counts lines of first rounds of different
// sizes, in which each third check fails and the last has no verdict.
func TestTheLogOfManyFirstVerdictsIsShort(t *testing.T) {
	for _, c := range []struct{ checks, lines, failing int }{{10, 9, 3}, {maxFirstTold, 49, 16}, {600, 21, maxFailingTold}} {
		var log strings.Builder
		check := newChecker(slog.New(slog.NewTextHandler(&log, nil)), nil)
		var watches []target
		results := make([]health.Result, c.checks)
		for i := range results {
			watches = append(watches, watchOf(fmt.Sprint("s", i), second, &script{}))
			switch results[i].Verdict = health.Pass; {
			case i == c.checks-1:
				results[i] = health.Result{Err: "no route"}
			case i%3 == 1:
				results[i] = health.Result{Verdict: health.Fail, Err: "refused"}
			}
		}
		check.configure(watches, watches, results, boardRules{}, func(*health.Board, []health.Subject) {})
		text := log.String()
		if lines, failing := strings.Count(text, "\n"), strings.Count(text, "to=down"); lines != c.lines || failing != c.failing {
			t.Errorf("%d checks: %d lines, %d of failing ones, want %d and %d:\n%s", c.checks, lines, failing, c.lines, c.failing, text)
		}
		if sum := `level=WARN msg="first round of checks is over" checks=600 up=399 down=200 without_verdict=1 down_not_listed=180`; c.checks == 600 && !strings.Contains(text, sum) {
			t.Errorf("no line %s:\n%s", sum, text)
		}
		log.Reset()
		for range second.Fall {
			check.step(keyedResult{watches[0].Key, health.Result{Verdict: health.Fail, Err: "refused"}})
		}
		if !strings.Contains(log.String(), "from=up to=down") {
			t.Errorf("%d checks: a later change is not told: %q", c.checks, log.String())
		}
	}
}

func TestFindingsAreLoggedUpToABound(t *testing.T) {
	var log strings.Builder
	s := Server{Log: slog.New(slog.NewTextHandler(&log, nil))}
	var list diag.List
	for i := range 3000 {
		list.Warnf(diag.Pos{File: "steering.yaml", Line: i + 1}, "", "strange")
	}
	list.Errorf(diag.Pos{File: "steering.yaml", Line: 9999}, "", "wrong")
	s.logFindings(list)
	if n := strings.Count(log.String(), "\n"); n != maxFindings+2 {
		t.Errorf("%d lines for 3000 warnings and an error, want %d", n, maxFindings+2)
	}
	for _, want := range []string{"steering.yaml:9999: wrong", "and 2900 more: geodns check prints all"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
