package policy

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
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
	table   *geo.Table // address to class; nil if the client does not matter
	classes []bitset   // by class, the rules that match
	noPlace uint32     // class of a client without an address
}

// node is one policy or site at its place in the tree.
type node struct {
	kind Kind
	site int32 // index into Sites, of KindSite
	kids []kid
	spec *Spec
}

// kid is one target of a node.
type kid struct {
	node   int32
	rule   int32 // index into Policy.rules, of KindGeo
	weight uint32
	strict bool
}

// Spec returns the policy as written.
func (p *Policy) Spec() *Spec { return p.spec }

// Sites returns the sites that [Choice.Sites] counts in.
func (p *Policy) Sites() *Sites { return p.sites }

// Index returns the databases that the policy was compiled against.
func (p *Policy) Index() *geo.Index { return p.index }

// Classes returns the number of different decisions.
func (p *Policy) Classes() int { return len(p.classes) }

// Table returns the table from addresses to decisions, which other policies of
// the same [Compiler] may share; nil if the client does not matter.
func (p *Policy) Table() *geo.Table { return p.table }

// Compiler compiles policies against one set of sites and databases, and lets
// those whose tables turn out equal share one.
type Compiler struct {
	sites  *Sites
	index  *geo.Index
	tables map[uint64][]*geo.Table
}

// NewCompiler returns a compiler. A nil index knows no place.
func NewCompiler(sites *Sites, index *geo.Index) *Compiler {
	if index == nil {
		index = geo.Merge()
	}
	return &Compiler{sites: sites, index: index, tables: map[uint64][]*geo.Table{}}
}

// Retain forgets the tables of all policies but the given ones: a compiler that
// lives through reloads must not keep what nobody serves.
func (c *Compiler) Retain(used []*Policy) {
	clear(c.tables)
	for _, p := range used {
		if p.table != nil {
			c.share(p.table)
		}
	}
}

// Compile compiles one root by a compiler of its own; see [Compiler.Compile].
func Compile(spec *Spec, sites *Sites, index *geo.Index) (*Policy, diag.List) {
	return NewCompiler(sites, index).Compile(spec)
}

// Compile compiles one root. The policy is nil if the findings hold an error.
func (c *Compiler) Compile(spec *Spec) (*Policy, diag.List) {
	b := builder{
		p:      &Policy{spec: spec, sites: c.sites, index: c.index},
		ruleOf: map[*Rule]int32{},
		cidrOf: map[netip.Prefix]int{},
		told:   map[diag.Diag]bool{},
	}
	b.add(spec, 1)
	b.checkFields()
	b.warnEmpty()
	b.diags.Sort()
	if b.diags.HasErrors() {
		return nil, b.diags
	}
	p := b.p
	c.classify(p)
	return p, b.diags
}

// classify gives every address its class: which rules match it, where rules
// that lead to the same decision are not told apart. That makes the ranges of
// the table, and with them the scope of answers, as wide as is true.
func (c *Compiler) classify(p *Policy) {
	k := classifier{p: p, byRules: map[string]uint32{}, byDecision: map[string]uint32{}}
	p.noPlace = k.class(&geo.Place{}, nil)
	if !p.conditional() {
		return
	}
	p.table = c.share(geo.Compile(c.index, p.cidrs, k.class))
}

// conditional reports whether any rule asks who the client is.
func (p *Policy) conditional() bool {
	for i := range p.rules {
		if p.rules[i].rule.Conditional() {
			return true
		}
	}
	return false
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

// classifier hands out class numbers.
type classifier struct {
	p          *Policy
	byRules    map[string]uint32 // by the set of matching rules
	byDecision map[string]uint32 // by the canonical form of the decision
	scratch    []byte
}

// class is the geo.Classifier of the policy.
func (k *classifier) class(place *geo.Place, cidrs []int) uint32 {
	c := client{place, cidrs}
	k.scratch = append(k.scratch[:0], make([]byte, (len(k.p.rules)+7)/8)...)
	for i := range k.p.rules {
		if k.p.rules[i].matches(c) {
			k.scratch[i/8] |= 1 << (i % 8)
		}
	}
	if class, ok := k.byRules[string(k.scratch)]; ok {
		return class
	}
	matching := k.p.matching(c)
	decision := string(k.p.decision(matching))
	class, ok := k.byDecision[decision]
	if !ok {
		class = uint32(len(k.p.classes))
		k.byDecision[decision] = class
		k.p.classes = append(k.p.classes, matching)
	}
	k.byRules[string(k.scratch)] = class
	return class
}

// matching returns the set of rules that match a client.
func (p *Policy) matching(c client) bitset {
	var out bitset
	for i := range p.rules {
		if p.rules[i].matches(c) {
			out = out.with(i)
		}
	}
	return out
}
