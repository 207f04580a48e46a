package policy

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// childOf names a target of a named policy.
type childOf struct{ policy, child string }

// noTarget is the ID of a target that nobody can override: one of a policy
// that was written in place.
const noTarget = ^health.ID(0)

// addTargets numbers the direct children of the named policies, in the order
// given. A child that stands twice in one policy has one number.
func (s *Sites) addTargets(named []*Spec, next health.ID) {
	for _, p := range named {
		for child := range p.children() {
			key := childOf{p.Name, child.key()}
			if _, known := s.targetIDs[key]; known {
				continue
			}
			s.targetIDs[key] = next
			s.targets = append(s.targets, health.Subject{ID: next, Policy: key.policy, Site: key.child})
			next++
		}
	}
}

// target returns the number of a child of a policy.
func (s *Sites) target(p, child *Spec) health.ID {
	if p.Name == "" {
		return noTarget
	}
	if id, ok := s.targetIDs[childOf{p.Name, child.key()}]; ok {
		return id
	}
	return noTarget
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
