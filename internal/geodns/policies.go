package geodns

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Policies is what GET /api/v1/policies prints: the policies that STEER records
// name, as trees, with what each target comes to now.
type Policies struct {
	Policies []PolicyStatus `json:"policies"`
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

// maxTreeNodes bounds the tree of one policy as it is told; a page of more
// helps nobody.
const maxTreeNodes = 500

// policies returns the state of all policies in use.
func (s *Server) policies() any {
	l := s.live.Load()
	return Policies{policiesStatus(l.Loaded, l.state.Health.Load())}
}

func policiesStatus(l *Loaded, snap *health.Snapshot) []PolicyStatus {
	out := []PolicyStatus{}
	at := map[*policy.Policy]int{}
	for _, z := range l.bound {
		for i, p := range z.Policies {
			if p == nil {
				continue
			}
			n, known := at[p]
			if !known {
				n = len(out)
				at[p] = n
				out = append(out, policyStatus(p, snap))
			}
			if name := z.Steers[i].Owner.String(); !slices.Contains(out[n].Names, name) {
				out[n].Names = append(out[n].Names, name)
			}
		}
	}
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
		node := policyNode(k.View, left)
		node.Taken = k.Taken
		if k.Rule != nil {
			node.When = k.Rule.Conditions()
		}
		if v.Spec.Kind == policy.KindWeighted {
			node.Weight = &k.Weight
		}
		if *left >= 0 {
			out.Targets = append(out.Targets, node)
		}
	}
	return out
}
