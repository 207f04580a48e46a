package geodns

import (
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

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
