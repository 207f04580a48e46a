package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// What is remembered of a site is what judging it anew finds, with the same
// horizon and the same addresses, for any client.
func TestSettledAgreesWithJudging(t *testing.T) {
	ix := worldIndex()
	seen := [whole + 1]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, 1)
		p, diags := NewCompiler(w.sites, ix).Compile(w.spec)
		if p == nil {
			t.Fatal(diags.Err())
		}
		var s settled
		for range 3 {
			snap, family := drawHealth(t, p, true), drawFamily(t)
			s.of(snap, p.sites)
			for i := range p.sites.list {
				got := s.at(int32(i), family)
				seen[got.standing]++
				if got.standing == depends {
					continue
				}
				site := &p.sites.list[i]
				in := Input{Client: drawClient(t), Family: family, Health: snap}
				for _, m := range []manner{byHealth, allThatWorks} {
					out := Choice{Horizon: health.NoHorizon}
					walk := walk{p: p, in: &in, out: &out, manner: m}
					v := walk.judgeSite(&node{guard: noGuard}, site).verdict
					if v == up != (got.standing >= partly) || out.Horizon != got.horizon || walk.hashed || walk.barred {
						t.Fatalf("site %s: settled %v, judged %v with horizon %d", site.Name, got, v, out.Horizon)
					}
					all := !slices.ContainsFunc(site.Addrs, func(a Address) bool {
						return family.has(a.Addr) && !walk.addressUp(site, snap.At(site.ID), snap.At(a.ID), false)
					})
					if got.standing == whole && !all || got.standing == partly && all && site.lists(family) {
						t.Fatalf("site %s: settled %v, all addresses up: %v", site.Name, got, all)
					}
				}
			}
		}
	})
	if slices.Contains(seen[depends:], 0) {
		t.Errorf("a standing never came up: %v", seen)
	}
}

// A Choice that has served other sites and snapshots serves as a new one does.
func TestChoiceForgetsOtherSites(t *testing.T) {
	ix := worldIndex()
	rapid.Check(t, func(t *rapid.T) {
		var used Choice
		var policies []*Policy
		for range 2 {
			w := drawWorld(t, 2)
			p, diags := NewCompiler(w.sites, ix).Compile(w.spec)
			if p == nil {
				t.Fatal(diags.Err())
			}
			policies = append(policies, p)
		}
		snaps := [2][]*health.Snapshot{}
		for i, p := range policies {
			snaps[i] = []*health.Snapshot{drawHealth(t, p, true), drawHealth(t, p, false), nil}
		}
		for n := range 8 {
			p, snap := policies[n%2], snaps[n%2][rapid.IntRange(0, 2).Draw(t, "snapshot")]
			in := Input{Client: drawClient(t), Family: drawFamily(t), Health: snap, Draw: newTape(uint64(n))}
			p.Pick(&in, &used)
			var fresh Choice
			in.Draw = newTape(uint64(n))
			p.Pick(&in, &fresh)
			got := describe(used.Action, names(p, &used), used.Addrs, used.LastResort)
			want := describe(fresh.Action, names(p, &fresh), fresh.Addrs, fresh.LastResort)
			if got != want || used.Horizon != fresh.Horizon || used.Scope != fresh.Scope {
				t.Fatalf("%s: a used choice: %s, a new one: %s", p.Spec(), got, want)
			}
		}
	})
}
