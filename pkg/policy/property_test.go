package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

func TestPickAgreesWithOracle(t *testing.T) {
	ix := worldIndex()
	rapid.Check(t, func(t *rapid.T) {
		sites := drawSites(t)
		spec := drawSpec(t, sites, 4)
		spec.AllDown = drawAllDown(t)
		p, diags := Compile(spec, sites, ix)
		if p == nil {
			t.Fatal(diags.Err())
		}
		var out Choice
		for range 5 {
			snap, family, client, seed := drawHealth(t, sites), drawFamily(t), drawClient(t), rapid.Uint64().Draw(t, "seed")
			want := newTape(seed)
			o := oracle{sites: sites, place: ix.Lookup(client), client: client, family: family, health: snap, draw: want}
			r := o.pick(spec)
			for _, trace := range []*Trace{nil, {}} {
				got := newTape(seed)
				p.Pick(&Input{Client: client, Family: family, Health: snap, Draw: got, Trace: trace}, &out)
				g, w := describe(out.Action, names(p, &out), out.Addrs, out.LastResort), describe(r.action, r.sites, r.addrs, r.lastResort)
				if g != w || !slices.Equal(got.asked, want.asked) {
					t.Fatalf("%s for %v (traced: %v)\n got %s, drawn from %v\nwant %s, drawn from %v",
						spec, client, trace != nil, g, got.asked, w, want.asked)
				}
			}
		}
	})
}

// Whatever sets of rules match, two of them with the same canonical decision
// choose alike under every health and draw. This is what lets their addresses
// share a class and a scope.
func TestEqualDecisionsPickAlike(t *testing.T) {
	shared := 0
	ix := worldIndex()
	rapid.Check(t, func(t *rapid.T) {
		sites := drawSites(t)
		spec := drawSpec(t, sites, 4)
		spec.AllDown = drawAllDown(t)
		p, _ := Compile(spec, sites, ix)
		byDecision := map[string][]bitset{}
		for range 8 {
			var set bitset
			for i := range p.rules {
				if !p.rules[i].rule.Conditional() || rapid.Bool().Draw(t, "matches") {
					set = set.with(i)
				}
			}
			key := string(p.decision(set))
			byDecision[key] = append(byDecision[key], set)
		}
		for range 6 {
			snap, family, seed := drawHealth(t, sites), drawFamily(t), rapid.Uint64().Draw(t, "seed")
			for _, sets := range byDecision {
				var first string
				for i, set := range sets {
					got := runWith(p, set, &Input{Family: family, Health: snap, Draw: newTape(seed)})
					if i == 0 {
						first = got
					} else if shared++; got != first {
						t.Fatalf("%s\nrules %b: %s\nrules %b: %s", spec, sets[0], first, set, got)
					}
				}
			}
		}
	})
	if shared < 1000 {
		t.Errorf("only %d pairs were compared", shared)
	}
}

// runWith picks as if exactly the given rules matched.
func runWith(p *Policy, matching bitset, in *Input) string {
	out := Choice{judged: make([]judgment, len(p.nodes)), Action: NoData}
	w := walk{p: p, in: in, judged: out.judged, matching: matching}
	w.run(&out)
	return describe(out.Action, names(p, &out), out.Addrs, out.LastResort) + fmt.Sprint(in.Draw.(*tape).asked)
}

// The scope is sound: all of it has one decision. And it is as wide as is
// true: the prefix one bit shorter has two.
func TestScopeIsTheWidestWithOneDecision(t *testing.T) {
	ix := worldIndex()
	all := borders()
	rapid.Check(t, func(t *rapid.T) {
		sites := drawSites(t)
		spec := drawSpec(t, sites, 3)
		p, _ := Compile(spec, sites, ix)
		decision := func(a netip.Addr) string {
			return string(p.decision(p.matching(clientAt(p, ix, a))))
		}
		alike := func(client netip.Addr, bits int) bool {
			whole := netip.PrefixFrom(client, bits).Masked()
			want := decision(client)
			return !slices.ContainsFunc(all, func(a netip.Addr) bool {
				return whole.Contains(a) && decision(a) != want
			})
		}
		client := rapid.SampledFrom(all).Draw(t, "client")
		var out Choice
		p.Pick(&Input{Client: client, Draw: newTape(1)}, &out)
		scope := int(out.Scope)
		if !alike(client, scope) {
			t.Fatalf("%s: scope /%d of %v holds several decisions", spec, scope, client)
		}
		if scope > 0 && alike(client, scope-1) {
			t.Fatalf("%s: scope /%d of %v could be shorter", spec, scope, client)
		}
	})
}

func clientAt(p *Policy, ix *geo.Index, a netip.Addr) client {
	c := client{place: ix.Lookup(a)}
	for i, cidr := range p.cidrs {
		if cidr.Contains(a) {
			c.cidrs = append(c.cidrs, i)
		}
	}
	return c
}
