package policy

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Policy is one compiled root: what a STEER record names. It never changes and
// may be asked by any number of goroutines.
type Policy struct {
	spec    *Spec
	sites   *Sites
	index   *geo.Index
	nodes   []node // the tree with every name written out; nodes[0] is the root
	rules   []matcher
	cidrs   []netip.Prefix
	near    []near
	guards  []string    // names of the policies that have them, by number
	targets []health.ID // that an operator may override, each once
	salt    uint32      // keeps the places in a memo apart from those of other policies

	plain classing
	fine  *classing // used while a target is overridden; nil: the plain one will do
}

// node is one policy or site at its place in the tree.
type node struct {
	kind    Kind
	site    int32 // index into Sites, of KindSite
	near    int32 // index into Policy.near, of KindNearest
	guard   int32 // the nearest guard above, or noGuard
	trickle uint32
	name    string // hashed for the trickle
	kids    []kid
	spec    *Spec
}

// kid is one target of a node.
type kid struct {
	node   int32
	site   int32 // of a target that is a site, or noSite
	rule   int32 // index into Policy.rules, of KindGeo
	weight uint32
	strict bool
	target health.ID // noTarget: it cannot be overridden
	name   string    // hashed for the share of target and for the choice of a sticky policy; "" if neither is needed
}

// hashedName is the name by which a sticky policy chooses; of others "".
func (k *kid) hashedName(n *node) string {
	if !n.spec.Sticky {
		return ""
	}
	return k.name
}

// noSite is the site of a target that is none.
const noSite = -1

// Spec returns the policy as written.
func (p *Policy) Spec() *Spec { return p.spec }

// Sites returns the sites that [Choice.Sites] counts in.
func (p *Policy) Sites() *Sites { return p.sites }

// Index returns the databases that the policy was compiled against.
func (p *Policy) Index() *geo.Index { return p.index }

// Classes returns the number of different decisions.
func (p *Policy) Classes() int { return len(p.plain.classes) }

// Table returns the table from addresses to decisions, which other policies of
// the same [Compiler] may share; nil if the client does not matter.
func (p *Policy) Table() *geo.Table { return p.plain.table }

// Compiler compiles policies against one set of sites and databases, and lets
// those whose tables turn out equal share one.
type Compiler struct {
	sites  *Sites
	index  *geo.Index
	tables map[uint64][]*geo.Table

	guard       *GuardSpec // of policies that have none
	guards      []Guard
	guardNumber map[*Spec]int32
	distances   *distances
	compiled    []*Policy
}

// NewCompiler returns a compiler. A nil index knows no place.
func NewCompiler(sites *Sites, index *geo.Index) *Compiler {
	if index == nil {
		index = geo.Merge()
	}
	return &Compiler{
		sites: sites, index: index, tables: map[uint64][]*geo.Table{},
		guardNumber: map[*Spec]int32{}, distances: newDistances(sites),
	}
}

// Retain forgets all policies but the given ones, with their tables and guards,
// and the distances that were remembered: a compiler that lives through reloads
// must not keep what nobody serves. The numbers of guards stay.
func (c *Compiler) Retain(used []*Policy) {
	clear(c.tables)
	c.compiled = used
	c.distances = newDistances(c.sites)
	for _, p := range used {
		if p.plain.table != nil {
			c.share(p.plain.table)
		}
		if p.fine != nil && p.fine.table != nil {
			c.share(p.fine.table)
		}
	}
	c.retainGuards()
}

// Compile compiles one root by a compiler of its own; see [Compiler.Compile].
func Compile(spec *Spec, sites *Sites, index *geo.Index) (*Policy, diag.List) {
	return NewCompiler(sites, index).Compile(spec)
}

// Compile compiles one root. The policy is nil if the findings hold an error.
func (c *Compiler) Compile(spec *Spec) (*Policy, diag.List) {
	b := builder{
		c:      c,
		p:      &Policy{spec: spec, sites: c.sites, index: c.index},
		ruleOf: map[*Rule]int32{},
		cidrOf: map[netip.Prefix]int{},
		nearOf: map[*Spec]int32{}, wayFrom: map[int32]int{},
		told: map[diag.Diag]bool{},
	}
	b.add(spec, 1, noGuard)
	b.checkFields()
	b.checkGuards()
	b.warnEmpty()
	b.diags.Sort()
	if b.diags.HasErrors() {
		return nil, b.diags
	}
	for i := range c.guards {
		b.p.guards = append(b.p.guards, c.guards[i].Policy)
	}
	b.p.nodes, b.p.targets = slices.Clip(slices.Clone(b.p.nodes)), slices.Clip(slices.Clone(b.p.targets))
	c.classify(b.p)
	b.p.salt = uint32(len(c.compiled)) * 101 // a prime: neighbours have different places
	c.compiled = append(c.compiled, b.p)
	return b.p, b.diags
}

// conditional reports whether anything asks who the client is.
func (p *Policy) conditional() bool {
	for i := range p.rules {
		if p.rules[i].rule.Conditional() {
			return true
		}
	}
	return len(p.near) > 0
}

// share returns a table equal to t that was made before, or t.
func (c *Compiler) share(t *geo.Table) *geo.Table {
	h := t.Hash()
	for _, known := range c.tables[h] {
		if known.Equal(t) {
			return known
		}
	}
	c.tables[h] = append(c.tables[h], t)
	return t
}
