package policy

import (
	"fmt"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// again reports whether the tree is gone through once more, so that what was
// told about rules and distances holds still.
func (w *walk) again() bool { return w.manner != byHealth || len(w.out.spill.gone) > 0 }

// keepsReason says how many of its clients a site keeps that is over its
// capacity, and whether this is one of them.
func (w *walk) keepsReason(s *Site, e health.Entry) string {
	return fmt.Sprintf("has more load than capacity and keeps %.3g %% of its clients; %s", percent(e.Keeps()), w.placeIn(e.Keeps(), s.Name))
}

// traceSpill adds the step of a site that sends the client on.
func (w *walk) traceSpill(s *Site) {
	if w.in.Trace == nil {
		return
	}
	w.add(Step{Kind: StepSpill, Name: s.Name, Verdict: "sends the client on", Reason: "it is chosen again without this site"})
}

// traceRefusal adds the step of a site that does not take a client whom another
// one sends on.
func (w *walk) traceRefusal(from *Site, r health.Refusal) {
	if w.in.Trace == nil {
		return
	}
	name := ""
	for i := range int32(w.p.sites.Len()) {
		if s := w.p.sites.At(i); s.ID == r.To {
			name = s.Name
		}
	}
	w.add(Step{Kind: StepSpill, Name: name, Verdict: "does not take the client",
		Reason: fmt.Sprintf("it has room for those of %s from the place %.3g %% on; this client's is %.3g %%",
			from.Name, percent(r.Below), 100*float64(w.place16(forGate, from.Name))/(1<<16))})
}

// traceStay adds the step of a client who stays although the site has too much
// load.
func (w *walk) traceStay() {
	if w.in.Trace == nil {
		return
	}
	for _, i := range w.out.Sites {
		if s := w.p.sites.At(i); w.isGone(s.ID) {
			w.tellStay(s)
			w.add(Step{Kind: StepSpill, Name: s.Name, Verdict: "keeps the client", Reason: "no other site that is up has room for it"})
		}
	}
}

// percent is a share as people read it.
func percent(share uint16) float64 { return 100 * float64(share) / health.FullShare }
