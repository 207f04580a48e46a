package policy

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// noTarget is the ID of a target that nobody can override: one of a policy
// that was written in place.
const noTarget = ^health.ID(0)

// named is a named policy with the numbers of its targets.
type named struct {
	of    *Spec
	first health.ID
	n     int // targets, each counted once
}

// numberTargets numbers the direct children of the named policies from next on,
// in the order given. A child that stands twice in one policy has one number.
func (s *Sites) numberTargets(policies []*Spec, next health.ID) {
	s.first, s.targetsAt = next, make(map[string]int, len(policies))
	for _, p := range policies {
		known := map[string]bool{}
		for child := range p.children() {
			known[child.key()] = true
		}
		s.targetsAt[p.Name] = len(s.targets)
		s.targets = append(s.targets, named{p, next, len(known)})
		next += health.ID(len(known))
	}
	s.numbers = int(next)
}

// keys yields the keys of the targets in the order of their numbers.
func (t named) keys() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var seen map[string]bool
		if t.n < len(t.of.Targets)+len(t.of.Rules) {
			seen = map[string]bool{}
		}
		for child := range t.of.children() {
			key := child.key()
			if seen[key] {
				continue
			}
			if seen != nil {
				seen[key] = true
			}
			if !yield(key) {
				return
			}
		}
	}
}

// targetsBelow returns the numbers of the children of a policy by their keys;
// none if it was written in place.
func (s *Sites) targetsBelow(p *Spec) map[string]health.ID {
	at, ok := s.targetsAt[p.Name]
	if !ok || p.Name == "" {
		return nil
	}
	t := s.targets[at]
	out := make(map[string]health.ID, t.n)
	for key := range t.keys() {
		out[key] = t.first + health.ID(len(out))
	}
	return out
}

// children yields the targets of a policy.
func (s *Spec) children() func(yield func(*Spec) bool) {
	return func(yield func(*Spec) bool) {
		for i := range s.Targets {
			if !yield(s.Targets[i].Spec) {
				return
			}
		}
		for i := range s.Rules {
			if !yield(s.Rules[i].Use) {
				return
			}
		}
	}
}

// touched reports whether any of the policy's targets is overridden.
func (p *Policy) touched(snap *health.Snapshot) bool {
	return slices.ContainsFunc(p.targets, func(id health.ID) bool {
		e := snap.At(id)
		return e.Forced != health.NotForced || e.Share != health.FullShare
	})
}
