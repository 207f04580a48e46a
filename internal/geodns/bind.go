package geodns

import (
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// binder joins the STEER records of zones to compiled policies.
type binder struct {
	config   *steering.Config
	compiler *policy.Compiler          // nil if the databases could not be opened
	compiled map[string]*policy.Policy // by the text of the record
	roots    []*policy.Spec            // what the records name
}

// bind resolves and compiles the policy of every STEER record of z.
func (b *binder) bind(z *zone.Zone, list *diag.List) *answer.Zone {
	out := &answer.Zone{Zone: z, Policies: make([]*policy.Policy, len(z.Steers))}
	for i := range z.Steers {
		s := &z.Steers[i]
		p, known := b.compiled[s.Text]
		if !known {
			p = b.compile(s, list)
		}
		out.Policies[i] = p
		if p != nil {
			warnUnused(z, s, p.Spec(), list)
		}
	}
	return out
}

// compile returns the policy of a record, or nil if there is anything wrong.
func (b *binder) compile(s *zone.Steer, list *diag.List) *policy.Policy {
	spec, findings := b.config.Resolve(s.Text, s.Pos)
	*list = append(*list, findings...)
	if spec == nil || findings.HasErrors() {
		return nil
	}
	b.roots = append(b.roots, spec)
	if b.compiler == nil {
		return nil
	}
	p, findings := b.compiler.Compile(spec)
	*list = append(*list, findings...)
	if p != nil {
		b.compiled[s.Text] = p // only once it is good: mistakes are told at each record
	}
	return p
}

// warnUnused warns of ordinary addresses beside a STEER that no client ever
// gets.
func warnUnused(z *zone.Zone, s *zone.Steer, spec *policy.Spec, list *diag.List) {
	if spec.AllDown == policy.ServeFallback {
		return
	}
	n := z.Node(s.Owner)
	for _, t := range []dnswire.Type{dnswire.TypeA, dnswire.TypeAAAA} {
		if n.Set(t) != nil {
			list.Warnf(s.Pos, "all_down: fallback in the policy serves them when nothing is up",
				"the %s records beside STEER at %s are never served", t, s.Owner)
		}
	}
}

// review returns the warnings that need to know what all records name.
func (b *binder) review() diag.List { return b.config.Review(b.roots) }

// sitesOf returns the names of the sites that a policy can choose.
func sitesOf(spec *policy.Spec) map[string]bool {
	out := map[string]bool{}
	var walk func(*policy.Spec)
	walk = func(s *policy.Spec) {
		if s.Kind == policy.KindSite {
			out[s.Name] = true
		}
		for _, t := range s.Targets {
			walk(t.Spec)
		}
		for _, r := range s.Rules {
			walk(r.Use)
		}
	}
	walk(spec)
	return out
}
