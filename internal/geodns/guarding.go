package geodns

import (
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// Guarding says how a guard may make a dead site be answered until a person
// acts: when as many sites are out as it allows, it keeps the next ones in.
type Guarding struct {
	Policy string `json:"policy"` // that has the guard
	Family string `json:"family"` // IPv4 or IPv6: in which it lets the fewest sites be out
	Sites  int    `json:"sites"`  // that it counts in that family
	Out    int    `json:"out"`    // of them that may be out; 0: it keeps every one of them in

	site string // one that it may keep, below the policy asked about
}

// guardText is how much is shown of the text of a policy in place, in characters.
const guardText = 60

// String says it for people.
func (g Guarding) String() string {
	which := "one that dies beyond that"
	if g.Out == 0 {
		which = "a dead one"
	}
	return "the guard of " + diag.Shorten(g.Policy, guardText) + " " + g.lets() + ": " + which + " is answered until a person acts"
}

// lets says what the guard does.
func (g Guarding) lets() string {
	switch {
	case g.Sites == 1:
		return "does not let its one site with " + g.Family + " be out"
	case g.Out == 0:
		return fmt.Sprintf("lets none of its %d sites with %s be out", g.Sites, g.Family)
	}
	return fmt.Sprintf("lets %d of its %d sites with %s be out", g.Out, g.Sites, g.Family)
}

// guardings returns the guards that may keep in a dead site below spec, which is
// a policy within p; the strictest first. A guard that lets all its sites be out
// is none, and a site without a check is not known to be dead by anybody.
func (g *generation) guardings(p *policy.Policy, spec *policy.Spec) []Guarding {
	out := []Guarding{}
	for _, guard := range g.compiler.GuardedBelow(p, spec) {
		if told, keeps := g.guarding(guard); keeps {
			out = append(out, told)
		}
	}
	slices.SortStableFunc(out, func(a, b Guarding) int { return a.Out - b.Out })
	return out
}

// guarding says what one guard may keep, in the family in which it allows the
// least.
func (g *generation) guarding(guard policy.Guarded) (out Guarding, keeps bool) {
	bound := health.Guard{MinSites: guard.MinSites, MaxRemoved: guard.MaxRemoved}
	families := []policy.Family{policy.V4, policy.V6}
	var sites [2]int
	for f, family := range families {
		for _, i := range guard.Sites {
			if countsIn(g.sites.At(i), family) {
				sites[f]++
			}
		}
	}
	for f, family := range families {
		counted := func(i int32) bool { return countsIn(g.sites.At(i), family) }
		n := sites[f]
		if !bound.Bounds(n, max(sites[0], sites[1])) {
			continue
		}
		at := slices.IndexFunc(guard.Below, func(i int32) bool { return counted(i) && len(g.sites.At(i).Checks) > 0 })
		if allowed := bound.Allowed(n); at >= 0 && allowed < n && (!keeps || allowed < out.Out) {
			out, keeps = Guarding{guard.Policy, family.String(), n, allowed, g.sites.At(guard.Below[at]).Name}, true
		}
	}
	return out, keeps
}

// countsIn reports whether a guard counts a site in a family: one that has an
// address of it, or none at all.
func countsIn(s *policy.Site, family policy.Family) bool {
	return len(s.Addrs) == 0 || slices.ContainsFunc(s.Addrs, func(a policy.Address) bool { return a.Addr.Is6() == (family == policy.V6) })
}

// frozen returns the one of some guards, the strictest first, that keeps in
// whatever dies first.
func frozen(list []Guarding) (Guarding, bool) {
	if len(list) == 0 || list[0].Out > 0 {
		return Guarding{}, false
	}
	return list[0], true
}

// failover returns the time until clients of a record avoid a dead site, and
// what may make it longer. A site that a guard keeps in whatever else is up
// counts as the slowest.
func (g *generation) failover(s *zone.Steer, p *policy.Policy) Failover {
	worst := g.slowestOf(p.Spec())
	f := Failover{Policy: p.Spec().String(), Site: worst.site, TTL: s.TTL, Budget: p.Spec().Budget.Seconds(), Guards: g.guardings(p, p.Spec())}
	if !worst.watched {
		return f
	}
	guard, frozen := frozen(f.Guards)
	if frozen {
		worst = g.detections[guard.site]
		f.Site = worst.site
	}
	d := worst.found
	f.Check, f.Fall = d.Check, d.Verdicts()
	f.Timeout, f.Interval, f.Stands = d.Spec.Timeout.Seconds(), d.Spec.Interval.Seconds(), d.Stands.Seconds()
	if !frozen {
		f.within, f.sum = worst.within(s), worst.sum(s)
		seconds := f.within.Seconds()
		f.Seconds = &seconds
	}
	return f
}
