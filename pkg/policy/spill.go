package policy

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// spill is what a choice needs where sites send clients on.
type spill struct {
	gone []health.ID // sites that do not take the client: those that send it on first, and such as have no room for it

	sites []int32 // what was chosen before
	addrs []netip.Addr
	from  []origin
}

// spillOver goes on where a site was chosen that has more load than capacity
// and sends this client on: the choice is made again as if that site were down,
// and with it those that have no room for its clients. Where nothing else is up
// the client stays. So only those move who had the site; what others are
// answered does not change, whatever is drawn.
func (w *walk) spillOver() {
	for w.sendOn() {
		several := w.out.several
		w.keepChoice()
		if w.judge(0) != up {
			w.stay(several)
			return
		}
		w.follow(0)
	}
}

// sendOn reports whether the client goes on from what was chosen, and notes who
// does not take it then.
func (w *walk) sendOn() bool {
	out, before := w.out, len(w.out.spill.gone)
	for _, i := range out.Sites {
		s := w.p.sites.At(i)
		e := w.in.Health.At(s.ID)
		if e.Spill == 0 || w.isGone(s.ID) {
			continue
		}
		if w.place16(forGate, s.Name) >= uint32(e.Keeps()) {
			out.spill.gone = append(out.spill.gone, s.ID)
			w.traceSpill(s)
		}
	}
	own := out.spill.gone[before:]
	if len(own) == 0 {
		return false
	}
	for _, i := range out.Sites {
		s := w.p.sites.At(i)
		for _, r := range w.in.Health.Refusals() {
			if r.From != s.ID || !slices.Contains(own, s.ID) || w.isGone(r.To) || !w.refused(s, r) {
				continue
			}
			if out.several && w.chosen(r.To) {
				w.traceStay()
				return false // it is in the answer already, and would get more of the load
			}
			out.spill.gone = append(out.spill.gone, r.To)
			w.traceRefusal(s, r)
		}
	}
	return true
}

// refused reports whether the client is one of those of a site that a refusal
// is about.
func (w *walk) refused(s *Site, r health.Refusal) bool {
	e := w.in.Health.At(s.ID)
	e.Spill = health.FullShare - r.Below
	return w.place16(forGate, s.Name) < uint32(e.Keeps())
}

// isGone reports whether a site does not take this client for want of capacity.
func (w *walk) isGone(id health.ID) bool { return slices.Contains(w.out.spill.gone, id) }

// chosen reports whether a site is among those chosen.
func (w *walk) chosen(id health.ID) bool {
	return slices.ContainsFunc(w.out.Sites, func(i int32) bool { return w.p.sites.At(i).ID == id })
}

// keepChoice puts by what was chosen.
func (w *walk) keepChoice() {
	out := w.out
	out.spill.sites, out.Sites = out.Sites, out.spill.sites[:0]
	out.spill.addrs, out.Addrs = out.Addrs, out.spill.addrs[:0]
	out.spill.from, out.from = out.from, out.spill.from[:0]
	out.several = false
}

// stay takes what was put by.
func (w *walk) stay(several bool) {
	out := w.out
	out.spill.sites, out.Sites = out.Sites, out.spill.sites
	out.spill.addrs, out.Addrs = out.Addrs, out.spill.addrs
	out.spill.from, out.from = out.from, out.spill.from
	out.several = several
	w.traceStay()
}
