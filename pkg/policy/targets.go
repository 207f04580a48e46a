package policy

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// noTarget is the ID of a target that nobody can override: one of a policy
// that was written in place.
const noTarget = ^health.ID(0)

// addTargets numbers the direct children of a named policy, in the order given,
// and appends them to the subjects. A child that stands twice has one number.
func (s *Sites) addTargets(subjects []health.Subject, p *Spec) []health.Subject {
	begin := len(subjects)
	known := map[string]bool{}
	for child := range p.children() {
		key := child.key()
		if known[key] {
			continue
		}
		known[key] = true
		subjects = append(subjects, health.Subject{ID: health.ID(len(subjects)), Policy: p.Name, Site: key})
	}
	s.targetsOf[p.Name] = slices.Clip(subjects[begin:])
	return subjects
}

// targetsBelow returns the numbers of the children of a policy by their keys;
// none if it was written in place.
func (s *Sites) targetsBelow(p *Spec) map[string]health.ID {
	if p.Name == "" {
		return nil
	}
	out := make(map[string]health.ID, len(s.targetsOf[p.Name]))
	for _, t := range s.targetsOf[p.Name] {
		out[t.Site] = t.ID
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
