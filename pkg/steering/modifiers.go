package steering

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/policy"
)

// kindsOf says which kinds of policies a modifier may stand on; one that is
// not here may stand on all.
var kindsOf = map[string][]policy.Kind{
	"bias":        {policy.KindNearest},
	"limit":       {policy.KindNearest},
	"max":         {policy.KindAll},
	"sticky":      {policy.KindWeighted},
	"trickle":     {policy.KindFailover},
	"min_healthy": {policy.KindFailover, policy.KindWeighted, policy.KindNearest, policy.KindAll},
}

// Bounds of a budget.
const (
	minBudget = time.Millisecond
	maxBudget = 24 * time.Hour
)

// maxLimit bounds limit and max.
const maxLimit = 1024

// modifier reads what a policy says beside its kind. The targets have been
// read.
func (t *trees) modifier(spec *policy.Spec, f entry, what string, depth int) {
	what += ": " + f.key
	if kinds := kindsOf[f.key]; kinds != nil && !slices.Contains(kinds, spec.Kind) {
		t.r.wrong(value{pos: f.pos}, "only on "+joinKinds(kinds), "%s on a policy of kind %s", what, spec.Kind)
		return
	}
	switch f.key {
	case "all_down":
		t.allDown(spec, f, strings.TrimSuffix(what, ": all_down"), depth)
	case "bias":
		t.bias(spec, f.value, what)
	case "limit":
		spec.Limit = t.count(f.value, what, maxLimit)
	case "max":
		spec.Max = t.count(f.value, what, maxLimit)
	case "min_healthy":
		spec.MinHealthy = t.count(f.value, what, maxTargets)
	case "sticky":
		spec.Sticky = t.r.boolean(f.value, what)
	case "trickle":
		spec.Trickle = t.trickle(f.value, what)
	case "budget":
		spec.Budget, _ = t.r.duration(f.value, what, minBudget, maxBudget)
	case "guard":
		spec.Guard = t.r.guard(f, what)
	}
}

func joinKinds(kinds []policy.Kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}

func (t *trees) count(v value, what string, high int64) int {
	n, _ := t.r.integer(v, what, 1, high)
	return int(n)
}

// checkMinHealthy reports a policy that can never be up.
func (t *trees) checkMinHealthy(spec *policy.Spec, fields []entry, what string) {
	candidates := len(spec.Targets)
	if spec.Limit > 0 {
		candidates = min(candidates, spec.Limit)
	}
	for _, f := range fields {
		if f.key == "min_healthy" && spec.MinHealthy > candidates && candidates > 0 {
			t.r.wrong(f.value, fmt.Sprintf("at most %d", candidates), "%s: min_healthy is %d, and there are %d candidates",
				what, spec.MinHealthy, candidates)
		}
	}
}

// bias reads {a: 20, b: -10}.
func (t *trees) bias(spec *policy.Spec, v value, what string) {
	entries, _ := t.r.mapping(v, what, "{fra: 20}")
	for _, e := range entries {
		i := slices.IndexFunc(spec.Targets, func(target policy.Target) bool { return target.Spec.Name == e.key })
		if i < 0 {
			if !t.names.partial {
				t.r.wrong(value{pos: e.pos}, "one of the sites in nearest", "%s: %q is not among its targets", what, e.key)
			}
			continue
		}
		n, _ := t.r.integer(e.value, what+": "+e.key, -99, 99)
		spec.Targets[i].Bias = int8(n)
	}
}

// nearest reads a list of sites that have a location.
func (t *trees) nearest(spec *policy.Spec, v value, what string, depth int) {
	for _, item := range t.r.list(v, what, "[fra, iad, sgp]") {
		target := t.target(item, what, depth)
		switch {
		case target == nil:
		case target.Name == "":
			t.r.wrong(item, "a site with a location", "%s: a policy in place is no site", what)
		case !t.names.isSite(target.Name):
			t.r.wrong(item, "a site with a location", "%s: %s is no site", what, target)
		case !t.names.located[target.Name]:
			t.r.wrong(item, "give the site one, such as location: [50.11, 8.68]", "%s: site %s has no location", what, target)
		case slices.ContainsFunc(spec.Targets, func(before policy.Target) bool { return before.Spec == target }):
			t.r.wrong(item, "each site once", "%s: %s stands twice", what, target)
		default:
			spec.Targets = append(spec.Targets, policy.Target{Spec: target, Pos: item.pos})
		}
	}
}

// all reads a list of targets.
func (t *trees) all(spec *policy.Spec, v value, what string, depth int) {
	for _, item := range t.r.list(v, what, "[fra, iad]") {
		if target := t.target(item, what, depth); target != nil {
			spec.Targets = append(spec.Targets, policy.Target{Spec: target, Pos: item.pos})
		}
	}
}

// trickle reads a part of the clients, above 0 and at most a half.
func (t *trees) trickle(v value, what string) float64 {
	p, ok := t.r.percent(v, what, "a part from 0.01% to 50%, such as 1%")
	if ok && (p < 0.01 || p > 50) {
		t.r.wrong(v, "a part from 0.01% to 50%, such as 1%", "%s is %s", what, v.bare())
	}
	return p
}

// percent reads a decimal number with a percent sign, from 0 to 100.
func (r *reader) percent(v value, what, right string) (float64, bool) {
	digits, signed := strings.CutSuffix(v.bare(), "%")
	f, err := strconv.ParseFloat(digits, 64)
	if _, plain := new(big.Rat).SetString(digits); !plain || strings.ContainsAny(digits, "eEpPxX/_+-") || err != nil || !signed || f > 100 {
		r.wrong(v, right, "%s is %s", what, v.bare())
		return 0, false
	}
	return f, true
}

// guard reads {min_sites: 2, max_removed: 50%}.
func (r *reader) guard(f entry, what string) *policy.GuardSpec {
	g := &policy.GuardSpec{MaxRemoved: 100, Pos: f.pos}
	fields := r.fields(f.value, what, "{min_sites: 2, max_removed: 50%}", &guardKeys)
	for _, f := range fields {
		switch f.key {
		case "min_sites":
			n, _ := r.integer(f.value, what+": min_sites", 1, maxTargets)
			g.MinSites = int(n)
		case "max_removed":
			p, ok := r.percent(f.value, what+": max_removed", "a part such as 50%")
			if ok && p != float64(int(p)) {
				r.wrong(f.value, "whole percents such as 50%", "%s: max_removed is %s", what, f.bare())
			}
			g.MaxRemoved = int(p)
		}
	}
	if len(fields) == 0 && !hasOther(f.value, &guardKeys) {
		r.wrong(f.value, "{min_sites: 2, max_removed: 50%}", "%s is empty", what)
	}
	return g
}
