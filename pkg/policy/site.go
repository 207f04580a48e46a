package policy

import (
	"github.com/geodns-vipd/geodns/pkg/health"
)

// consult returns the entry of a thing, and notes for how long it holds.
func (w *walk) consult(id health.ID) health.Entry {
	e := w.in.Health.At(id)
	w.out.Horizon = min(w.out.Horizon, e.Horizon)
	return e
}

// mayBeServed reports whether the operator lets this client have a thing: not
// one that is forced down or drained, and one with a share only to the clients
// within it, as long as anything else is up.
func (w *walk) mayBeServed(e health.Entry, name string) bool {
	switch {
	case w.manner == everything:
		return true
	case e.Out():
		return false
	case e.Share == health.FullShare || w.manner != byHealth:
		return true
	}
	w.hashed = true
	within := w.place16(forGate, name) < uint32(e.Share)
	w.barred = w.barred || !within
	return within
}

// isUp reports whether the checks let a thing be served, or need not.
func (w *walk) isUp(e health.Entry, lenient bool) bool {
	switch {
	case lenient || w.lastResort() || e.Forced == health.ForcedUp:
		return true
	case e.Up && e.Held && w.manner == byHealth:
		w.barred = true
		return false
	}
	return e.Up
}

// judgeSite judges a site in the family asked. What its guard keeps in is up
// although its checks fail.
func (w *walk) judgeSite(n *node, s *Site) judgment {
	site := w.consult(s.ID)
	if w.isGone(s.ID) || !w.mayBeServed(site, s.Name) {
		return judgment{}
	}
	w.hashed = w.hashed || site.Spill > 0 && w.manner == byHealth // whatever is drawn then
	lenient := w.lenient > 0
	if w.siteUp(s, site, lenient) {
		return judgment{verdict: up, lenient: lenient}
	}
	if !lenient && w.kept(n, s) && w.siteUp(s, site, true) {
		return judgment{verdict: up, lenient: true}
	}
	return judgment{}
}

// kept reports whether the guard of a node keeps a site in.
func (w *walk) kept(n *node, s *Site) bool {
	return n.guard != noGuard && w.in.Health.Kept(int(n.guard), s.ID)
}

// siteUp reports whether a site that may be served has an address to judge it
// by that is up.
func (w *walk) siteUp(s *Site, site health.Entry, lenient bool) bool {
	ok := w.isUp(site, lenient)
	found := w.manner == everything || len(s.Addrs) == 0 // records alone: judged as a whole
	listed := s.lists(w.in.Family)
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if listed && !w.in.Family.has(a.Addr) {
			continue
		}
		found = w.addressUp(s, site, w.consult(a.ID), lenient) || found
	}
	return ok && found
}

// addressUp reports whether an address of a site that may be served is up: a
// site that is forced up overrides the checks of its addresses.
func (w *walk) addressUp(s *Site, site, e health.Entry, lenient bool) bool {
	return w.mayBeServed(e, s.Name) && w.isUp(e, lenient || site.Forced == health.ForcedUp)
}

// lists reports whether the site has an address of the family.
func (s *Site) lists(f Family) bool {
	for i := range s.Addrs {
		if f.has(s.Addrs[i].Addr) {
			return true
		}
	}
	return false
}
