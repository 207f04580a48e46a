package geodns

import (
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// generation is what the steering files and the databases make together: the
// sites, what is probed, and the policies compiled so far. It lasts until one
// of them changes, so that a reload of a zone compiles only what is new in it.
type generation struct {
	files    []fileSum
	index    *geo.Index // nil if the databases could not be opened
	config   *steering.Config
	sites    *policy.Sites
	records  *answer.Records
	targets  []target
	probers  proberCache
	findings diag.List

	compiler *policy.Compiler           // nil if index is
	compiled map[string]*compiledPolicy // by the text of the record; good ones only
	used     map[string]*compiledPolicy // those of the load under way
	roots    []*policy.Spec             // what the records of the load under way name

	detections map[string]slowest       // by site; nil until it is asked for
	slowest    map[*policy.Spec]slowest // by policy, as it was asked for
}

// compiledPolicy is a policy, and the warnings about it.
type compiledPolicy struct {
	policy   *policy.Policy
	at       diag.Pos // of the record that was compiled
	findings diag.List
}

// generation returns the one that was, if neither files nor databases changed.
// One with errors is never kept.
func (l *loader) generation(files []steering.File, sums []fileSum, index *geo.Index) *generation {
	if g := l.gen; g != nil && g.index == index && slices.Equal(g.files, sums) {
		g.used, g.roots = map[string]*compiledPolicy{}, nil
		return g
	}
	g := &generation{files: sums, index: index, used: map[string]*compiledPolicy{}}
	g.config, g.findings = steering.Parse(files)
	g.sites = g.config.NewSites()
	var findings diag.List
	g.records, findings = answer.NewRecords(siteRecords(g.config))
	g.findings = append(g.findings, findings...)
	if !g.findings.HasErrors() {
		// A check with a mistake may lack what a prober is made of.
		var before proberCache
		if l.gen != nil {
			before = l.gen.probers
		}
		g.targets, g.probers = targets(g.config, before, &g.findings)
	}
	if index != nil {
		g.compiler = policy.NewCompiler(g.sites, index)
		g.compiler.SetGuard(g.config.Guard)
	}
	if g.good() {
		l.gen = g
	}
	return g
}

// good reports whether what was bound in this generation may be kept.
func (g *generation) good() bool { return g.index != nil && !g.findings.HasErrors() }

// bind resolves and compiles the policy of every STEER record of z. Of a zone
// that is unchanged in an unchanged generation everything is kept.
func (g *generation) bind(z *cachedZone, list *diag.List) *answer.Zone {
	if z.boundTo == g {
		for _, s := range z.texts {
			g.compile(s, list)
		}
		*list = append(*list, z.boundFindings...)
		return z.bound
	}
	out := &answer.Zone{Zone: z.zone, Policies: make([]*policy.Policy, len(z.zone.Steers))}
	var own diag.List
	complete := g.good()
	for i := range z.zone.Steers {
		s := &z.zone.Steers[i]
		p := g.compile(s, list)
		out.Policies[i] = p
		if p == nil {
			complete = false
			continue
		}
		carried := g.records.Carried(numbersOf(p.Spec(), g.sites))
		if carried != nil && out.Carried == nil {
			out.Carried = make([]*answer.Carried, len(z.zone.Steers))
		}
		if carried != nil {
			out.Carried[i] = carried
			complete = checkAlias(z.zone, s, p.Spec(), g.records, g.sites, list) && complete
		}
		warnUnused(z.zone, s, p.Spec(), carried, &own)
		complete = g.checkBudgets(s, p, list) && complete
	}
	*list = append(*list, own...)
	if complete {
		z.bound, z.boundTo, z.boundFindings = out, g, own
	}
	return out
}

// compile returns the policy of a record, or nil if there is anything wrong.
func (g *generation) compile(s *zone.Steer, list *diag.List) *policy.Policy {
	if c := g.used[s.Text]; c != nil {
		return c.policy
	}
	c := g.compiled[s.Text]
	// What is said of a policy in place names the place, which may have moved.
	if c == nil || strings.HasPrefix(s.Text, "{") && c.at != s.Pos {
		if c = g.compileNew(s, list); c == nil {
			return nil
		}
	} else {
		g.roots = append(g.roots, c.policy.Spec())
	}
	g.used[s.Text] = c
	*list = append(*list, c.findings...)
	return c.policy
}

// compileNew compiles the policy of a record. Only a good one is returned, so
// that a mistake is told at each record.
func (g *generation) compileNew(s *zone.Steer, list *diag.List) *compiledPolicy {
	spec, findings := g.config.Resolve(s.Text, s.Pos)
	if spec == nil || findings.HasErrors() {
		*list = append(*list, findings...)
		return nil
	}
	g.roots = append(g.roots, spec)
	if g.compiler == nil {
		*list = append(*list, findings...)
		return nil
	}
	p, more := g.compiler.Compile(spec)
	findings = append(findings, more...)
	if p == nil {
		*list = append(*list, findings...)
		return nil
	}
	return &compiledPolicy{policy: p, at: s.Pos, findings: findings}
}

// review returns the warnings that need to know what all records name.
func (g *generation) review() diag.List { return g.config.Review(g.roots) }

// finish forgets the policies that the load did not need.
func (g *generation) finish() {
	g.compiled = g.used
	if g.compiler == nil {
		return
	}
	used := make([]*policy.Policy, 0, len(g.used))
	for _, c := range g.used {
		used = append(used, c.policy)
	}
	g.compiler.Retain(used)
}
