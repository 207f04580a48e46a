package policy

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// builder writes a Spec out as the nodes of a Policy.
type builder struct {
	c       *Compiler
	p       *Policy
	ruleOf  map[*Rule]int32 // a rule that stands in the tree twice is judged once
	cidrOf  map[netip.Prefix]int
	nearOf  map[*Spec]int32
	told    map[diag.Diag]bool // what was complained about, since a policy may stand in several places
	way     []health.Target    // to the node that is added
	wayFrom map[int32]int      // by guard: where the way from its policy begins
	full    bool               // a limit was passed; the rest is left out
	diags   diag.List
}

// add appends the tree of spec and returns the number of its root. Depth
// counts from 1; around is the guard of the policy around it.
func (b *builder) add(spec *Spec, depth int, around int32) int32 {
	at := int32(len(b.p.nodes))
	if b.full || b.overLimit(spec, depth) {
		return at
	}
	n := node{kind: spec.Kind, spec: spec, guard: b.guardOf(spec, depth, around)}
	if n.guard != around {
		b.wayFrom[n.guard] = len(b.way)
	}
	n.trickle = uint32(math.Round(spec.Trickle * (1 << 16) / 100))
	if n.trickle > 0 {
		n.name = spec.key()
	}
	if spec.Kind == KindSite {
		n.site = b.site(spec)
		b.guarded(n.guard, n.site)
	}
	b.p.nodes = append(b.p.nodes, n)
	kids := b.kids(spec, depth, n.guard)
	b.p.nodes[at].kids = kids
	if spec.Kind == KindNearest && !b.full {
		b.p.nodes[at].near = b.nearest(spec, kids)
	}
	return at
}

// site returns the index of the site that spec is.
func (b *builder) site(spec *Spec) int32 {
	site, ok := b.p.sites.Find(spec.Name)
	if !ok {
		b.once(spec.Pos, "", "unknown site %q", spec.Name)
	}
	return site
}

// kids appends the targets of a policy.
func (b *builder) kids(spec *Spec, depth int, guard int32) []kid {
	if len(spec.Rules)+len(spec.Targets) == 0 {
		return nil
	}
	numbers := b.p.sites.targetsBelow(spec)
	kids := make([]kid, 0, len(spec.Rules)+len(spec.Targets))
	for i := range spec.Rules {
		r := &spec.Rules[i]
		k := b.kid(spec, r.Use, numbers, depth, guard)
		k.rule, k.strict = b.rule(r), r.Strict
		kids = append(kids, k)
	}
	for _, t := range spec.Targets {
		k := b.kid(spec, t.Spec, numbers, depth, guard)
		k.weight = t.Weight
		if spec.Sticky {
			k.name = t.Spec.key()
		}
		kids = append(kids, k)
	}
	return kids
}

// kid appends one target of a policy, whose targets have the given numbers.
func (b *builder) kid(spec, child *Spec, numbers map[string]health.ID, depth int, guard int32) kid {
	k := kid{target: noTarget, site: noSite}
	if len(numbers) > 0 {
		k.target = numbers[child.key()]
	}
	before := len(b.way)
	if k.target != noTarget {
		b.way = append(b.way, health.Target{Policy: spec.Name, Site: child.key()})
	}
	k.node = b.add(child, depth+1, guard)
	b.way = b.way[:before]
	if child.Kind == KindSite && !b.full {
		k.site = b.p.nodes[k.node].site
	}
	if k.target != noTarget {
		k.name = child.key()
		if !slices.Contains(b.p.targets, k.target) {
			b.p.targets = append(b.p.targets, k.target)
		}
	}
	return k
}

// overLimit reports a tree that is too deep or too large, once.
func (b *builder) overLimit(spec *Spec, depth int) bool {
	root := b.p.spec
	switch {
	case depth > MaxDepth:
		b.diags.Errorf(spec.Pos, "fewer policies within policies",
			"policy %s is more than %d deep here", root, MaxDepth)
	case len(b.p.nodes) >= MaxNodes:
		b.diags.Errorf(root.Pos, "fewer targets",
			"policy %s has more than %d targets when every name in it is written out", root, MaxNodes)
	default:
		return false
	}
	b.full = true
	return true
}

// rule returns the number of a rule.
func (b *builder) rule(r *Rule) int32 {
	if i, ok := b.ruleOf[r]; ok {
		return i
	}
	i := int32(len(b.p.rules))
	b.ruleOf[r] = i
	b.p.rules = append(b.p.rules, newMatcher(r, b.cidr))
	return i
}

// cidr returns the number of a prefix.
func (b *builder) cidr(p netip.Prefix) int {
	if i, ok := b.cidrOf[p]; ok {
		return i
	}
	i := len(b.p.cidrs)
	b.cidrOf[p] = i
	b.p.cidrs = append(b.p.cidrs, p)
	return i
}

// fieldOf says what a database must carry for a condition to be judged.
var fieldOf = [...]geo.Fields{
	Continent:     geo.Continent,
	Country:       geo.Country,
	Subdivision:   geo.Subdivision,
	CityCondition: geo.City,
	ASN:           geo.ASN,
}

// checkFields reports conditions that no configured database carries: they
// would never hold, and nobody would be told.
func (b *builder) checkFields() {
	carried := b.p.index.Fields()
	for i := range b.p.rules {
		r := b.p.rules[i].rule
		for cond := range CIDR {
			if r.Len(cond) > 0 && !carried.Has(fieldOf[cond]) {
				b.once(r.ConditionPos[cond], "configure one under geo.database, or leave the condition out",
					"no configured database carries what %s needs", cond)
			}
		}
	}
}

// warnEmpty warns where all_down would have to serve something and some
// clients match no rule at all.
func (b *builder) warnEmpty() {
	root := b.p.spec
	if root.AllDown == Serve && !b.full && b.mayBeEmpty(0) {
		b.diags.Warnf(root.Pos, "add a rule {use: …} for everyone else",
			"some clients match no rule in policy %s, and get no address (NODATA)", root)
	}
}

// mayBeEmpty reports whether some client may have no candidates below a node,
// as far as the text tells.
func (b *builder) mayBeEmpty(at int32) bool {
	n := &b.p.nodes[at]
	for _, k := range n.kids {
		always := n.kind != KindGeo || !b.p.rules[k.rule].rule.Conditional()
		if always && !b.mayBeEmpty(k.node) {
			return false
		}
	}
	return n.kind != KindSite
}

// once adds an error unless it was told already.
func (b *builder) once(pos diag.Pos, right, format string, args ...any) {
	d := diag.Diag{Pos: pos, Severity: diag.Error, What: fmt.Sprintf(format, args...), Right: right}
	if !b.told[d] {
		b.told[d] = true
		b.diags = append(b.diags, d)
	}
}
