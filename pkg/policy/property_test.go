package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

func TestPickAgreesWithOracle(t *testing.T) {
	ix := worldIndex()
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t, 4)
		sites, spec := world.sites, world.spec
		c := NewCompiler(sites, ix)
		p, diags := c.Compile(spec)
		if p == nil {
			t.Fatal(diags.Err())
		}
		var out Choice
		for range 5 {
			snap, family, client, seed := drawHealth(t, p, true), drawFamily(t), drawClient(t), rapid.Uint64().Draw(t, "seed")
			want := newTape(seed)
			o := oracle{sites: sites, guards: c.guardNumber, place: ix.Lookup(client), client: client, family: family, health: snap, draw: want}
			r := o.pick(spec)
			for _, trace := range []*Trace{nil, {}} {
				got := newTape(seed)
				p.Pick(&Input{Client: client, Family: family, Health: snap, Draw: got, Trace: trace}, &out)
				g, w := describe(out.Action, names(p, &out), out.Addrs, out.LastResort), describe(r.action, r.sites, r.addrs, r.lastResort)
				if g != w || !slices.Equal(got.asked, want.asked) {
					t.Fatalf("%s for %v (traced: %v)\n got %s, drawn from %v\nwant %s, drawn from %v",
						spec, client, trace != nil, g, got.asked, w, want.asked)
				}
				if trace != nil {
					saysWhy(t, trace.Summary, r.sites)
				}
			}
		}
	})
}

// saysWhy holds the summary of a choice to its form: one line that begins with the
// sites chosen, has a reason behind them, and none that is empty.
func saysWhy(t *rapid.T, summary string, sites []string) {
	t.Helper()
	if len(sites) > 0 && len(sites) <= summarySites && !strings.HasPrefix(summary, strings.Join(sites, ", ")+": ") {
		t.Fatalf("%q does not begin with the sites chosen, %v", summary, sites)
	}
	if summary == "" || strings.ContainsAny(summary, "\n\r") || strings.Contains(summary, ": ;") || strings.Contains(summary, "; ;") ||
		strings.HasSuffix(summary, ": ") || strings.HasSuffix(summary, "; ") {
		t.Fatalf("no sentence: %q", summary)
	}
}

// Whatever rules match and however far the sites are, two clients with the same
// canonical decision are served alike under every health and draw. This is what
// lets their addresses share a class and a scope. While targets are overridden
// that holds for the fine form.
func TestEqualDecisionsPickAlike(t *testing.T) {
	shared := [2]int{}
	ix := worldIndex()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, 4)
		p, diags := NewCompiler(w.sites, ix).Compile(w.spec)
		if p == nil {
			t.Fatal(diags.Err())
		}
		for n, fine := range []bool{false, true} {
			byDecision := map[string][]class{}
			for range 8 {
				of := drawClass(t, p)
				key := string(p.decide(&of, fine).form)
				byDecision[key] = append(byDecision[key], of)
			}
			for range 4 {
				snap, family, client, seed := drawHealth(t, p, fine), drawFamily(t), drawClient(t), rapid.Uint64().Draw(t, "seed")
				for _, classes := range byDecision {
					var first string
					for i := range classes {
						got := runWith(p, &classes[i], &Input{Client: client, Family: family, Health: snap, Draw: newTape(seed)})
						if i == 0 {
							first = got
						} else if shared[n]++; got != first {
							t.Fatalf("%s for %v, fine %v\nclass %v: %s\nclass %v: %s", w.spec.Flow(), client, fine, classes[0], first, classes[i], got)
						}
					}
				}
			}
		}
	})
	if shared[0] < 1000 || shared[1] < 500 {
		t.Errorf("only %d pairs were compared", shared)
	}
}

// drawClass returns rules that match and an order for each nearest policy.
func drawClass(t *rapid.T, p *Policy) class {
	var of class
	for i := range p.rules {
		if !p.rules[i].rule.Conditional() || rapid.Bool().Draw(t, "matches") {
			of.rules = of.rules.with(i)
		}
	}
	for _, n := range p.near {
		order := make([]uint16, len(n.sites))
		for i := range order {
			order[i] = uint16(i)
		}
		of.orders = append(of.orders, rapid.Permutation(order).Draw(t, "order")[:n.limit])
	}
	return of
}

// runWith picks as if the client were of the given class.
func runWith(p *Policy, of *class, in *Input) string {
	out := Choice{judged: make([]judgment, len(p.nodes)), Action: NoData}
	w := walk{p: p, in: in, out: &out, judged: out.judged, class: of}
	w.run()
	return describe(out.Action, names(p, &out), out.Addrs, out.LastResort) + fmt.Sprint(in.Draw.(*tape).asked)
}

// The scope is sound: all of it has one decision. And it is as wide as is
// true: the prefix one bit shorter has two.
func TestScopeIsTheWidestWithOneDecision(t *testing.T) {
	ix := worldIndex()
	all := borders()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, 3)
		p, _ := NewCompiler(w.sites, ix).Compile(w.spec)
		decision := func(a netip.Addr) decided {
			of := p.classOf(clientAt(p, ix, a), ordersAt(p, ix, a))
			return p.decide(&of, false)
		}
		alike := func(client netip.Addr, bits int) bool {
			whole := netip.PrefixFrom(client, bits).Masked()
			want := string(decision(client).form)
			return !slices.ContainsFunc(all, func(a netip.Addr) bool {
				return whole.Contains(a) && string(decision(a).form) != want
			})
		}
		client := rapid.SampledFrom(all).Draw(t, "client")
		var out Choice
		p.Pick(&Input{Client: client, Draw: newTape(1)}, &out)
		scope, least := int(out.Scope), 0
		if decision(client).hashed {
			least = int(blockBits(client))
		}
		if scope < least || !alike(client, scope) {
			t.Fatalf("%s: scope /%d of %v holds several decisions", w.spec.Flow(), scope, client)
		}
		if scope > least && alike(client, scope-1) {
			t.Fatalf("%s: scope /%d of %v could be shorter", w.spec.Flow(), scope, client)
		}
	})
}

// Where nothing is drawn, all clients within the scope of an answer get that
// answer, whatever is down, drained in part or overridden.
func TestAnswersAgreeWithinTheirScope(t *testing.T) {
	ix := worldIndex()
	all := borders()
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, 4)
		p, _ := NewCompiler(w.sites, ix).Compile(w.spec)
		snap, family := drawHealth(t, p, true), drawFamily(t)
		answer := func(a netip.Addr) (text string, scope uint8, drawn bool) {
			var out Choice
			d := newTape(1)
			p.Pick(&Input{Client: a, Family: family, Health: snap, Draw: d}, &out)
			return describe(out.Action, names(p, &out), out.Addrs, out.LastResort), out.Scope, len(d.asked) > 0
		}
		client := rapid.SampledFrom(all).Draw(t, "client")
		want, scope, drawn := answer(client)
		if drawn {
			return
		}
		whole := netip.PrefixFrom(client, int(scope)).Masked()
		for _, a := range append(neighbours(client), all...) {
			if !whole.Contains(a) {
				continue
			}
			compared++
			if got, _, _ := answer(a); got != want {
				t.Fatalf("%s: %v has %s in /%d, but %v has %s", w.spec.Flow(), client, want, scope, a, got)
			}
		}
	})
	if compared < 2000 {
		t.Errorf("only %d pairs were compared", compared)
	}
}

// neighbours returns addresses that differ from a in one bit each.
func neighbours(a netip.Addr) []netip.Addr {
	var out []netip.Addr
	for bit := range a.BitLen() {
		b := a.AsSlice()
		b[bit/8] ^= 0x80 >> (bit % 8)
		n, _ := netip.AddrFromSlice(b)
		out = append(out, n)
	}
	return out
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

func ordersAt(p *Policy, ix *geo.Index, a netip.Addr) [][]uint16 {
	var out [][]uint16
	for _, n := range p.near {
		out = append(out, n.order(nil, p.sites, placeOf(ix.Lookup(a))))
	}
	return out
}
