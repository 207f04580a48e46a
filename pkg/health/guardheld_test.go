package health

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A site that is held back is out as well: before a guard keeps one in that
// fails, it lets in one that works.
func TestGuardLetsInWhatIsHeldBack(t *testing.T) {
	y := newYard(3, Guard{MinSites: 2, MaxRemoved: 100})
	y.b.SetRules(map[string]Rules{"a": {Manual: true}})
	y.b.Settle(y.subjects, y.now)
	held := func() bool { held, _ := y.b.Held(Target{Site: "a", Addr: y.subjects[1].Addr}); return held }
	y.result("a", Fail)
	y.b.Settle(y.subjects, y.now)
	y.result("a", Pass)
	if got := y.kept(); got != "" || !held() {
		t.Fatalf("kept %q, a is held: %v", got, held())
	}
	if why := y.b.Forbids(Target{Site: "b"}, y.subjects, y.now); why != "" {
		t.Errorf("a drain, for which a would be let in: %s", why)
	}
	y.result("b", Fail)
	events := y.b.Settle(y.subjects, y.now)
	if held() || y.kept() != "" {
		t.Errorf("a is held: %v, kept %q", held(), y.kept())
	}
	if len(events) != 1 || events[0].String() != "a: held back → in service: the guard of policy web lets it in: only 1 of 3 sites may be out" {
		t.Errorf("events: %v", events)
	}
}

// What is drained in one policy is out for its guard when no other way leads
// there.
func TestGuardCountsTargetsOfPolicies(t *testing.T) {
	y := newYard(3, Guard{MinSites: 2, MaxRemoved: 100})
	eu, rest := Target{Policy: "web", Site: "eu"}, Target{Policy: "web", Site: "c"}
	y.b.guards[0].Ways = map[string][][]Target{
		"a": {{eu, {Policy: "eu", Site: "a"}}},
		"b": {{eu, {Policy: "eu", Site: "b"}}, {{Policy: "web", Site: "b"}}},
		"c": {{rest}},
	}
	forbids := func(t Target) string { return y.b.Forbids(t, y.subjects, y.now) }
	if why := forbids(eu); why != "" {
		t.Errorf("b is reached by another way: %s", why)
	}
	y.b.Drain(eu, Order{}, y.now)
	if why := forbids(rest); !strings.HasSuffix(why, "lets 1 of 3 sites be out, and with c in policy web it would be a, c") {
		t.Errorf("the second: %q", why)
	}
	if why := forbids(Target{Site: "b"}); why == "" {
		t.Error("a site beside a drained target was not asked about")
	}
	if why := forbids(Target{Policy: "eu", Site: "a"}); why != "" {
		t.Errorf("what is out already: %s", why)
	}
	y.result("c", Fail)
	if got := y.kept(); got != "c" {
		t.Errorf("kept %q, want c", got)
	}
}

// A site that has no addresses is checked as a whole; the rules for sites hold
// for it too.
func TestRulesHoldForSitesWithoutAddresses(t *testing.T) {
	b := NewBoard(nil)
	var subjects []Subject
	var watches []Watch
	for i, name := range []string{"a", "b"} {
		subjects = append(subjects, Subject{ID: ID(i), Site: name, Checks: []string{"web"}})
		watches = append(watches, Watch{Key: Key{name, netip.Addr{}, "web"}, Spec: once})
	}
	b.Rebuild(watches)
	b.SetRules(map[string]Rules{"a": {SlowStart: 100 * time.Second, Hold: time.Minute}})
	b.SetGuards([]Guard{{Name: "web", Sites: []string{"a", "b"}, MinSites: 1, MaxRemoved: 100}})
	now := epoch
	step := func(after time.Duration, site int, v Verdict) *Snapshot {
		now = epoch.Add(after)
		if v != NoVerdict {
			b.Step(watches[site].Key, Result{Verdict: v, At: now})
		}
		for _, e := range b.Settle(subjects, now) {
			if strings.Contains(e.Reason, "IPv") {
				t.Errorf("a family of what has no addresses: %s", e)
			}
		}
		return b.Snapshot(subjects, now)
	}
	step(0, 0, Pass)
	step(0, 1, Pass)
	if s := step(time.Second, 0, Fail); s.At(0).Up || s.At(0).Horizon == NoHorizon {
		t.Errorf("a failed: %+v", s.At(0))
	}
	if why := b.Forbids(Target{Site: "b"}, subjects, now); why == "" {
		t.Error("the drain of the last site was not forbidden")
	}
	if s := step(2*time.Second, 0, Pass); !s.At(0).Held {
		t.Errorf("a is not held back: %+v", s.At(0))
	}
	if s := step(112*time.Second, 0, NoVerdict); s.At(0).Held || s.At(0).Share != FullShare/2 {
		t.Errorf("50 s after the hold: %+v", s.At(0))
	}
	step(200*time.Second, 0, Fail)
	if s := step(201*time.Second, 1, Fail); !s.Kept(0, 1) || s.Kept(0, 0) {
		t.Error("the guard does not keep b")
	}
}

// Parts that were moved by load stand after a restart.
func TestPartsOutliveARestart(t *testing.T) {
	w := newTown(100, "a", "b")
	w.demand["a"], w.demand["b"] = 150, 10
	w.run(2 * time.Minute)
	before := w.share("a")
	if before > 0.75 {
		t.Fatalf("a keeps %v", before)
	}
	saved, err := DecodeSaved(w.b.Save(w.now).Encode())
	if err != nil {
		t.Fatal(err)
	}
	again := NewBoard(nil)
	again.Restore(saved, w.now)
	again.SetRules(w.b.rules)
	again.SetSuccessors(w.b.successors, w.b.beyond)
	w.b = again
	w.b.Settle(w.subjects, w.now)
	if got := w.share("a"); got < before-0.11 || got > before {
		t.Errorf("a kept %v, after the restart %v", before, got)
	}
	if most := w.run(5 * time.Minute); most["b"] > 100 {
		t.Errorf("after the restart b was sent %v", most["b"])
	}
	w.demand["a"] = 0
	if w.run(15 * time.Minute); w.share("a") != 1 {
		t.Errorf("not all clients came back: %v", w.share("a"))
	}
}
