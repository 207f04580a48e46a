package health

import (
	"testing"
	"time"
)

// TestCalculatedChecksFollowTheirMembers writes each step as the results of a,
// b and c (+, - or blank for none), and what is said of "2 of a, b, c" and of
// its opposite.
func TestCalculatedChecksFollowTheirMembers(t *testing.T) {
	spec := Spec{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1}
	k := func(check string) Key { return Key{Site: "fra", Check: check} }
	watches := []Watch{
		{Key: k("not"), Formula: &Formula{Of: []string{"two"}, AtLeast: 1, Not: true}},
		{Key: k("two"), Formula: &Formula{Of: []string{"a", "b", "c"}, AtLeast: 2}},
		{Key: k("a"), Spec: spec}, {Key: k("b"), Spec: spec}, {Key: k("c"), Spec: spec},
	}
	b := NewBoard(watches)
	at := epoch
	state := func(check string) string {
		tr, _ := b.Tracker(k(check))
		switch {
		case !tr.Known:
			return "?"
		case tr.Up:
			return "+"
		}
		return "-"
	}
	for i, c := range []struct{ results, want string }{
		{"+  ", "? ?"}, {"   ", "? ?"}, {" - ", "? ?"}, {"  +", "+ -"}, {"-  ", "- +"}, {" + ", "+ -"}, {"  -", "- +"}, {"+++", "+ -"}, {"---", "- +"},
	} {
		at = at.Add(time.Second)
		for j, r := range c.results {
			if r != ' ' {
				v := Pass
				if r == '-' {
					v = Fail
				}
				b.Step(k(string(rune('a'+j))), Result{Verdict: v, Err: "why", At: at})
			}
		}
		if got := state("two") + " " + state("not"); got != c.want {
			t.Errorf("step %d (%q): got %s, want %s", i, c.results, got, c.want)
		}
	}
	tr, _ := b.Tracker(k("two"))
	if want := "0 of 3 up, 2 needed; down: a, b, c: a: why"; tr.LastErr != want || !tr.Since.Equal(at) {
		t.Errorf("two: %q since %v, want %q since %v", tr.LastErr, tr.Since, want, at)
	}
	b.Rebuild(watches)
	if after, _ := b.Tracker(k("two")); !after.Since.Equal(at) || after.Up {
		t.Errorf("after a reload: %+v", after)
	}
	if j := b.Judge(Subject{Site: "fra", Checks: []string{"two"}}); j.Up || j.Check != "two" {
		t.Errorf("judged %+v", j)
	}
}
