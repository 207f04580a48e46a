package geodns

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// warnUnused warns of ordinary records beside a STEER that no client ever
// gets, because the sites answer for their type.
func warnUnused(z *zone.Zone, s *zone.Steer, spec *policy.Spec, carried *answer.Carried, list *diag.List) {
	if spec.AllDown == policy.ServeFallback || carried.Has(dnswire.TypeCNAME) {
		return
	}
	n := z.Node(s.Owner)
	for _, t := range append([]dnswire.Type{dnswire.TypeA, dnswire.TypeAAAA}, carried.Types()...) {
		if n.Set(t) != nil {
			list.Warnf(s.Pos, "all_down: fallback in the policy serves them when nothing is up",
				"the %s records beside STEER at %s are never served", t, s.Owner)
		}
	}
}

// checkAlias reports whether a CNAME that the policy of a record can choose may
// stand at its name: alone, and so not at the origin, and not beside what other
// sites of an all policy carry (RFC 1034, Section 3.6.2).
func checkAlias(z *zone.Zone, s *zone.Steer, spec *policy.Spec, records *answer.Records, sites *policy.Sites, list *diag.List) bool {
	isAlias := func(site string) bool {
		i, ok := sites.Find(site)
		return ok && records.Carried([]int32{i}).Has(dnswire.TypeCNAME)
	}
	var alias string
	for _, name := range sitesOf(spec) {
		if alias == "" && isAlias(name) {
			alias = name
		}
	}
	if alias == "" {
		return true
	}
	ok := true
	wrong := func(right, format string, args ...any) {
		list.Errorf(s.Pos, right, format, args...)
		ok = false
	}
	if s.Owner == z.Origin {
		wrong("a name below it, or addresses in site "+alias, "STEER at the origin can choose the CNAME of site %s", alias)
	}
	for set := range z.Node(s.Owner).Sets() {
		if s.Owner != z.Origin {
			wrong("a name without other data, or addresses in site "+alias,
				"%s beside STEER at %s, which can choose the CNAME of site %s", set.Type, s.Owner, alias)
		}
	}
	for all := range nodes(spec) {
		if all.Kind != policy.KindAll || len(all.Targets) == 1 {
			continue
		}
		if i := slices.IndexFunc(sitesOf(all), isAlias); i >= 0 {
			wrong("a policy that chooses one, such as weighted", "STEER at %s can choose the CNAME of site %s together with others", s.Owner, sitesOf(all)[i])
		}
	}
	return ok
}

// siteRecords returns what each site carries beside addresses, in the order of
// the sites' numbers.
func siteRecords(c *steering.Config) []answer.SiteRecords {
	out := make([]answer.SiteRecords, len(c.Sites))
	for i, s := range c.Sites {
		out[i] = answer.SiteRecords{Site: s.Name, Addresses: len(s.Addrs) > 0}
		for _, r := range s.Records {
			out[i].Records = append(out[i].Records, answer.SiteRecord(r))
		}
	}
	return out
}

// numbersOf returns the numbers of the sites that a policy can choose.
func numbersOf(spec *policy.Spec, sites *policy.Sites) []int32 {
	var out []int32
	for _, name := range sitesOf(spec) {
		if i, ok := sites.Find(name); ok {
			out = append(out, i)
		}
	}
	return out
}

// sitesOf returns the names of the sites that a policy can choose, each once.
func sitesOf(spec *policy.Spec) []string {
	var out []string
	for s := range nodes(spec) {
		if s.Kind == policy.KindSite && !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// nodes yields a policy and all that is below it, each once.
func nodes(spec *policy.Spec) func(yield func(*policy.Spec) bool) {
	return func(yield func(*policy.Spec) bool) {
		seen := map[*policy.Spec]bool{}
		var walk func(*policy.Spec) bool
		walk = func(s *policy.Spec) bool {
			if seen[s] {
				return true
			}
			seen[s] = true
			if !yield(s) {
				return false
			}
			for _, t := range s.Targets {
				if !walk(t.Spec) {
					return false
				}
			}
			for _, r := range s.Rules {
				if !walk(r.Use) {
					return false
				}
			}
			return true
		}
		walk(spec)
	}
}
