package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// GuardSpec bounds how many sites of a policy failed checks may take out.
type GuardSpec struct {
	MinSites   int // so many sites stay in; 0: no bound
	MaxRemoved int // percent of the sites that may be out; 100: no bound
	Pos        diag.Pos
}

// String returns the guard in the YAML flow form of steering.yaml.
func (g *GuardSpec) String() string {
	var parts []string
	if g.MinSites > 0 {
		parts = append(parts, fmt.Sprintf("min_sites: %d", g.MinSites))
	}
	if g.MaxRemoved < 100 || parts == nil {
		parts = append(parts, fmt.Sprintf("max_removed: %d%%", g.MaxRemoved))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Guard is a guard in force: the sites that it is the nearest guard above of,
// in one policy or in all that a named policy is part of.
type Guard struct {
	Number int    // as health.Snapshot.Kept counts
	Policy string // as [Spec.String] shows it
	GuardSpec
	Sites []int32 // indices into Sites, each once, ascending
	// Ways are, for each of them, the targets that an operator may override on
	// each way to it from the policy that has the guard.
	Ways map[int32][][]health.Target
}

// noGuard is the number where no guard is above.
const noGuard = -1

// SetGuard sets the guard of the policies compiled from now on that have none
// of their own. Nil is none.
func (c *Compiler) SetGuard(g *GuardSpec) { c.guard = g }

// Guards returns the guards of the policies compiled so far, or of those that
// [Compiler.Retain] left, in the order of their numbers. Some numbers may be
// missing.
func (c *Compiler) Guards() []Guard {
	return slices.DeleteFunc(slices.Clone(c.guards), func(g Guard) bool { return g.Policy == "" })
}

// Guarded is a guard with those of its sites that stand below some policy.
type Guarded struct {
	Guard
	Below []int32 // indices into Sites, each once, ascending
}

// GuardedBelow returns the guards that stand over sites below spec, a policy
// within the tree of p, which this compiler has compiled. Those around spec
// count as well as those within it.
func (c *Compiler) GuardedBelow(p *Policy, spec *Spec) []Guarded {
	below := map[int32][]int32{}
	var walk func(at int32, within bool)
	walk = func(at int32, within bool) {
		n := &p.nodes[at]
		within = within || n.spec == spec
		if n.kind == KindSite && within && n.guard != noGuard {
			below[n.guard] = append(below[n.guard], n.site)
		}
		for i := range n.kids {
			walk(n.kids[i].node, within)
		}
	}
	walk(0, false)
	var out []Guarded
	for _, number := range slices.Sorted(maps.Keys(below)) {
		sites := below[number]
		slices.Sort(sites)
		out = append(out, Guarded{c.guards[number], slices.Compact(sites)})
	}
	return out
}

// retainGuards forgets the guards that no compiled policy has.
func (c *Compiler) retainGuards() {
	used := make([]bool, len(c.guards))
	for _, p := range c.compiled {
		for i := range p.nodes {
			if g := p.nodes[i].guard; g != noGuard {
				used[g] = true
			}
		}
	}
	for spec, g := range c.guardNumber {
		if !used[g] {
			delete(c.guardNumber, spec)
			c.guards[g] = Guard{}
		}
	}
}

// guardOf returns the number of the guard that a policy has, or of the one
// around it.
func (b *builder) guardOf(spec *Spec, depth int, around int32) int32 {
	g := spec.Guard
	if g == nil && depth == 1 && spec.Kind != KindSite {
		g = b.c.guard
	}
	if g == nil {
		return around
	}
	n, known := b.c.guardNumber[spec]
	if !known {
		n = int32(len(b.c.guards))
		b.c.guardNumber[spec] = n
		b.c.guards = append(b.c.guards, Guard{Number: int(n), Policy: spec.String(), GuardSpec: *g, Ways: map[int32][][]health.Target{}})
	}
	return n
}

// guarded notes that a site stands under a guard.
func (b *builder) guarded(guard, site int32) {
	if guard == noGuard {
		return
	}
	g := &b.c.guards[guard]
	if at, has := slices.BinarySearch(g.Sites, site); !has {
		g.Sites = slices.Insert(g.Sites, at, site)
	}
	way := slices.Clone(b.way[b.wayFrom[guard]:])
	if !slices.ContainsFunc(g.Ways[site], func(w []health.Target) bool { return slices.Equal(w, way) }) {
		g.Ways[site] = append(g.Ways[site], way)
	}
}

// checkGuards reports guards that ask for more sites than there are. The one
// for all policies may: it is meant for small and large ones.
func (b *builder) checkGuards() {
	seen := map[*Spec]bool{}
	for i := range b.p.nodes {
		spec := b.p.nodes[i].spec
		if spec.Guard == nil || seen[spec] {
			continue
		}
		seen[spec] = true
		if n := len(b.c.guards[b.c.guardNumber[spec]].Sites); spec.Guard.MinSites > n {
			b.once(spec.Guard.Pos, fmt.Sprintf("at most %d", n),
				"guard of policy %s asks for %d sites, and has %d to guard", spec, spec.Guard.MinSites, n)
		}
	}
}
