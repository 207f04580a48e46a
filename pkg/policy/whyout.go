package policy

import (
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// whyOut says why a target of a node is passed over.
func (w *walk) whyOut(n *node, i int) string {
	k := &n.kids[i]
	if k.target != noTarget {
		if e := w.in.Health.At(k.target); e.Out() {
			return saying(n.target(i)+" is "+overruled(e)+" in "+cut(n.spec.String())+" alone", " ", w.why(k.target))
		}
	}
	child := &w.p.nodes[k.node]
	name := cut(child.spec.String())
	switch {
	case child.kind == KindSite:
		return w.whySiteOut(w.p.sites.At(child.site))
	case child.kind == KindGeo:
		return "no rule of " + name + " leads to a site that is up"
	case child.spec.MinHealthy > 1:
		return fmt.Sprintf("fewer than %d targets of %s are up", child.spec.MinHealthy, name)
	}
	return "nothing in " + name + " is up"
}

// overruled is what an operator made of a thing that is out.
func overruled(e health.Entry) string {
	if e.Share == 0 {
		return "drained"
	}
	return "forced down"
}

// whySiteOut says why this client cannot have a site.
func (w *walk) whySiteOut(s *Site) string {
	e := w.in.Health.At(s.ID)
	beyond := func(share uint16) bool { return w.place16(forGate, s.Name) >= uint32(share) }
	switch {
	case e.Out():
		return saying(s.Name+" is "+overruled(e), " ", w.why(s.ID))
	case e.Share < health.FullShare && beyond(e.Share):
		return saying(fmt.Sprintf("%s takes %.3g %% of its clients, and this is not one of them", s.Name, percent(e.Share)), ": ", w.why(s.ID))
	case w.isGone(s.ID) && e.Spill > 0 && beyond(e.Keeps()):
		return s.Name + " has more load than capacity and sends this client on"
	case w.isGone(s.ID):
		return s.Name + " has no room for this client"
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if s.lists(w.in.Family) && !w.in.Family.has(a.Addr) {
			continue
		}
		of := s.Name
		if len(s.Addrs) > 1 {
			of += " (" + a.Addr.String() + ")"
		}
		if text := w.whyEntryOut(of, a.ID, s.Name); text != "" {
			return text
		}
	}
	if text := w.whyEntryOut(s.Name, s.ID, s.Name); text != "" {
		return text
	}
	return s.Name + " is down"
}

// whyEntryOut says what is wrong with an address, or with a site that has none;
// "" for nothing.
func (w *walk) whyEntryOut(name string, id health.ID, hashed string) string {
	switch e := w.in.Health.At(id); {
	case e.Out():
		return saying(name+" is "+overruled(e), " ", w.why(id))
	case e.Share < health.FullShare && w.place16(forGate, hashed) >= uint32(e.Share):
		return saying(fmt.Sprintf("%s takes %.3g %% of its clients, and this is not one of them", name, percent(e.Share)), ": ", w.why(id))
	case !e.Up && e.Forced != health.ForcedUp:
		return saying(name+" is down", ": ", w.why(id))
	case e.Held:
		return saying(name+" works again but is held back", " ", w.why(id))
	}
	return ""
}

// saying appends what is known of a reason.
func saying(text, joint, why string) string {
	if why == "" {
		return text
	}
	return text + joint + why
}

// whyNone says why each site that was asked by health is out, in the order in
// which they were.
func (w *walk) whyNone() (out []string) {
	for _, s := range w.in.Trace.Steps {
		if s.Kind == StepAllDown || s.Kind == StepHeld {
			break
		}
		if i, ok := w.p.sites.Find(s.Name); ok && s.Kind == StepSite && s.Verdict != up.String() {
			if text := w.whySiteOut(w.p.sites.At(i)); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}
