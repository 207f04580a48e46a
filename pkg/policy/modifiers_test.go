package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// networks yields n clients, each in a network of its own.
func networks(n int) func(yield func(netip.Addr) bool) {
	return func(yield func(netip.Addr) bool) {
		for i := range n {
			if !yield(netip.AddrFrom4([4]byte{byte(i>>16) + 1, byte(i >> 8), byte(i), 7})) {
				return
			}
		}
	}
}

// siteOf returns the name of the one site that a client has.
func siteOf(t testing.TB, p *Policy, client netip.Addr, snap *health.Snapshot, draw Draw) string {
	t.Helper()
	var out Choice
	p.Pick(&Input{Client: client, Health: snap, Draw: draw}, &out)
	if len(out.Sites) != 1 {
		t.Fatalf("client %v has the sites %v", client, out.Sites)
	}
	return p.sites.At(out.Sites[0]).Name
}

func compile(t testing.TB, sites *Sites, spec *Spec) *Policy {
	t.Helper()
	p, diags := Compile(spec, sites, worldIndex())
	if p == nil {
		t.Fatal(diags.Err())
	}
	return p
}

// with changes the entry of a site.
func with(sites *Sites, snap *health.Snapshot, name string, e health.Entry) *health.Snapshot {
	if snap == nil {
		snap = health.NewSnapshot(len(sites.Subjects()))
	}
	i, _ := sites.Find(name)
	return snap.With(sites.At(i).ID, e)
}

func open(share float64) health.Entry {
	return health.Entry{Up: true, Share: uint16(math.Round(share * health.FullShare)), Horizon: health.NoHorizon}
}

// When a site fails, only its clients move; when it comes back, so do they.
func TestStickyMovesOnlyTheClientsOfTheSiteThatFailed(t *testing.T) {
	sites := letters()
	spec := weigh(3, site("a"), 1, site("b"), 2, site("c"), 0, site("d"))
	spec.Sticky = true
	p := compile(t, sites, spec)
	failed := with(sites, nil, "b", health.Entry{Share: health.FullShare})
	moved := map[string]int{}
	for client := range networks(100_000) {
		before, during, after := siteOf(t, p, client, nil, nil), siteOf(t, p, client, failed, nil), siteOf(t, p, client, nil, nil)
		if during == "b" || before != after || before != "b" && during != before {
			t.Fatalf("client %v: %s, while b is down %s, then %s", client, before, during, after)
		}
		if before == "b" {
			moved[during]++
		}
	}
	// What b had is spread by the weights of the others.
	chiSquare(t, moved, map[string]float64{"a": 3, "c": 2})
}

// chiSquare fails if counts do not fit the weights, at one in a million.
func chiSquare(t *testing.T, got map[string]int, weights map[string]float64) {
	t.Helper()
	var n, sum, x float64
	for _, c := range got {
		n += float64(c)
	}
	for _, w := range weights {
		sum += w
	}
	for name, w := range weights {
		want := n * w / sum
		x += (float64(got[name]) - want) * (float64(got[name]) - want) / want
	}
	limit := []float64{0, 23.9, 27.6, 30.7}[len(weights)-1]
	if len(got) != len(weights) || x > limit {
		t.Errorf("got %v of weights %v: chi-square %.1f, at most %.1f", got, weights, x, limit)
	}
}

// A site with weight w that is open to the part s has s·w/Σw of the clients;
// the others share the rest by their weights. So whether it is drawn or sticky.
func TestSharesUnderDrainByDegrees(t *testing.T) {
	sites := letters()
	for _, sticky := range []bool{false, true} {
		for _, s := range []float64{1, 0.9, 0.5, 0.1, 0.01, 0} {
			spec := weigh(3, site("a"), 1, site("b"), 2, site("c"))
			spec.Sticky = sticky
			p := compile(t, sites, spec)
			snap := with(sites, nil, "a", open(s))
			draw := rand.New(rand.NewPCG(7, uint64(1000*s)))
			got := map[string]int{}
			for client := range networks(60_000) {
				got[siteOf(t, p, client, snap, draw)]++
			}
			own := s * 3 / 6
			want := map[string]float64{"a": own, "b": (1 - own) / 3, "c": (1 - own) * 2 / 3}
			if s == 0 {
				delete(want, "a")
			}
			chiSquare(t, got, want)
		}
	}
}

// A drain by degrees takes clients away one after the other, and gives them
// back in the opposite order: nobody moves twice, in any kind of policy.
func TestGatesMoveTheSameClients(t *testing.T) {
	sites := letters()
	sticky := weigh(1, site("a"), 1, site("b"))
	sticky.Sticky = true
	for _, spec := range []*Spec{list(KindFailover, site("a"), site("b")), sticky} {
		p := compile(t, sites, spec)
		for client := range networks(500) {
			had := true
			for step := 50; step >= 0; step-- {
				has := siteOf(t, p, client, with(sites, nil, "a", open(float64(step)/50)), nil) == "a"
				if has && !had {
					t.Fatalf("%s: client %v left a and came back while it was drained", spec.Flow(), client)
				}
				had = has
			}
			if had {
				t.Fatalf("%s: client %v has a drained site", spec.Flow(), client)
			}
		}
	}
}

// What is hashed is a contract with other nodes and with people who check it.
func TestHashesAreThoseOfTheManual(t *testing.T) {
	w := walk{in: &Input{Client: netip.MustParseAddr("192.0.2.77")}, out: &Choice{}}
	gate, sticky := w.place16(forGate, "fra"), w.hash(forSticky, "fra")
	w.in.Client = netip.MustParseAddr("2001:db8:1:2ff::1")
	got := fmt.Sprintf("%d %016x %016x", gate, sticky, w.hash(forSticky, "fra"))
	w.in.Client = netip.MustParseAddr("2001:db8:1:200::2")
	if want := fmt.Sprintf("%d %016x %016x", gate, sticky, w.hash(forSticky, "fra")); got != want {
		t.Errorf("two clients of one /56: %s and %s", got, want)
	}
	const want = "62012 c9bc86ea6890785a 24fbd0aef6d2105f"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTrickleHasItsPart(t *testing.T) {
	sites := letters()
	spec := list(KindFailover, site("a"), site("b"), site("c"))
	spec.Trickle = 2
	p := compile(t, sites, spec)
	got := map[string]int{}
	down := with(sites, nil, "b", health.Entry{Share: health.FullShare})
	for client := range networks(100_000) {
		first := siteOf(t, p, client, nil, nil)
		got[first]++
		if second := siteOf(t, p, client, down, nil); first == "b" && second != "c" || first == "a" && second != "a" {
			t.Fatalf("client %v had %s, and %s while b is down", client, first, second)
		}
	}
	chiSquare(t, got, map[string]float64{"a": 98, "b": 2})
}

// Each subset of addresses is drawn equally often.
func TestSubsetsOfAllAreUniform(t *testing.T) {
	spec := list(KindAll, site("a"), site("b"), site("c"), site("d"))
	spec.Max = 2
	p := compile(t, letters(), spec)
	got, want := map[string]int{}, map[string]float64{}
	draw := rand.New(rand.NewPCG(3, 4))
	var out Choice
	for range 60_000 {
		p.Pick(&Input{Draw: draw}, &out)
		if len(out.Addrs) != 2 || len(out.Sites) != 2 {
			t.Fatalf("got %v of %v", out.Addrs, out.Sites)
		}
		got[out.Addrs[0].String()]++
	}
	for i := range 4 {
		want[p.sites.At(int32(i)).Addrs[0].Addr.String()] = 1
	}
	chiSquare(t, got, want)
}

func TestHorizonIsTheLeastOfWhatWasConsulted(t *testing.T) {
	sites := letters()
	snap := with(sites, nil, "a", health.Entry{Share: health.FullShare, Horizon: 7})
	snap = with(sites, snap, "b", health.Entry{Up: true, Share: health.FullShare, Horizon: 9})
	snap = with(sites, snap, "c", health.Entry{Up: true, Share: health.FullShare, Horizon: 3})
	for _, c := range []struct {
		spec *Spec
		want uint16
	}{
		{site("d"), health.NoHorizon},
		{list(KindFailover, site("b"), site("c")), 9},
		{list(KindFailover, site("a"), site("b"), site("c")), 7},
		{weigh(1, site("a"), 1, site("b"), 0, site("c")), 3},
		{rules(eu(site("c")), all(site("b"))), 9},
	} {
		p := compile(t, sites, c.spec)
		for _, trace := range []*Trace{nil, {}} {
			var out Choice
			if p.Pick(&Input{Health: snap, Draw: newTape(1), Trace: trace}, &out); out.Horizon != c.want {
				t.Errorf("%s: got %d, want %d", c.spec.Flow(), out.Horizon, c.want)
			}
		}
	}
}

func TestGuardsAreNumberedAndCounted(t *testing.T) {
	pos := diag.Pos{File: "steering.yaml", Line: 3}
	inner := list(KindFailover, site("a"), site("b"))
	inner.Name, inner.Guard = "inner", &GuardSpec{MinSites: 1, MaxRemoved: 100, Pos: pos}
	outer := list(KindFailover, inner, site("c"), site("a"))
	outer.Name = "outer"
	other := list(KindFailover, site("d"), inner)
	other.Name = "other"
	sites := NewSites([]SiteSpec{
		{Name: "a", Addrs: addrs("192.0.2.1")}, {Name: "b", Addrs: addrs("192.0.2.2")},
		{Name: "c", Addrs: addrs("192.0.2.3")}, {Name: "d", Addrs: addrs("192.0.2.4")},
	}, inner, outer, other)
	c := NewCompiler(sites, nil)
	c.SetGuard(&GuardSpec{MinSites: 2, MaxRemoved: 50})
	var kept *Policy
	for _, s := range []*Spec{outer, other} {
		p, diags := c.Compile(s)
		if p == nil {
			t.Fatal(diags.Err())
		}
		kept = p
	}
	show := func() string {
		text := ""
		for _, g := range c.Guards() {
			text += fmt.Sprintf("%d %s %v %v; ", g.Number, g.Policy, &g.GuardSpec, g.Sites)
		}
		return text
	}
	want := "0 outer {min_sites: 2, max_removed: 50%} [0 2]; 1 inner {min_sites: 1} [0 1]; 2 other {min_sites: 2, max_removed: 50%} [3]; "
	if got := show(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.Retain([]*Policy{kept})
	want = "1 inner {min_sites: 1} [0 1]; 2 other {min_sites: 2, max_removed: 50%} [3]; "
	if got := show(); got != want {
		t.Errorf("after Retain: got  %s\nwant %s", got, want)
	}
	inner.Guard.MinSites = 3
	if _, diags := c.Compile(inner); !diags.HasErrors() {
		t.Error("a guard that asks for more sites than there are is no error")
	}
}

func first[T any](a, _ T) T { return a }

func TestSuccessors(t *testing.T) {
	trickle := list(KindFailover, site("a"), site("b"), site("c"))
	trickle.Trickle = 1
	few := list(KindFailover, site("a"), site("b"))
	few.MinHealthy = 2
	for _, c := range []struct {
		spec *Spec
		want string // of a, b, c, d
	}{
		{list(KindFailover, site("a"), site("b"), site("c")), "[[1] [2] [] []]"},
		{weigh(1, site("a"), 1, site("b"), 0, site("c")), "[[1] [0] [] []]"},
		{list(KindFailover, weigh(1, site("a"), 1, site("b")), site("c")), "[[1] [0] [] []]"},
		{list(KindFailover, list(KindFailover, site("a"), site("b")), weigh(1, site("c"), 1, site("d"))), "[[1] [2 3] [3] [2]]"},
		{rules(eu(list(KindFailover, site("a"), site("b"))), all(list(KindFailover, site("b"), site("c")))), "[[1] [2] [] []]"},
		{rules(Rule{Continents: []string{"EU"}, Use: site("a"), Strict: true}, all(site("b"))), "[[] [] [] []]"},
		{list(KindAll, site("a"), site("d")), "[[3] [] [] [0]]"},
		{trickle, "[[1] [2] [] []]"},
		{list(KindFailover, few, site("d")), "[[1 3] [3] [] []]"},
	} {
		cc := NewCompiler(letters(), worldIndex())
		if _, diags := cc.Compile(c.spec); diags.HasErrors() {
			t.Fatal(diags.Err())
		}
		if got := fmt.Sprint(first(cc.Successors())); got != c.want {
			t.Errorf("%s: got %s, want %s", c.spec.Flow(), got, c.want)
		}
	}
}

// The last choice that takes a target of one policy out leaves it in all
// others.
func TestTargetsAreOverriddenInTheirPolicyAlone(t *testing.T) {
	inner := list(KindFailover, site("a"), site("b"))
	inner.Name = "inner"
	twin := list(KindFailover, site("a"), site("b"))
	twin.Name = "twin"
	outer := rules(eu(inner), all(twin))
	outer.Name = "outer"
	sites := NewSites([]SiteSpec{{Name: "a", Addrs: addrs("192.0.2.1")}, {Name: "b", Addrs: addrs("192.0.2.2")}}, inner, twin, outer)
	p := compile(t, sites, outer)
	eu, us := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.200.0.1")
	scope := func(client netip.Addr, snap *health.Snapshot) uint8 {
		var out Choice
		p.Pick(&Input{Client: client, Health: snap}, &out)
		return out.Scope
	}
	if got := scope(eu, nil); got != 0 {
		t.Errorf("without an override both are one decision: got scope /%d, want /0", got)
	}
	i := slices.IndexFunc(sites.Subjects(), func(s health.Subject) bool { return s.Policy == "inner" && s.Site == "a" })
	snap := health.NewSnapshot(len(sites.Subjects())).With(health.ID(i), health.Entry{Up: true})
	if got := siteOf(t, p, eu, snap, nil) + siteOf(t, p, us, snap, nil); got != "ba" {
		t.Errorf("a drained in inner: got %s for Europe and others, want ba", got)
	}
	if scope(eu, snap) == 0 || scope(us, snap) == 0 {
		t.Error("a drained in inner: the scope covers both decisions")
	}
	snap = with(sites, nil, "a", health.Entry{Share: health.FullShare}).With(health.ID(i), health.Entry{Up: true, Forced: health.ForcedUp, Share: health.FullShare})
	if got := siteOf(t, p, eu, snap, nil) + siteOf(t, p, us, snap, nil); got != "ab" {
		t.Errorf("a forced up in inner: got %s for Europe and others, want ab", got)
	}
}

// A draw that comes to another site tells nothing of the networks that the site
// over its capacity sends on: its answer holds for the client's network alone, as
// that of the site does. Else resolvers would keep the one for longer than the
// other.
func TestScopeIsThatOfTheNetworkWhateverIsDrawn(t *testing.T) {
	sites := letters()
	p := compile(t, sites, weigh(1, site("a"), 1, site("b")))
	snap := with(sites, nil, "a", health.Entry{Up: true, Share: health.FullShare, Spill: 20000})
	seen := map[string]int{}
	var out Choice
	for client := range networks(200) {
		p.Pick(&Input{Client: client, Health: snap, Draw: newTape(uint64(len(seen)))}, &out)
		if seen[names(p, &out)[0]]++; out.Scope != block4 {
			t.Fatalf("client %v has %v with scope /%d", client, names(p, &out), out.Scope)
		}
	}
	if len(seen) != 2 {
		t.Errorf("only %v was drawn", seen)
	}
}
