package health

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// yard is a board with sites a, b, c, … of one address each, under one guard.
type yard struct {
	b        *Board
	subjects []Subject
	sites    []string
	now      time.Time
}

func newYard(n int, g Guard) *yard {
	y := &yard{now: epoch}
	var watches []Watch
	for i := range n {
		name := string(rune('a' + i))
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		y.sites = append(y.sites, name)
		y.subjects = append(y.subjects, Subject{ID: ID(2 * i), Site: name}, Subject{ID: ID(2*i + 1), Site: name, Addr: addr, Checks: []string{"web"}})
		watches = append(watches, Watch{Key: Key{name, addr, "web"}, Spec: once})
	}
	y.b = NewBoard(watches)
	g.Name, g.Sites = "web", y.sites
	y.b.SetGuards([]Guard{g})
	for _, s := range y.sites {
		y.result(s, Pass)
	}
	return y
}

func (y *yard) result(site string, v Verdict) {
	i := slices.Index(y.sites, site)
	y.now = y.now.Add(time.Second)
	y.b.Step(Key{site, y.subjects[2*i+1].Addr, "web"}, Result{Verdict: v, Err: "refused", At: y.now})
}

// kept settles and returns the sites that are kept.
func (y *yard) kept() string {
	y.b.Settle(y.subjects, y.now)
	snap := y.b.Snapshot(y.subjects, y.now)
	out := ""
	for i, s := range y.sites {
		if snap.Kept(y.b.guards[0].Number, ID(2*i)) {
			out += s
		}
	}
	return out
}

func TestLaterFailuresStayIn(t *testing.T) {
	y := newYard(4, Guard{Number: 3, MinSites: 2, MaxRemoved: 100})
	for _, c := range []struct {
		site string
		v    Verdict
		want string
	}{
		{"c", Fail, ""}, {"a", Fail, ""}, {"b", Fail, "b"}, {"d", Fail, "bd"},
		{"c", Pass, "d"}, // the earliest of those kept goes
		{"d", Pass, ""}, {"c", Fail, "c"}, {"a", Pass, ""},
	} {
		y.result(c.site, c.v)
		if got := y.kept(); got != c.want {
			t.Errorf("%s %v: kept %q, want %q", c.site, c.v, got, c.want)
		}
	}
}

func TestHumanRemovalsCountFirst(t *testing.T) {
	y := newYard(3, Guard{MinSites: 1, MaxRemoved: 50}) // one of three
	forbids := func(site string) string { return y.b.Forbids(Target{Site: site}, y.subjects, y.now) }
	if why := forbids("a"); why != "" {
		t.Errorf("the first drain: %s", why)
	}
	y.b.Drain(Target{Site: "a"}, Order{Over: time.Hour}, y.now)
	if got, want := forbids("b"), "the guard of policy web lets 1 of 3 sites be out, and with b it would be a, b"; got != want {
		t.Errorf("the second drain: got %q, want %q", got, want)
	}
	if why := forbids("a"); why != "" {
		t.Errorf("the same again: %s", why)
	}
	if why := y.b.Forbids(Target{Policy: "web", Site: "b"}, y.subjects, y.now); why != "" {
		t.Errorf("a target of a policy: %s", why)
	}
	y.result("b", Fail)
	if got := y.kept(); got != "b" {
		t.Errorf("kept %q beside the drain, want b", got)
	}
	y.b.Undrain(Target{Site: "a"}, Order{}, y.now)
	if got := y.kept(); got != "" {
		t.Errorf("kept %q after the drain, want none", got)
	}
	if why := forbids("b"); why != "" {
		t.Errorf("drain of what is out already: %s", why)
	}
	if why := forbids("a"); why == "" {
		t.Error("drain beside a failure was not forbidden")
	}
	y.b.Force(Target{Site: "b"}, ForcedUp, Order{}, y.now)
	if why := forbids("a"); why != "" {
		t.Errorf("drain beside a site that is forced up: %s", why)
	}
}

func TestGuardJudgesEachFamily(t *testing.T) {
	b := NewBoard(nil)
	var subjects []Subject
	var watches []Watch
	for i, name := range []string{"a", "b"} {
		v4, v6 := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))
		subjects = append(subjects, Subject{ID: ID(3 * i), Site: name})
		for j, addr := range []netip.Addr{v4, v6} {
			subjects = append(subjects, Subject{ID: ID(3*i + j + 1), Site: name, Addr: addr, Checks: []string{"web"}})
			watches = append(watches, Watch{Key: Key{name, addr, "web"}, Spec: once})
		}
	}
	b.Rebuild(watches)
	b.SetGuards([]Guard{{Name: "web", Sites: []string{"a", "b"}, MinSites: 1, MaxRemoved: 100}})
	for i, w := range watches {
		v := Pass
		if w.Key.Addr.Is6() {
			v = Fail
		}
		b.Step(w.Key, Result{Verdict: v, At: epoch.Add(time.Duration(i) * time.Second)})
	}
	events := b.Settle(subjects, epoch)
	snap := b.Snapshot(subjects, epoch)
	if snap.Kept(0, 0) || !snap.Kept(0, 3) {
		t.Error("of two sites without IPv6 the later one is to be kept")
	}
	if len(events) != 1 || !strings.Contains(events[0].String(), "b: down → kept in: the guard of policy web keeps it") {
		t.Errorf("events: %v", events)
	}
	if got := b.KeptBy("b"); !slices.Equal(got, []string{"web"}) || b.KeptBy("a") != nil {
		t.Errorf("kept by %v", got)
	}
	if again := b.Settle(subjects, epoch); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}
}

// TestGuardAgreesWithHistory replays random failures and recoveries and works
// out from the whole history, in words, what must be out: going through the
// failing sites in the order of time, each goes if so many may be out.
func TestGuardAgreesWithHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "sites")
		g := Guard{MinSites: rapid.IntRange(0, 7).Draw(rt, "min"), MaxRemoved: rapid.IntRange(0, 100).Draw(rt, "max")}
		y := newYard(n, g)
		failedAt := map[string]int{}
		drained := map[string]bool{}
		for step := range rapid.IntRange(1, 20).Draw(rt, "steps") {
			site := rapid.SampledFrom(y.sites).Draw(rt, "site")
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				y.result(site, Pass)
				delete(failedAt, site)
			case 1:
				y.b.Drain(Target{Site: site}, Order{}, y.now)
				drained[site] = true
			case 2:
				y.b.Undrain(Target{Site: site}, Order{}, y.now)
				delete(drained, site)
			default:
				y.result(site, Fail)
				if _, was := failedAt[site]; !was {
					failedAt[site] = step
				}
			}
			may := 0
			for k := range n + 1 { // the most that breaks neither bound
				if n-k >= g.MinSites && 100*k <= g.MaxRemoved*n {
					may = k
				}
			}
			gone := len(drained)
			want := ""
			for _, s := range slices.SortedFunc(maps.Keys(failedAt), func(a, b string) int { return failedAt[a] - failedAt[b] }) {
				switch {
				case drained[s]:
				case gone < may:
					gone++
				default:
					want += s
				}
			}
			got := []byte(y.kept())
			sorted := []byte(want)
			slices.Sort(sorted)
			if string(got) != string(sorted) {
				rt.Fatalf("%+v: failed %v, drained %v: kept %q, want %q", g, failedAt, drained, got, sorted)
			}
		}
	})
}

// TestFamilyOfFewSitesIsNotBounded: one site of three has IPv6 too. It may be out
// although no other has IPv6.
func TestFamilyOfFewSitesIsNotBounded(t *testing.T) {
	y := newYard(3, Guard{Number: 1, MinSites: 2, MaxRemoved: 50})
	v6 := netip.MustParseAddr("2001:db8::1")
	y.subjects = append(y.subjects, Subject{ID: 20, Site: "a", Addr: v6, Checks: []string{"web"}})
	if why := y.b.Forbids(Target{Site: "a"}, y.subjects, y.now); why != "" {
		t.Errorf("drain of a is refused: %s", why)
	}
	y.b.Rebuild(append(y.watches(), Watch{Key: Key{"a", v6, "web"}, Spec: once}))
	y.result("a", Fail)
	y.b.Step(Key{"a", v6, "web"}, Result{Verdict: Fail, Err: "refused", At: y.now})
	if got := y.kept(); got != "" {
		t.Errorf("%q is kept in, of three sites with two up", got)
	}
	y.result("b", Fail)
	if got := y.kept(); got != "b" {
		t.Errorf("%q is kept in, want b", got)
	}
}

func (y *yard) watches() (out []Watch) {
	for _, s := range y.subjects {
		if s.Addr.Is4() {
			out = append(out, Watch{Key: Key{s.Site, s.Addr, "web"}, Spec: once})
		}
	}
	return out
}
