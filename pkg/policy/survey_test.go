package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// outline writes a view on one line: what is taken has a *, what is down a !.
func outline(v View) string {
	text := v.Spec.Kind.String()
	if v.Spec.Kind == KindSite {
		text = v.Spec.Name
	}
	if !v.Up {
		text += "!"
	}
	var kids []string
	for _, k := range v.Kids {
		s := outline(k.View)
		if k.Rule != nil && k.Rule.Conditional() {
			s = k.Rule.Conditions() + " " + s
		}
		if k.Taken {
			s = "*" + s
		}
		kids = append(kids, s)
	}
	if kids != nil {
		text += fmt.Sprintf("(%s)", strings.Join(kids, ", "))
	}
	return text
}

// over returns sites that keep half of their clients for want of capacity.
func over(names ...string) map[string]health.Entry {
	out := map[string]health.Entry{}
	for _, n := range names {
		out[n] = health.Entry{Up: true, Share: health.FullShare, Spill: health.FullShare / 2}
	}
	return out
}

func TestSurveyTellsWhatIsTaken(t *testing.T) {
	of := func(kind Kind, names ...string) *Spec {
		s := &Spec{Kind: kind}
		for i, n := range names {
			s.Targets = append(s.Targets, Target{Spec: site(n), Weight: uint32(len(names) - 1 - i)}) // the last has weight 0
		}
		return s
	}
	geo := &Spec{Kind: KindGeo, Rules: []Rule{
		{Continents: []string{"EU"}, Strict: true, Use: site("a")}, {Use: of(KindFailover, "a", "b")}}}
	trickle := of(KindFailover, "a", "b", "c")
	trickle.Trickle = 10
	for _, c := range []struct {
		spec  *Spec
		state map[string]health.Entry
		want  string
	}{
		{of(KindFailover, "a", "b", "c"), nil, "failover(*a, b, c)"},
		{of(KindFailover, "a", "b", "c"), gone("a"), "failover(a!, *b, c)"},
		{of(KindFailover, "a", "b"), gone("a", "b"), "failover!(a!, b!)"},
		{trickle, nil, "failover(*a, *b, c)"},
		// A site over its capacity sends clients to the next.
		{of(KindFailover, "a", "b", "c"), over("a"), "failover(*a, *b, c)"},
		{of(KindFailover, "a", "b", "c"), over("a", "b"), "failover(*a, *b, *c)"},
		{of(KindFailover, "a", "b", "c"), over("b"), "failover(*a, b, c)"},
		{of(KindWeighted, "a", "b", "c"), nil, "weighted(*a, *b, c)"},
		{of(KindWeighted, "a", "b", "c"), gone("a", "b"), "weighted(a!, b!, *c)"},
		{of(KindAll, "a", "b"), gone("b"), "all(*a, b!)"},
		{of(KindNearest, "a", "b"), gone("a"), "nearest(a!, *b)"},
		{geo, nil, "geo(*continent: [EU], strict: true a, *failover(*a, b))"},
		{geo, gone("a"), "geo(continent: [EU], strict: true a!, *failover(a!, *b))"},
		{geo, gone("a", "b"), "geo!(continent: [EU], strict: true a!, failover!(a!, b!))"},
		// Open to a hundredth of the clients, but open.
		{of(KindFailover, "a", "b"), map[string]health.Entry{"a": {Up: true, Share: health.FullShare / 100}}, "failover(*a, b)"},
		// Held back counts once nothing else works.
		{of(KindFailover, "a", "b"), map[string]health.Entry{"a": {Up: true, Held: true, Share: health.FullShare}}, "failover(a!, *b)"},
		{of(KindFailover, "a"), map[string]health.Entry{"a": {Up: true, Held: true, Share: health.FullShare}}, "failover(*a)"},
	} {
		var specs []SiteSpec
		for i, n := range []string{"a", "b", "c"} {
			specs = append(specs, SiteSpec{Name: n, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}, Location: &Location{Lat: 50}})
		}
		sites := NewSites(specs)
		snap := health.NewSnapshot(len(sites.Subjects()))
		for name, e := range c.state {
			i, _ := sites.Find(name)
			snap = snap.With(sites.At(i).ID, e)
		}
		p, list := Compile(c.spec, sites, worldIndex())
		if p == nil {
			t.Fatalf("%s: %v", c.spec.Flow(), list)
		}
		if got := outline(p.Survey(snap)); got != c.want {
			t.Errorf("%s with %v:\n got %s\nwant %s", c.spec.Flow(), c.state, got, c.want)
		}
	}
}

// gone is the state in which sites are down.
func gone(names ...string) map[string]health.Entry {
	out := map[string]health.Entry{}
	for _, n := range names {
		out[n] = health.Entry{Share: health.FullShare}
	}
	return out
}

func TestSurveyLeavesOutWhoTakesNoneOfThoseSentOn(t *testing.T) {
	sites := NewSites([]SiteSpec{{Name: "a"}, {Name: "b"}, {Name: "c"}})
	spec := &Spec{Kind: KindFailover, Targets: []Target{{Spec: site("a")}, {Spec: site("b")}, {Spec: site("c")}}}
	p, diags := Compile(spec, sites, nil)
	if p == nil {
		t.Fatal(diags.Err())
	}
	id := func(i int32) health.ID { return sites.At(i).ID }
	snap := health.NewSnapshot(len(sites.Subjects())).With(id(0), over("a")["a"])
	for _, c := range []struct {
		below uint16
		want  string
	}{
		{0, "failover(*a, *b, c)"},
		{health.FullShare / 4 * 3, "failover(*a, *b, *c)"},
		{health.FullShare, "failover(*a, b, *c)"},
	} {
		told := snap
		if c.below > 0 {
			told = snap.WithRefusals(health.Refusal{From: id(0), To: id(1), Below: c.below})
		}
		if got := outline(p.Survey(told)); got != c.want {
			t.Errorf("b refuses below %d: got %s, want %s", c.below, got, c.want)
		}
	}
}

func TestModifiers(t *testing.T) {
	s := Spec{Kind: KindWeighted, MinHealthy: 2, Sticky: true}
	if got, want := s.Modifiers(), "min_healthy: 2, sticky: true"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (&Spec{Kind: KindAll}).Modifiers(); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
