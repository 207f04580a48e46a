package policy

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// oracle is the slow and obvious evaluator: the semantics as they are told to
// people, over the tree as it is written. It has no classes, no tables and no
// memory, and asks each rule about the client itself.
type oracle struct {
	sites  *Sites
	guards map[*Spec]int32
	place  *geo.Place
	client netip.Addr
	family Family
	health *health.Snapshot
	draw   Draw

	allThatWorks, ignoreChecks, ignoreAll bool

	gone    []string // sites that do not take the client for want of capacity
	several *bool    // whether an all policy was served
}

type oracleResult struct {
	action     Action
	sites      []string
	addrs      []netip.Addr
	lastResort bool
}

// around is what holds for a policy because of where it stands.
type around struct {
	guard    int32
	forcedUp bool
}

// child is a target in its place.
type child struct {
	spec *Spec
	at   around
}

func (o oracle) pick(spec *Spec) oracleResult {
	root := child{spec, around{guard: noGuard}}
	if isUp, _ := o.up(root); isUp {
		return o.spillOver(root)
	}
	o.allThatWorks = true
	isUp, strict := o.up(root)
	if isUp {
		return o.result(root, false)
	}
	switch spec.AllDown {
	case ServeFallback:
		return oracleResult{action: Fallback, lastResort: true}
	case ServeNoData:
		return oracleResult{action: NoData, lastResort: true}
	case ServeServFail:
		return oracleResult{action: ServFail, lastResort: true}
	}
	// As if all were up; of a strict rule that ended it, its own sites alone.
	if strict != nil {
		root.spec = strict
	}
	o.ignoreChecks = true
	isUp, strict = o.up(root)
	if isUp {
		return o.result(root, true)
	}
	if strict != nil {
		root.spec = strict
	}
	o.ignoreAll = true
	if isUp, _ = o.up(root); isUp {
		return o.result(root, true)
	}
	return oracleResult{action: NoData, lastResort: true}
}

// inGate reports whether the client is among the first of those of a name.
func (o oracle) inGate(kind, name string, below float64) bool {
	return float64(o.hash(kind+"\x00"+name+"\x00")>>48) < below
}

func (o oracle) hash(text string) uint64 {
	if o.client.IsValid() {
		bits := 24
		if o.client.Is6() {
			bits = 56
		}
		text += string(netip.PrefixFrom(o.client, bits).Masked().Addr().AsSlice())
	}
	return dnswire.SipHash([16]byte{}, []byte(text))
}

// allowed reports whether the operator lets the client have a thing.
func (o oracle) allowed(e health.Entry, name string) bool {
	switch {
	case o.ignoreAll:
		return true
	case e.Share == 0 || e.Forced == health.ForcedDown:
		return false
	}
	return o.allThatWorks || e.Share == health.FullShare || o.inGate("gate", name, float64(e.Share))
}

// child puts a target into its place; false if the operator says that it is
// down in this policy.
func (o oracle) child(parent child, spec *Spec) (child, bool) {
	at := parent.at
	for _, s := range o.sites.Subjects() {
		if parent.spec.Name != "" && s.Policy == parent.spec.Name && s.Site == spec.key() {
			e := o.health.At(s.ID)
			if !o.allowed(e, spec.key()) {
				return child{}, false
			}
			at.forcedUp = at.forcedUp || e.Forced == health.ForcedUp
		}
	}
	return child{spec, at}, true
}

// children are the targets of a policy in the order in which they are tried.
func (o oracle) children(c child) []Target {
	targets := slices.Clone(c.spec.Targets)
	if c.spec.Kind != KindNearest {
		return targets
	}
	lat, lon, known := o.place.Lat, o.place.Lon, o.place.HasLocation
	if !known {
		lat, lon, known = geo.CountryMiddle(o.place.Country)
	}
	far := func(t Target) float64 {
		i, _ := o.sites.Find(t.Spec.Name)
		l := o.sites.At(i).Location
		d := geo.Distance(lat, lon, l.Lat, l.Lon)
		if t.Bias > 0 {
			return d * (1 - float64(t.Bias)/100)
		}
		return d * (1 / (1 + float64(t.Bias)/100))
	}
	if known {
		slices.SortStableFunc(targets, func(a, b Target) int { return cmp.Compare(far(a), far(b)) })
	}
	if c.spec.Limit > 0 {
		targets = targets[:min(c.spec.Limit, len(targets))]
	}
	return targets
}

// enough reports whether so many healthy targets let a policy be up.
func (o oracle) enough(s *Spec, healthy int) bool {
	return healthy > 0 && (o.ignoreChecks || healthy >= s.MinHealthy)
}

// enter applies what a policy says about all that is in it.
func (o oracle) enter(c child) child {
	if g, has := o.guards[c.spec]; has {
		c.at.guard = g
	}
	return c
}

// up reports whether a policy is up, and the target of the strict rule that
// ended the evaluation, if one did.
func (o oracle) up(c child) (isUp bool, strict *Spec) {
	c = o.enter(c)
	switch c.spec.Kind {
	case KindSite:
		isUp, _ := o.site(c)
		return isUp, nil
	case KindGeo:
		_, isUp, strict := o.rule(c)
		return isUp, strict
	case KindFailover, KindNearest:
		_, isUp, strict := o.first(c)
		return isUp, strict
	}
	healthy := 0
	for _, t := range o.children(c) {
		one, ok := o.child(c, t.Spec)
		if !ok {
			continue
		}
		isUp, strict := o.up(one)
		if strict != nil {
			return false, strict
		}
		if isUp {
			healthy++
		}
	}
	return o.enough(c.spec, healthy), nil
}

// first returns what a failover or nearest policy takes.
func (o oracle) first(c child) (taken child, isUp bool, strict *Spec) {
	var ups []child
	next := true // whether a second choice may be taken
	for _, t := range o.children(c) {
		one, ok := o.child(c, t.Spec)
		if !ok {
			continue
		}
		isUp, strict := o.up(one)
		if strict != nil && len(ups) == 0 {
			return child{}, false, strict
		}
		if strict != nil && len(ups) == 1 {
			next = false
		}
		if isUp && len(ups) == 1 && !next {
			ups = append(ups, ups[0])
		} else if isUp {
			ups = append(ups, one)
		}
	}
	if !o.enough(c.spec, len(ups)) {
		return child{}, false, nil
	}
	trickle := c.spec.Trickle > 0 && !o.ignoreChecks && o.inGate("trickle", c.spec.key(), math.Round(c.spec.Trickle*655.36))
	if trickle && len(ups) > 1 {
		return ups[1], true, nil
	}
	return ups[0], true, nil
}

// rule returns what a geo policy takes.
func (o oracle) rule(c child) (taken child, isUp bool, strict *Spec) {
	for i := range c.spec.Rules {
		r := &c.spec.Rules[i]
		if !o.matches(r) {
			continue
		}
		one, ok := o.child(c, r.Use)
		if ok {
			isUp, strict := o.up(one)
			if isUp || strict != nil {
				return one, isUp, strict
			}
		}
		if r.Strict {
			return child{}, false, r.Use
		}
	}
	return child{}, false, nil
}

// alive returns the targets of a policy that are up.
func (o oracle) alive(c child) (children []child, weights []uint32) {
	for _, t := range o.children(c) {
		if one, ok := o.child(c, t.Spec); ok {
			if isUp, _ := o.up(one); isUp {
				children, weights = append(children, one), append(weights, t.Weight)
			}
		}
	}
	return children, weights
}

// served is an address with the site that it is chosen for.
type served struct {
	site string
	addr netip.Addr
}

// result serves a policy that is up.
func (o oracle) result(root child, lastResort bool) oracleResult {
	o.several = new(bool)
	all, sites := o.serve(root)
	return o.compose(all, sites, lastResort)
}

// compose completes an answer.
func (o oracle) compose(all []served, sites []string, lastResort bool) oracleResult {
	r := oracleResult{action: NoData, lastResort: lastResort}
	if len(all) > 0 {
		sites = slices.DeleteFunc(sites, func(s string) bool {
			return !slices.ContainsFunc(all, func(one served) bool { return one.site == s })
		})
	}
	for _, s := range sites {
		if !slices.Contains(r.sites, s) {
			r.sites = append(r.sites, s)
		}
	}
	for _, one := range all {
		r.action, r.addrs = Addresses, append(r.addrs, one.addr)
	}
	if len(all) > 1 {
		n := int(o.draw.Uint64N(uint64(len(all))))
		r.addrs = append(slices.Clone(r.addrs[n:]), r.addrs[:n]...)
	}
	return r
}

// serve returns the addresses of a policy that is up, and the sites that were
// chosen for them.
func (o oracle) serve(c child) (out []served, sites []string) {
	c = o.enter(c)
	switch c.spec.Kind {
	case KindSite:
		_, addrs := o.site(c)
		for _, a := range addrs {
			out = append(out, served{c.spec.Name, a})
		}
		return out, []string{c.spec.Name}
	case KindGeo:
		one, _, _ := o.rule(c)
		return o.serve(one)
	case KindFailover, KindNearest:
		one, _, _ := o.first(c)
		return o.serve(one)
	case KindWeighted:
		return o.serve(o.drawn(c))
	}
	*o.several = true
	children, _ := o.alive(c)
	for _, one := range children {
		addrs, more := o.serve(one)
		sites = append(sites, more...)
		for _, a := range addrs {
			if !slices.ContainsFunc(out, func(b served) bool { return a.addr == b.addr }) {
				out = append(out, a)
			}
		}
	}
	return o.subset(out, cmp.Or(c.spec.Max, 8)), sites
}

// subset draws so many, one by one.
func (o oracle) subset(all []served, most int) []served {
	if len(all) <= most {
		return all
	}
	for i := range most {
		j := i + int(o.draw.Uint64N(uint64(len(all)-i)))
		all[i], all[j] = all[j], all[i]
	}
	return all[:most]
}

func (o oracle) drawn(c child) child {
	children, weights := o.alive(c)
	if slices.Max(weights) == 0 {
		for i := range weights {
			weights[i] = 1
		}
	}
	var lots []int // a lot for each unit of weight
	best, most := -1, 0.0
	for i, w := range weights {
		for range w {
			lots = append(lots, i)
		}
		u := (float64(o.hash(children[i].spec.key()+"\x00")) + 0.5) / (1 << 64)
		if score := float64(w) / -math.Log(u); w > 0 && score > most {
			best, most = i, score
		}
	}
	switch {
	case lots[0] == lots[len(lots)-1]:
		return children[lots[0]]
	case c.spec.Sticky:
		return children[best]
	}
	return children[lots[o.draw.Uint64N(uint64(len(lots)))]]
}

// site reports whether a site is up in the family asked, and the addresses of
// that family which are served.
func (o oracle) site(c child) (isUp bool, addrs []netip.Addr) {
	i, _ := o.sites.Find(c.spec.Name)
	s := o.sites.At(i)
	e := o.health.At(s.ID)
	if slices.Contains(o.gone, s.Name) || !o.allowed(e, s.Name) {
		return false, nil
	}
	judge := func(lenient bool) (isUp bool, addrs []netip.Addr) {
		inFamily := func(a Address) bool { return o.family == V4 && a.Addr.Is4() || o.family == V6 && a.Addr.Is6() }
		listed := slices.ContainsFunc(s.Addrs, inFamily)
		for _, a := range s.Addrs {
			ok := o.allowed(o.health.At(a.ID), s.Name) && o.works(o.health.At(a.ID), lenient || e.Forced == health.ForcedUp)
			isUp = isUp || ok && (inFamily(a) || !listed)
			if ok && inFamily(a) {
				addrs = append(addrs, a.Addr)
			}
		}
		return isUp && o.works(e, lenient), addrs
	}
	isUp, addrs = judge(c.at.forcedUp)
	if !isUp && c.at.guard != noGuard && o.health.Kept(int(c.at.guard), s.ID) {
		return judge(true)
	}
	return isUp, addrs
}

// works reports whether the checks of a thing pass, or need not.
func (o oracle) works(e health.Entry, lenient bool) bool {
	return lenient || o.ignoreChecks || e.Forced == health.ForcedUp || e.Up && (!e.Held || o.allThatWorks)
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
