package steering

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// reportUnreachable reports rules that no client reaches: after one without
// conditions, or wholly covered by an earlier strict one. It goes by the text
// alone, so the same file has the same errors under every database.
func reportUnreachable(rules []policy.Rule, what string, diags *diag.List) {
	for j := range rules {
		for i := range rules[:j] {
			switch {
			case !rules[i].Conditional():
				diags.Errorf(rules[j].Pos, "put the rule for everyone last",
					"%s: rule %d is never reached, the rule for everyone stands before it at %s", what, j+1, rules[i].Pos)
			case rules[i].Strict && covers(&rules[i], &rules[j]):
				diags.Errorf(rules[j].Pos, "put it before that rule, or leave it out",
					"%s: rule %d is never reached, the strict rule at %s has all of its clients", what, j+1, rules[i].Pos)
			default:
				continue
			}
			break
		}
	}
}

// covers reports whether every client that b matches is matched by a.
func covers(a, b *policy.Rule) bool {
	for c := range policy.CIDR + 1 {
		if a.Len(c) > 0 && !coversBy(c, a, b) {
			return false
		}
	}
	return true
}

// coversBy reports whether a condition that a has follows from those of b.
func coversBy(c policy.Condition, a, b *policy.Rule) bool {
	if b.Len(c) == 0 {
		// A subdivision names its country.
		return c == policy.Country && b.Len(policy.Subdivision) > 0 && all(b.Subdivisions, func(s string) bool {
			country, _, _ := strings.Cut(s, "-")
			return slices.Contains(a.Countries, country)
		})
	}
	switch c {
	case policy.Continent:
		return within(b.Continents, a.Continents)
	case policy.Country:
		return within(b.Countries, a.Countries)
	case policy.Subdivision:
		return within(b.Subdivisions, a.Subdivisions)
	case policy.CityCondition:
		return within(b.Cities, a.Cities)
	case policy.ASN:
		return within(b.ASNs, a.ASNs)
	}
	return all(b.CIDRs, func(inner netip.Prefix) bool {
		return slices.ContainsFunc(a.CIDRs, func(outer netip.Prefix) bool {
			return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		})
	})
}

// within reports whether each of values is among those of set.
func within[T comparable](values, set []T) bool {
	return all(values, func(v T) bool { return slices.Contains(set, v) })
}

func all[T any](values []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(values, func(v T) bool { return !ok(v) })
}

// reportCycles reports each named policy that comes back to itself, at the
// place that closes the circle.
func reportCycles(specs []*policy.Spec, diags *diag.List) {
	f := cycleFinder{state: map[*policy.Spec]int{}, diags: diags}
	for _, s := range specs {
		f.visit(s)
	}
}

type cycleFinder struct {
	state map[*policy.Spec]int // 0 not seen, 1 on the path, 2 done
	path  []*policy.Spec
	diags *diag.List
}

func (f *cycleFinder) visit(s *policy.Spec) {
	f.state[s] = 1
	f.path = append(f.path, s)
	for next, pos := range uses(s) {
		switch f.state[next] {
		case 0:
			f.visit(next)
		case 1:
			f.diags.Errorf(pos, "let one of them use sites alone", "policy %s comes back to itself: %s", next, f.circle(next))
		}
	}
	f.path = f.path[:len(f.path)-1]
	f.state[s] = 2
}

// circle returns the names from s along the path and back to s. Policies in
// place are left out; they lie within a named one.
func (f *cycleFinder) circle(s *policy.Spec) string {
	var names []string
	for _, on := range f.path[slices.Index(f.path, s):] {
		if on.Name != "" {
			names = append(names, on.Name)
		}
	}
	return strings.Join(append(names, s.Name), " → ")
}

// uses yields the targets of a policy with the places where they are written.
func uses(s *policy.Spec) func(yield func(*policy.Spec, diag.Pos) bool) {
	return func(yield func(*policy.Spec, diag.Pos) bool) {
		for _, t := range s.Targets {
			if !yield(t.Spec, t.Pos) {
				return
			}
		}
		for i := range s.Rules {
			if r := &s.Rules[i]; r.Use != nil && !yield(r.Use, r.Pos) {
				return
			}
		}
	}
}
