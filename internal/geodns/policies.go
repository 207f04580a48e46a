package geodns

import (
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Policies is what GET /api/v1/policies prints: the policies that STEER records
// name, as trees, with what each target comes to now.
type Policies struct {
	Policies []PolicyStatus `json:"policies"`
	Left     int            `json:"left"` // policies that are left out, being too many
}

// PolicyStatus is a policy that STEER records name.
type PolicyStatus struct {
	Policy  string     `json:"policy"`
	Names   []string   `json:"names"`    // with a STEER record of it
	AllDown string     `json:"all_down"` // what is answered when nothing is up
	Tree    PolicyNode `json:"tree"`
	Left    int        `json:"left"` // targets that the tree leaves out, being too large
}

// PolicyNode is a policy or site at its place in a tree.
type PolicyNode struct {
	Kind    string       `json:"kind"` // site, failover, weighted, geo, nearest or all
	Name    string       `json:"name"` // "" if written in place
	When    string       `json:"when"` // for whom, below a geo policy; "" for everyone else
	Weight  *uint32      `json:"weight"`
	Notes   string       `json:"notes"` // modifiers, such as sticky: true
	Up      bool         `json:"up"`
	Taken   bool         `json:"taken"` // clients who come to the policy above may get it now
	Targets []PolicyNode `json:"targets"`
}

// What is told at most: a page of more helps nobody, and the trees of many
// policies take time that questions need.
const (
	maxTreeNodes = 500 // of one policy
	maxTrees     = 200
)

// policies returns the state of all policies in use.
func (s *Server) policies() any {
	l := s.live.Load()
	return policiesStatus(l.Loaded, l.state.Health.Load())
}

func policiesStatus(l *Loaded, snap *health.Snapshot) Policies {
	out := Policies{Policies: []PolicyStatus{}}
	at := map[*policy.Policy]int{}
	for _, z := range l.bound {
		for i, p := range z.Policies {
			if p == nil {
				continue
			}
			n, known := at[p]
			if !known {
				n = len(at)
				at[p] = n
				if n < maxTrees {
					out.Policies = append(out.Policies, policyStatus(p, snap))
				}
			}
			if n < maxTrees {
				told := &out.Policies[n]
				told.Names = append(told.Names, z.Steers[i].Owner.String())
			}
		}
	}
	out.Left = max(0, len(at)-maxTrees)
	return out
}

func policyStatus(p *policy.Policy, snap *health.Snapshot) PolicyStatus {
	left := maxTreeNodes
	v := p.Survey(snap)
	out := PolicyStatus{Policy: p.Spec().String(), Names: []string{}, AllDown: p.Spec().AllDown.String()}
	out.Tree = policyNode(v, &left)
	out.Tree.Taken = v.Up
	out.Left = max(0, -left)
	return out
}

// policyNode describes a node and what is below it, as far as left reaches; it
// counts on below zero.
func policyNode(v policy.View, left *int) PolicyNode {
	*left--
	out := PolicyNode{Kind: v.Spec.Kind.String(), Name: v.Spec.Name, Notes: v.Spec.Modifiers(), Up: v.Up, Targets: []PolicyNode{}}
	for _, k := range v.Kids {
		fits := *left > 0
		node := policyNode(k.View, left)
		node.Taken = k.Taken
		if k.Rule != nil {
			node.When = k.Rule.Conditions()
		}
		if v.Spec.Kind == policy.KindWeighted {
			node.Weight = &k.Weight
		}
		if fits {
			out.Targets = append(out.Targets, node)
		}
	}
	return out
}
