package policy

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// frequencies counts what many picks choose, as Odds has it: the oracle.
func frequencies(p *Policy, in Input, n int) (parts map[int32]float64, last float64) {
	parts = map[int32]float64{}
	var out Choice
	in.Draw = rand.New(rand.NewPCG(3, 4))
	for range n {
		p.Pick(&in, &out)
		if out.LastResort {
			last += 1 / float64(n)
		}
		served := []int32{Nobody}
		switch {
		case len(out.Addrs) > 0:
			served = nil
			for _, f := range out.from {
				served = append(served, f.site)
			}
			if len(out.from) == 0 { // recalled
				served = out.Sites
			}
		case out.Action == NoData && len(out.Sites) > 0:
			served = out.Sites
		}
		for _, s := range served {
			parts[s] += 1 / float64(n*len(served))
		}
	}
	return parts, last
}

func TestOddsAreWhatManyPicksCount(t *testing.T) {
	const picks = 1000
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t, 3)
		p, diags := NewCompiler(world.sites, worldIndex()).Compile(world.spec)
		if p == nil {
			t.Fatal(diags.Err())
		}
		snap, family := drawHealth(t, p, true), drawFamily(t)
		odds := p.Odds(family, snap)
		for range 2 {
			client := drawClient(t)
			got := odds.Of(client)
			want, last := frequencies(p, Input{Client: client, Family: family, Health: snap}, picks)
			sum := 0.0
			for _, part := range got.Parts {
				sum += part.Part
			}
			if math.Abs(sum-1) > 1e-9 || math.Abs(got.LastResort-last) > 1e-9 {
				t.Fatalf("%s for %v: parts %v, last resort %v, counted %v", world.spec, client, got.Parts, got.LastResort, last)
			}
			for s := Nobody; s < int32(world.sites.Len()); s++ {
				// Six standard deviations, and what drawing a few times may be off.
				if math.Abs(got.Of(s)-want[s]) > 6*0.5/math.Sqrt(picks)+6*0.5/math.Sqrt(drawnForOne)*subsets(p) {
					t.Fatalf("%s for %v: site %d has %v, counted %v", world.spec, client, s, got.Of(s), want[s])
				}
			}
		}
	})
}

// subsets is 1 if an answer may leave out random addresses, else 0.
func subsets(p *Policy) float64 {
	for i := range p.nodes {
		if p.nodes[i].spec.Max > 0 {
			return 1
		}
	}
	return 0
}

func TestOddsAreExact(t *testing.T) {
	sites := letters()
	nested := weigh(1, weigh(1, site("a"), 3, site("b")), 1, site("c"))
	p := compile(t, sites, nested)
	o := p.Odds(V4, nil).Of(netip.MustParseAddr("192.0.2.1"))
	for name, want := range map[string]float64{"a": 0.125, "b": 0.375, "c": 0.5} {
		if i, _ := sites.Find(name); o.Of(i) != want {
			t.Errorf("%s has %v, want %v", name, o.Of(i), want)
		}
	}
	// More outcomes than are gone through: drawn, and near the truth.
	many := &Spec{Kind: KindAll}
	for range 10 {
		many.Targets = append(many.Targets, Target{Spec: weigh(1, site("a"), 1, site("b"))})
	}
	o = compile(t, sites, many).Odds(V4, nil).Of(netip.MustParseAddr("192.0.2.1"))
	if a, _ := sites.Find("a"); math.Abs(o.Of(a)-0.5) > 0.05 {
		t.Errorf("a has %v, want about half", o.Of(a))
	}
}

func TestOddsOfAClassAreAskedOnce(t *testing.T) {
	sites := letters()
	p := compile(t, sites, geoSpec(Rule{Continents: []string{"EU"}, Use: site("a")}, Rule{Use: site("b")}))
	o := p.Odds(V4, nil)
	if o.Of(netip.MustParseAddr("10.0.0.1")) != o.Of(netip.MustParseAddr("10.64.0.1")) {
		t.Error("two clients of one class were asked for twice")
	}
	if o.Of(netip.MustParseAddr("10.0.0.1")) == o.Of(netip.MustParseAddr("10.200.0.1")) {
		t.Error("two classes have one outlook")
	}
}

func geoSpec(rules ...Rule) *Spec { return &Spec{Kind: KindGeo, Rules: rules} }

func TestUnreached(t *testing.T) {
	sites := letters()
	spec := geoSpec(
		Rule{Continents: []string{"EU"}, Use: site("a")},
		Rule{Countries: []string{"DE"}, Use: site("b")},
		Rule{Cities: []City{{Name: "Atlantis"}}, Use: site("c")},
		Rule{CIDRs: prefixes("100.64.0.0/10"), Use: site("c")},
		Rule{Use: site("d")})
	ix := geo.NewSourceBuilder()
	for _, w := range world {
		ix.Add(netip.MustParsePrefix(w.prefix), w.place)
	}
	p, diags := Compile(spec, sites, geo.Merge(ix.Source("world")))
	if p == nil {
		t.Fatal(diags.Err())
	}
	tell := func(snap *health.Snapshot) string {
		var out []string
		for _, u := range p.Unreached(V4, snap) {
			text := u.Rule.String()
			if u.Nobody {
				text += " nobody"
			}
			out = append(out, text)
		}
		return strings.Join(out, "; ")
	}
	const never = "{city: [Atlantis], use: c} nobody"
	if got, want := tell(nil), "{country: [DE], use: b}; "+never; got != want {
		t.Errorf("all up: got %q, want %q", got, want)
	}
	down := with(sites, nil, "a", health.Entry{Share: health.FullShare})
	if got := tell(down); got != never {
		t.Errorf("a down: got %q, want %q", got, never)
	}
	if got := tell(with(sites, nil, "a", open(0.99))); got != never {
		t.Errorf("a drained by a hundredth: got %q, want %q", got, never)
	}
}
