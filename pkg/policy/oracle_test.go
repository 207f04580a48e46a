package policy

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// oracle is the slow and obvious evaluator: the semantics as they are told to
// people, over the tree as it is written. It has no classes, no tables and no
// memory, and asks each rule about the client itself.
type oracle struct {
	sites  *Sites
	place  *geo.Place
	client netip.Addr
	family Family
	health *health.Snapshot
	draw   Draw

	ignoreChecks, ignoreAll bool
}

type oracleResult struct {
	action     Action
	sites      []string
	addrs      []netip.Addr
	lastResort bool
}

func (o oracle) pick(root *Spec) oracleResult {
	isUp, strict := o.up(root)
	if isUp {
		return o.serve(root)
	}
	switch root.AllDown {
	case ServeFallback:
		return oracleResult{action: Fallback, lastResort: true}
	case ServeNoData:
		return oracleResult{action: NoData, lastResort: true}
	case ServeServFail:
		return oracleResult{action: ServFail, lastResort: true}
	}
	// As if all were up; of a strict rule that ended it, its own sites alone.
	if strict != nil {
		root = strict
	}
	o.ignoreChecks = true
	isUp, _ = o.up(root)
	if !isUp {
		o.ignoreAll = true
		if isUp, _ = o.up(root); !isUp {
			return oracleResult{action: NoData, lastResort: true}
		}
	}
	r := o.serve(root)
	r.lastResort = true
	return r
}

// up reports whether a policy is up, and the target of the strict rule that
// ended the evaluation, if one did.
func (o oracle) up(s *Spec) (isUp bool, strict *Spec) {
	switch s.Kind {
	case KindSite:
		return o.siteUp(s), nil
	case KindFailover:
		for _, t := range s.Targets {
			if isUp, strict := o.up(t.Spec); isUp || strict != nil {
				return isUp, strict
			}
		}
	case KindWeighted:
		for _, t := range s.Targets {
			one, strict := o.up(t.Spec)
			if strict != nil {
				return false, strict
			}
			isUp = isUp || one
		}
		return isUp, nil
	case KindGeo:
		for i := range s.Rules {
			r := &s.Rules[i]
			if !o.matches(r) {
				continue
			}
			isUp, strict := o.up(r.Use)
			if isUp || strict != nil {
				return isUp, strict
			}
			if r.Strict {
				return false, r.Use
			}
		}
	}
	return false, nil
}

// chosen returns the target that a failover or geo policy that is up takes.
func (o oracle) chosen(s *Spec) *Spec {
	for _, t := range s.Targets {
		if isUp, _ := o.up(t.Spec); isUp {
			return t.Spec
		}
	}
	for i := range s.Rules {
		if !o.matches(&s.Rules[i]) {
			continue
		}
		if isUp, _ := o.up(s.Rules[i].Use); isUp {
			return s.Rules[i].Use
		}
	}
	panic("nothing is up")
}

// candidates returns the targets of a weighted policy that may be drawn.
func (o oracle) candidates(s *Spec) (targets []Target) {
	for _, t := range s.Targets {
		if isUp, _ := o.up(t.Spec); isUp && t.Weight > 0 {
			targets = append(targets, t)
		}
	}
	if targets != nil {
		return targets
	}
	for _, t := range s.Targets {
		if isUp, _ := o.up(t.Spec); isUp {
			targets = append(targets, Target{Spec: t.Spec, Weight: 1})
		}
	}
	return targets
}

// share returns the part of its clients that a policy that is up may have.
func (o oracle) share(s *Spec) uint16 {
	if o.ignoreAll {
		return health.FullShare
	}
	switch s.Kind {
	case KindSite:
		site := o.site(s)
		var best uint16
		for _, a := range o.judged(site) {
			if o.addrUp(site, a) {
				best = max(best, o.health.At(a.ID).Share)
			}
		}
		share := uint64(o.health.At(site.ID).Share) * uint64(best) / health.FullShare
		return uint16(max(share, 1))
	case KindWeighted:
		var best uint16
		for _, t := range o.candidates(s) {
			best = max(best, o.share(t.Spec))
		}
		return best
	}
	return o.share(o.chosen(s))
}

func (o oracle) serve(s *Spec) oracleResult {
	for s.Kind != KindSite {
		if s.Kind == KindWeighted {
			s = o.drawn(s)
		} else {
			s = o.chosen(s)
		}
	}
	site := o.site(s)
	var addrs []netip.Addr
	for _, a := range site.Addrs {
		if o.inFamily(a) && o.addrUp(site, a) {
			addrs = append(addrs, a.Addr)
		}
	}
	if len(addrs) == 0 || o.family == Other {
		return oracleResult{action: NoData, sites: []string{site.Name}}
	}
	if len(addrs) > 1 {
		n := int(o.draw.Uint64N(uint64(len(addrs))))
		addrs = append(slices.Clone(addrs[n:]), addrs[:n]...)
	}
	return oracleResult{action: Addresses, sites: []string{site.Name}, addrs: addrs}
}

func (o oracle) drawn(s *Spec) *Spec {
	targets := o.candidates(s)
	if len(targets) == 1 {
		return targets[0].Spec
	}
	full := true
	for _, t := range targets {
		full = full && o.share(t.Spec) == health.FullShare
	}
	var urn []struct {
		target *Spec
		until  uint64
	}
	var sum uint64
	for _, t := range targets {
		lots := uint64(t.Weight)
		if !full {
			lots *= uint64(o.share(t.Spec))
		}
		sum += lots
		urn = append(urn, struct {
			target *Spec
			until  uint64
		}{t.Spec, sum})
	}
	n := o.draw.Uint64N(sum)
	for _, u := range urn {
		if n < u.until {
			return u.target
		}
	}
	panic("drawn beyond the sum")
}

func (o oracle) site(s *Spec) *Site {
	i, _ := o.sites.Find(s.Name)
	return o.sites.At(i)
}

func (o oracle) inFamily(a Address) bool {
	return o.family == V4 && a.Addr.Is4() || o.family == V6 && a.Addr.Is6()
}

// judged returns the addresses by which a site is judged.
func (o oracle) judged(site *Site) []Address {
	var own []Address
	for _, a := range site.Addrs {
		if o.inFamily(a) {
			own = append(own, a)
		}
	}
	if own == nil {
		return site.Addrs
	}
	return own
}

func (o oracle) siteUp(s *Spec) bool {
	site := o.site(s)
	e := o.health.At(site.ID)
	switch {
	case o.ignoreAll:
		return true
	case e.Share == 0 || e.Forced == health.ForcedDown:
		return false
	case !o.ignoreChecks && !e.Up && e.Forced != health.ForcedUp:
		return false
	}
	return slices.ContainsFunc(o.judged(site), func(a Address) bool { return o.addrUp(site, a) })
}

func (o oracle) addrUp(site *Site, a Address) bool {
	e := o.health.At(a.ID)
	switch {
	case o.ignoreAll:
		return true
	case e.Share == 0 || e.Forced == health.ForcedDown:
		return false
	case o.ignoreChecks || e.Forced == health.ForcedUp || o.health.At(site.ID).Forced == health.ForcedUp:
		return true
	}
	return e.Up
}

func (o oracle) matches(r *Rule) bool {
	p := o.place
	if len(r.Continents) > 0 && !(p.Continent != "" && slices.Contains(r.Continents, p.Continent)) {
		return false
	}
	if len(r.Countries) > 0 && !(p.Country != "" && slices.Contains(r.Countries, p.Country)) {
		return false
	}
	if len(r.Subdivisions) > 0 && !slices.ContainsFunc(p.Subdivisions, func(s string) bool { return slices.Contains(r.Subdivisions, s) }) {
		return false
	}
	if len(r.Cities) > 0 && !slices.ContainsFunc(r.Cities, func(c City) bool {
		return c.Name != "" && c.Name == p.City || c.ID != 0 && c.ID == p.CityID
	}) {
		return false
	}
	if len(r.ASNs) > 0 && !(p.ASN != 0 && slices.Contains(r.ASNs, p.ASN)) {
		return false
	}
	if len(r.CIDRs) > 0 && !slices.ContainsFunc(r.CIDRs, func(c netip.Prefix) bool { return c.Contains(o.client) }) {
		return false
	}
	return true
}
