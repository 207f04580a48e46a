package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// rush puts one policy to the clients, with so many queries, and lets sites go.
func rush(t *testing.T, spec *policy.Spec, capacity map[string]float64, queries float64, gone ...string) *Result {
	t.Helper()
	s := sites()
	c := policy.NewCompiler(s, index())
	p, diags := c.Compile(spec)
	if p == nil {
		t.Fatal(diags.Err())
	}
	rules := map[string]health.Rules{}
	for site, most := range capacity {
		rules[site] = health.Rules{Capacity: most}
	}
	board := health.NewBoard(nil)
	board.SetRules(rules)
	named := func(lists [][]int32) map[string][]string {
		out := map[string][]string{}
		for i, list := range lists {
			for _, n := range list {
				out[s.At(int32(i)).Name] = append(out[s.At(int32(i)).Name], s.At(n).Name)
			}
		}
		return out
	}
	next, beyond := c.Successors()
	board.SetSuccessors(named(next), named(beyond))
	var down []health.Target
	for _, name := range gone {
		down = append(down, health.Target{Site: name})
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	was, _ := board.Suppose(s.Subjects(), health.Supposition{}, now)
	is, _ := board.Suppose(s.Subjects(), health.Supposition{Down: down}, now)
	pop := Sample(index(), 40_000)
	cases := []Case{{Policy: "web", Names: []string{"www."}, Before: Side{p, was.Snapshot()}, After: Side{p, is.Snapshot()}}}
	opts := Options{Capacity: capacity, Load: LoadsOf(pop, cases, policy.V4, queries)}
	for site := range capacity {
		opts.Load[site] += 0
	}
	sim := New(pop, opts)
	cases = sim.Settle(cases, was)
	sim.Send(cases)
	cases = sim.Play(cases, is)
	for _, c := range cases {
		sim.Add(c)
	}
	return sim.Result()
}

func continents(eu, as, rest *policy.Spec) *policy.Spec {
	return &policy.Spec{Kind: policy.KindGeo, Rules: []policy.Rule{
		{Continents: []string{"EU"}, Use: eu}, {Continents: []string{"AS"}, Use: as}, {Use: rest},
	}}
}

// DE has half of the clients, US and SG a quarter each.
func TestPlay(t *testing.T) {
	ring := continents(failover("fra", "iad", "sgp"), failover("sgp", "fra", "iad"), failover("iad", "sgp", "fra"))
	for _, c := range []struct {
		name     string
		spec     *policy.Spec
		capacity map[string]float64
		gone     string
		spills   string // site: load left keeps, to
		warnings int
	}{
		{"nothing is over", ring, map[string]float64{"iad": 800, "sgp": 800}, "fra", "", 0},
		// iad has 250 and gets 500 of fra; 600 fit, so 150 go on to sgp.
		{"only the excess goes on", ring, map[string]float64{"iad": 600, "sgp": 600}, "fra", "iad 750→600 0.80 sgp 150", 0},
		// 100 fit into sgp: 90 % of 388 less its own 250.
		{"as far as there is room", ring, map[string]float64{"iad": 600, "sgp": 388.9}, "fra", "iad 750→650 0.87 sgp 100", 1},
		{"nobody has room: no domino falls", ring, map[string]float64{"iad": 600, "sgp": 260}, "fra", "iad 750→750 1.00", 1},
		// All of DE is back at fra, of whom 100 were with iad, and SG comes.
		{"it was over before", ring, map[string]float64{"fra": 400}, "sgp", "fra 750→400 0.53 iad 350", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rush(t, c.spec, c.capacity, 1000, c.gone)
			var got []string
			for _, s := range r.Spills {
				text := fmt.Sprintf("%s %.0f→%.0f %.2f", s.Site, s.Load, s.Left, s.Keeps)
				for _, to := range slices.Sorted(maps.Keys(s.To)) {
					text += fmt.Sprintf(" %s %.0f", to, s.To[to])
				}
				got = append(got, text)
			}
			if text := strings.Join(got, "; "); !near(text, c.spills) {
				t.Errorf("got  %s\nwant %s", text, c.spills)
			}
			if len(r.Warnings) != c.warnings || c.warnings > 0 && !strings.Contains(r.Warnings[0], "no other site has room") {
				t.Errorf("warnings %q", r.Warnings)
			}
			for site, part := range r.Policies[0].After {
				over := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "site "+site) })
				if most, bound := c.capacity[site]; bound && !over && part*1000 > most*1.006 {
					t.Errorf("%s has %.1f of %v", site, part*1000, most)
				}
			}
		})
	}
}

// near compares texts of which the numbers may differ as samples do.
func near(a, b string) bool {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" →;", r) })
	}
	x, y := split(a), split(b)
	return slices.EqualFunc(x, y, func(p, q string) bool {
		var u, v float64
		if n, _ := fmt.Sscan(p, &u); n == 1 {
			_, err := fmt.Sscan(q, &v)
			return err == nil && math.Abs(u-v) <= 0.015+min(4, 0.1*max(u, v))
		}
		return p == q
	})
}

// The shares that the result tells are those of the clients, one by one, and a
// site that refuses does so for the same clients each time.
func TestPlayIsTheSameEachTime(t *testing.T) {
	spec := weighted(true, 2, "fra", 1, "iad", 1, "sgp")
	capacity := map[string]float64{"fra": 400, "iad": 300}
	a, b := text(rush(t, spec, capacity, 1000)), text(rush(t, spec, capacity, 1000))
	if a != b {
		t.Errorf("got %s, then %s", a, b)
	}
}

// fra has 750 of 1000 and keeps 600; the rest is with iad, where it has room,
// before anything changes.
func TestSendTellsWhoHasTheClientsSentOnBefore(t *testing.T) {
	spec := continents(failover("fra", "iad", "sgp"), failover("sgp", "fra", "iad"), failover("fra", "iad", "sgp"))
	r := rush(t, spec, map[string]float64{"fra": 600}, 1000)
	if len(r.Sends) != 1 || r.Sends[0].Site != "fra" || len(r.Sends[0].To) != 1 {
		t.Fatalf("got %+v, want that fra sends clients to iad", r.Sends)
	}
	got := r.Sends[0]
	if math.Abs(got.Stays-0.8) > 0.02 || math.Abs(got.Stays+got.To["iad"]-1) > 1e-5 {
		t.Errorf("%.4f of the clients of fra stay and %.4f go to iad, want 0.8 and 0.2", got.Stays, got.To["iad"])
	}
	if r := rush(t, spec, map[string]float64{"fra": 800}, 1000); len(r.Sends) != 0 {
		t.Errorf("all have room, and %+v", r.Sends)
	}
}
