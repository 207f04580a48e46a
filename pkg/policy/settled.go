package policy

import "github.com/geodns-vipd/geodns/pkg/health"

// settled remembers how sites stand in one snapshot, as long as that does not
// depend on who asks: when no share, override or hold is in play there. A worker
// asks the same snapshot for all its queries until the next one comes, and need
// not go through the addresses of each site for each of them.
//
// It is safe because snapshots and sites never change, and holding on to both
// keeps their addresses from being given to others.
type settled struct {
	snap  *health.Snapshot
	sites *Sites
	calm  bool         // no target of a named policy is overridden
	by    [3][]posture // by family, then by site

	steady bool  // calm, and no site sends clients on for want of capacity
	asked  int   // how often, up to memoAfter
	memo   *memo // nil: it is not worth one yet
}

// posture is how a site stands.
type posture struct {
	standing standing
	horizon  uint16 // the least of what was consulted
}

// standing is how a site stands in one family.
type standing uint8

const (
	unknown standing = iota // not judged yet in this snapshot
	depends                 // on the client or on the manner: to be judged each time
	out                     // not one address is up, or the site is down as a whole
	partly                  // up, with an address that is not
	whole                   // up, with all addresses
)

// of returns s for a snapshot and sites. It forgets what it knew of others.
func (s *settled) of(snap *health.Snapshot, sites *Sites) *settled {
	if s.snap == snap && s.sites == sites {
		if s.memo == nil {
			s.count()
		}
		return s
	}
	s.snap, s.sites = snap, sites
	if s.memo != nil {
		clear(s.memo[:]) // which also lets go of policies that are gone
	}
	for f := range s.by {
		if cap(s.by[f]) < sites.Len() {
			s.by[f] = make([]posture, sites.Len())
			continue
		}
		s.by[f] = s.by[f][:sites.Len()]
		clear(s.by[f])
	}
	s.calm = true
	for id := sites.first; int(id) < sites.numbers; id++ {
		e := snap.At(id)
		s.calm = s.calm && ordinary(e) && e.Horizon == health.NoHorizon
	}
	s.steady = s.calm && !snap.Spilling()
	return s
}

// count makes the memo once it is worth it.
func (s *settled) count() {
	if s.asked++; s.asked >= memoAfter {
		s.memo = new(memo)
	}
}

// at returns how a site stands.
func (s *settled) at(site int32, f Family) posture {
	p := &s.by[f][site]
	if p.standing == unknown {
		*p = s.judge(&s.sites.list[site], f)
	}
	return *p
}

// judge finds how a site stands: as siteUp and mayBeServed do when there is
// nothing in play but checks.
func (s *settled) judge(site *Site, f Family) posture {
	e := s.snap.At(site.ID)
	if !ordinary(e) {
		return posture{standing: depends}
	}
	listed := site.lists(f)
	up, all, horizon := e.Up, true, e.Horizon
	found := len(site.Addrs) == 0
	for i := range site.Addrs {
		a := &site.Addrs[i]
		if listed && !f.has(a.Addr) {
			continue
		}
		e := s.snap.At(a.ID)
		if !ordinary(e) {
			return posture{standing: depends}
		}
		horizon = min(horizon, e.Horizon)
		found, all = found || e.Up, all && e.Up
	}
	switch {
	case !up || !found:
		return posture{out, horizon}
	case !all:
		return posture{partly, horizon}
	}
	return posture{whole, horizon}
}

// ordinary reports whether nothing but checks decides about a thing.
func ordinary(e health.Entry) bool {
	return e.Share == health.FullShare && e.Spill == 0 && e.Forced == health.NotForced && !e.Held
}

// quick judges a site without looking at its addresses, and reports whether it
// could. What is settled holds in the manners that go by checks; a guard may
// keep in what is out.
func (w *walk) quick(at, site int32) (verdict, bool) {
	if w.manner > allThatWorks || w.lenient > 0 || len(w.out.spill.gone) > 0 && w.isGone(w.p.sites.At(site).ID) {
		return down, false
	}
	p := w.settled.at(site, w.in.Family)
	v := down
	switch p.standing {
	case depends:
		return down, false
	case out:
		if w.p.nodes[at].guard != noGuard {
			return down, false
		}
	default:
		v = up
	}
	w.out.Horizon = min(w.out.Horizon, p.horizon)
	w.judged[at] = judgment{verdict: v}
	return v, true
}
