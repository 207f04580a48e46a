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
func (w *walk) traceSite(step int, s *Site, j judgment) {
	site := w.in.Health.At(s.ID)
	reason := w.entryReason(s.ID, site)
	listed := s.lists(w.in.Family)
	if j.verdict == up && !listed && w.in.Family != Other {
		reason = join(reason, "it lists no "+w.in.Family.String()+" address and is judged by its others")
	}
	w.in.Trace.Steps[step].Reason = reason
	if !w.siteMay(site) || w.manner == everything {
		return
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if listed && !w.in.Family.has(a.Addr) {
			continue
		}
		e := w.in.Health.At(a.ID)
		verdict := down
		if w.addressMay(site, e) {
			verdict = up
		}
		w.add(Step{Kind: StepAddress, Name: a.Addr.String(), Verdict: verdict.String(), Reason: w.entryReason(a.ID, e)})
	}
}

// entryReason says what an entry holds beside plain up, and why.
func (w *walk) entryReason(id health.ID, e health.Entry) string {
	var reason string
	switch {
	case e.Share == 0:
		reason = "drained"
	case e.Forced != health.NotForced:
		reason = "forced " + e.Forced.String()
	case e.Share < health.FullShare:
		reason = fmt.Sprintf("%.3g %% of its clients", 100*float64(e.Share)/health.FullShare)
	case !e.Up && w.manner != byHealth:
		reason = "its checks fail"
	}
	overruled := w.manner == everything && (e.Share == 0 || e.Forced == health.ForcedDown) ||
		w.manner != byHealth && reason == "its checks fail"
	if overruled {
		reason = "although " + reason
	}
	return join(reason, w.why(id))
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
