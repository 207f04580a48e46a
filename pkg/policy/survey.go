package policy

import (
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// View is a policy or a site at its place in the tree, with what it comes to
// just now for the clients that reach it.
type View struct {
	Spec *Spec
	Up   bool
	Kids []ViewKid // in the order written

	site  health.ID   // of a site
	sends []health.ID // sites that send clients on, of those that clients may get here
}

// ViewKid is a target of a policy.
type ViewKid struct {
	View
	Rule   *Rule  // of a geo policy
	Weight uint32 // of a weighted policy
	// Taken says that clients who reach the policy may get this target now. Of
	// failover that is the first that is up, with a trickle the one after it
	// too, and while a site sends clients on those that take them; of the others
	// each that is up, those of weight 0 only where no other is.
	Taken bool
}

// Survey judges every target of the policy as Pick judges those on a client's
// way: as if a client that matches each rule asked, and one whom each share
// lets in. What is held back counts as up only while nothing else works. It is no
// part of answering a query, and takes time in the number of targets times
// their depth.
func (p *Policy) Survey(snap *health.Snapshot) View {
	w := walk{
		p: p, class: p.everyone(),
		in:  &Input{Family: Other, Health: wide(snap, p.sites.Subjects())},
		out: &Choice{}, judged: make([]judgment, len(p.nodes)),
	}
	v := w.view(0)
	if !v.Up && w.barred {
		w.manner = allThatWorks
		v = w.view(0)
	}
	return v
}

// everyone returns a class of clients who match all rules and have each
// nearest policy's sites in the order written.
func (p *Policy) everyone() *class {
	c := &class{orders: make([][]uint16, len(p.near))}
	for i := range p.rules {
		c.rules = c.rules.with(i)
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.kind != KindNearest {
			continue
		}
		order := make([]uint16, len(n.kids))
		for j := range order {
			order[j] = uint16(j)
		}
		c.orders[n.near] = order
	}
	return c
}

// wide returns the snapshot with every share that is not 0 made whole.
func wide(snap *health.Snapshot, subjects []health.Subject) *health.Snapshot {
	for _, s := range subjects {
		if e := snap.At(s.ID); e.Share != 0 && e.Share != health.FullShare {
			e.Share = health.FullShare
			snap = snap.With(s.ID, e)
		}
	}
	return snap
}

// view judges a node and everything below it.
func (w *walk) view(at int32) View {
	n := &w.p.nodes[at]
	v := View{Spec: n.spec, Up: w.judge(at) == up}
	if n.kind == KindSite {
		if v.site = w.p.sites.At(n.site).ID; w.in.Health.At(v.site).Spill > 0 {
			v.sends = append(v.sends, v.site)
		}
	}
	for i := range n.kids {
		k := &n.kids[i]
		kid := ViewKid{View: w.view(k.node), Weight: k.weight}
		kid.Up = w.kid(n, i) == up // an override of the target counts
		if n.kind == KindGeo {
			kid.Rule = w.p.rules[k.rule].rule
			v.Up = v.Up || kid.Up
		}
		v.Kids = append(v.Kids, kid)
	}
	v.take(n, w.in.Health.Refusals())
	for i := range v.Kids {
		if v.Kids[i].Taken {
			v.sends = append(v.sends, v.Kids[i].sends...)
		}
	}
	return v
}

// take marks the targets of a node that clients may get.
func (v *View) take(n *node, refusals []health.Refusal) {
	if !v.Up {
		return
	}
	left := len(v.Kids)
	if n.kind == KindFailover {
		left = 1
		if n.trickle > 0 {
			left = 2
		}
	}
	var from []health.ID // sites before that send clients on
	weighty := false     // whether a target with a weight is up
	for i := range v.Kids {
		weighty = weighty || v.Kids[i].Up && v.Kids[i].Weight > 0
	}
	for i := range v.Kids {
		k := &v.Kids[i]
		refuses, all := k.refuses(from, refusals)
		if k.Up && left > 0 && !all && (n.kind != KindWeighted || k.Weight > 0 || !weighty) {
			k.Taken = true
			left--
			if from = append(from, k.sends...); refuses || len(k.sends) > 0 {
				left++ // some of the clients go further
			}
		}
	}
}

// refuses reports whether a site does not take some of the clients that others
// send on, or none of them.
func (k *ViewKid) refuses(from []health.ID, refusals []health.Refusal) (some, all bool) {
	if k.Spec.Kind != KindSite || len(from) == 0 {
		return false, false
	}
	all = true
	for _, id := range from {
		i := slices.IndexFunc(refusals, func(r health.Refusal) bool { return r.From == id && r.To == k.site })
		some = some || i >= 0
		all = all && i >= 0 && refusals[i].Below >= health.FullShare
	}
	return some, all
}

// Modifiers returns what is said of the policy beside its targets, such as
// "sticky: true, min_healthy: 2"; "" for nothing.
func (s *Spec) Modifiers() string {
	var b strings.Builder
	s.writeModifiers(&b)
	return strings.TrimPrefix(b.String(), ", ")
}

// Conditions returns the conditions of the rule and whether it is strict, such
// as "continent: [EU], strict: true"; "" for a rule for everyone.
func (r *Rule) Conditions() string {
	var parts []string
	for c := range numConditions {
		if r.Len(c) > 0 {
			parts = append(parts, c.String()+": ["+strings.Join(r.values(c), ", ")+"]")
		}
	}
	if r.Strict {
		parts = append(parts, "strict: true")
	}
	return strings.Join(parts, ", ")
}
