package policy

import (
	"fmt"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// whyNot says which condition of a rule does not hold for the traced client,
// and what the client is instead.
func (w *walk) whyNot(rule int32) string {
	m := &w.p.rules[rule]
	for _, cond := range m.asked {
		if !m.holds(cond, w.client) {
			return w.clientIs(cond)
		}
	}
	return ""
}

// clientIs says what the traced client is in the terms of a condition.
func (w *walk) clientIs(cond Condition) string {
	p := w.in.Trace.Place
	var is string
	switch cond {
	case Continent:
		is = p.Continent
	case Country:
		is = p.Country
	case Subdivision:
		is = strings.Join(p.Subdivisions, ", ")
	case CityCondition:
		if is = p.City; p.CityID != 0 {
			is = strings.TrimSpace(fmt.Sprintf("%s (%d)", is, p.CityID))
		}
	case ASN:
		if p.ASN != 0 {
			is = fmt.Sprintf("AS%d", p.ASN)
		}
	case CIDR:
		if !w.in.Client.IsValid() {
			return "client has no address"
		}
		return "client " + w.in.Client.Unmap().String() + " is in none of its networks"
	}
	if is == "" {
		return fmt.Sprintf("client's %s is unknown", cond)
	}
	return "client is in " + is
}

// traceSite says why a site has its verdict: by its own entry, else by those
// of the addresses that it is judged by, each of which gets a step.
func (w *walk) traceSite(step int, n *node, j judgment) {
	s := w.p.sites.At(n.site)
	site := w.in.Health.At(s.ID)
	if w.isGone(s.ID) {
		w.in.Trace.Steps[step].Reason = "does not take this client, for want of room"
		return
	}
	reason := w.entryReason(s.ID, site, s.Name, w.lenient > 0)
	if j.verdict == up && site.Spill > 0 && w.manner == byHealth {
		reason = join(w.keepsReason(s, site), reason)
	}
	listed := s.lists(w.in.Family)
	if j.lenient && w.lenient == 0 {
		reason = join(reason, "although its checks fail: kept in by the guard of "+w.guardName(n))
	}
	if j.verdict == up && !listed && w.in.Family != Other {
		reason = join(reason, "it lists no "+w.in.Family.String()+" address and is judged by its others")
	}
	w.in.Trace.Steps[step].Reason = reason
	if w.manner == everything || !w.mayBeServed(site, s.Name) || !w.isUp(site, j.lenient) {
		return
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if listed && !w.in.Family.has(a.Addr) {
			continue
		}
		e := w.in.Health.At(a.ID)
		verdict := down
		if w.addressUp(s, site, e, j.lenient) {
			verdict = up
		}
		reason := w.entryReason(a.ID, e, s.Name, j.lenient)
		if verdict == up && site.Forced == health.ForcedUp && e.Forced == health.NotForced && !e.Up && !w.lastResort() && !j.lenient {
			reason = join("although its checks fail, for the site is forced up", reason)
		}
		w.add(Step{Kind: StepAddress, Name: a.Addr.String(), Verdict: verdict.String(), Reason: reason})
	}
}

// guardName returns the policy that has the guard of a node.
func (w *walk) guardName(n *node) string {
	return w.p.guards[n.guard]
}

// entryReason says what an entry holds beside plain up, and why. What the
// client has in spite of it begins with although.
func (w *walk) entryReason(id health.ID, e health.Entry, name string, lenient bool) string {
	var reason string
	overruled := false
	switch {
	case e.Share == 0:
		reason, overruled = "drained", w.manner == everything
	case e.Forced != health.NotForced:
		reason, overruled = "forced "+e.Forced.String(), w.manner == everything && e.Forced == health.ForcedDown
	case e.Share < health.FullShare:
		reason = w.gateReason(e.Share, name)
	}
	if e.Forced == health.NotForced && e.Share > 0 {
		switch {
		case !e.Up && (w.lastResort() || lenient):
			reason, overruled = join(reason, "its checks fail"), true
		case e.Up && e.Held:
			reason = join(reason, "recovered, held back")
		}
	}
	if overruled {
		reason = "although " + reason
	}
	return join(reason, w.why(id))
}

// gateReason says where the client stands in a gate.
func (w *walk) gateReason(share uint16, name string) string {
	reason := fmt.Sprintf("takes %.3g %% of its clients", percent(share))
	if w.manner != byHealth {
		return reason
	}
	return reason + "; " + w.placeIn(share, name)
}

// placeIn says whether the client is one of those within a share.
func (w *walk) placeIn(share uint16, name string) string {
	at, is := w.place16(forGate, name), "is not one of them"
	if at < uint32(share) {
		is = "is one of them"
	}
	return fmt.Sprintf("this client's place is %.3g %%, so it %s", 100*float64(at)/(1<<16), is)
}

// traceOverridden adds the step of a target that this client must not have in
// this policy.
func (w *walk) traceOverridden(n *node, i int, e health.Entry) {
	if w.in.Trace == nil {
		return
	}
	w.add(Step{Kind: StepTarget, Name: n.target(i), Verdict: down.String(),
		Reason: join("in policy "+n.spec.String()+" alone", w.entryReason(n.kids[i].target, e, n.kids[i].name, false))})
}

// traceOrder adds the step that says how far the sites of a nearest policy
// are. In the other manners that is not told again.
func (w *walk) traceOrder(n *node) {
	if w.again() {
		return
	}
	at := placeOf(w.in.Trace.Place)
	s := Step{Kind: StepOrder, Name: n.spec.String(), Pos: n.spec.Pos.String(), Verdict: "as listed"}
	if !at.known {
		s.Reason = "nobody knows where the client is"
		w.add(s)
		return
	}
	s.Verdict = fmt.Sprintf("by distance from %.2f,%.2f", at.lat, at.lon)
	if !w.in.Trace.Place.HasLocation {
		s.Verdict += ", the middle of " + w.in.Trace.Place.Country
	}
	var sites []string
	for _, i := range w.class.orders[n.near] {
		nr := &w.p.near[n.near]
		km := at.to(w.p.sites, nr.sites[i])
		text := fmt.Sprintf("%s %.0f km", n.target(int(i)), km)
		if bias := n.spec.Targets[i].Bias; bias != 0 {
			text += fmt.Sprintf(" (counts as %.0f km by its bias of %d %%)", km*nr.factor[i], bias)
		}
		sites = append(sites, text)
	}
	s.Reason = strings.Join(sites, ", ")
	w.add(s)
}

// traceHealthy says that a policy is down as a whole, or why a client has the
// second choice.
func (w *walk) traceHealthy(step int, n *node, j judgment) {
	s := &w.in.Trace.Steps[step]
	if need := w.needs(n); n.spec.MinHealthy > 1 && j.verdict == down {
		s.Reason = fmt.Sprintf("fewer than %d of its targets are up, and min_healthy asks for that many", need)
	}
	if n.trickle > 0 && j.verdict == up && !w.lastResort() {
		at := w.place16(forTrickle, n.name)
		is := "not one of them"
		switch {
		case j.second:
			is = "one of them"
		case at < n.trickle:
			is = "one of them, but only one target is up"
		}
		s.Reason = join(s.Reason, fmt.Sprintf("trickle: %g %% of the clients have the second choice; this client's place is %.3g %%, so it is %s",
			n.spec.Trickle, 100*float64(at)/(1<<16), is))
	}
}

// traceStick adds the step of a sticky choice.
func (w *walk) traceStick(n *node, zero bool, picked int) {
	if w.in.Trace == nil {
		return
	}
	var places []string
	for i := range n.kids {
		if lot := w.lot(&n.kids[i], zero); lot > 0 {
			cost := stickyCost(w.hash(forSticky, n.kids[i].name), lot)
			places = append(places, fmt.Sprintf("%s %.4g (weight %d)", n.target(i), cost, lot))
		}
	}
	w.add(Step{Kind: StepHash, Name: n.spec.String(), Target: n.target(picked), Pos: n.spec.Pos.String(),
		Verdict: "comes first for this client, by the hash of its network (least -ln(u)/weight)", Reason: strings.Join(places, ", ")})
}

// traceSubset adds the step of a policy that has more addresses than it may
// answer.
func (w *walk) traceSubset(n *node, have int) {
	if w.in.Trace == nil {
		return
	}
	w.in.Trace.because.others = append(w.in.Trace.because.others, fmt.Sprintf("%d of %d addresses are drawn, since no more are answered", n.most(), have))
	w.add(Step{Kind: StepDraw, Name: n.spec.String(), Pos: n.spec.Pos.String(), Target: fmt.Sprintf("%d addresses", n.most()),
		Verdict: "drawn", Reason: fmt.Sprintf("of %d; max is %d", have, n.most())})
}

// why asks the caller of Pick.
func (w *walk) why(id health.ID) string {
	if w.in.Trace.Why == nil {
		return ""
	}
	return w.in.Trace.Why(id)
}

// join puts two reasons together, either of which may be empty.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
