package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// routeTypes are the words that may stand before a destination.
var routeTypes = map[string]RouteType{
	"unicast": Unicast, "local": Local, "broadcast": Broadcasts, "anycast": Anycast, "multicast": Multicast,
	"blackhole": Blackhole, "unreachable": Unreachable, "prohibit": Prohibit, "throw": Throw, "nat": NAT, "xresolve": XResolve,
}

// protocols are the numbers of RTPROT_….
var protocols = map[string]uint8{
	"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12,
	"dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "mrouted": 17, "keepalived": 18, "babel": 42, "bgp": 186, "isis": 187,
	"ospf": 188, "rip": 189, "eigrp": 192,
}

const protoKeepalived = 18

// tables are the names of routing tables that every machine knows.
var tables = map[string]uint32{"unspec": 0, "default": 253, "main": 254, "local": 255}

// table returns the routing table behind an option: a number, or a name that
// the machine may know.
func (c *cursor) table(option word) Table {
	w, ok := c.value(option)
	if !ok {
		return Table{}
	}
	if id, ok := tables[w.s]; ok {
		return Table{ID: id}
	}
	if v, err := strconv.ParseUint(w.s, 0, 32); err == nil {
		return Table{ID: uint32(v)}
	}
	if w.s == "" || strings.ContainsAny(w.s[:1], "0123456789-") {
		c.fail(w, "a number or a name", "%s %s is no routing table", option.s, w.s)
	}
	return Table{Name: w.s}
}

// protocol returns the number of the routing protocol behind an option.
func (c *cursor) protocol(option word) uint8 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	if p, ok := protocols[strings.ToLower(w.s)]; ok {
		return p
	}
	v, err := strconv.ParseUint(w.s, 0, 8)
	if err != nil {
		c.fail(w, "a number from 0 to 255, or a name such as static", "unknown protocol %s", w.s)
	}
	return uint8(v)
}

// tos returns the type of service behind an option, in any base.
func (c *cursor) tos(option word) uint8 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	v, err := strconv.ParseUint(w.s, 0, 8)
	if err != nil {
		c.fail(w, "a number from 0 to 255", "%s %s is no type of service", option.s, w.s)
	}
	return uint8(v)
}

// uint32 returns the number behind an option, in any base.
func (c *cursor) uint32(option word) uint32 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	v, err := strconv.ParseUint(w.s, 0, 32)
	if err != nil {
		c.fail(w, "", "%s %s is no number", option.s, w.s)
	}
	return uint32(v)
}

// prefix returns the destination behind an option: a prefix, an address,
// default or all.
func (c *cursor) prefix(w word, v6 bool) netip.Prefix {
	if w.s == "default" || w.s == "any" || w.s == "all" {
		if v6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	p, err := parsePrefix(w.s)
	if err != nil {
		c.fail(w, "a prefix such as 192.0.2.0/24", "%s is no prefix", w.s)
		return netip.Prefix{}
	}
	if p != p.Masked() {
		c.d.diags.Warnf(w.pos, p.Masked().String(), "%s has bits behind its length, cut off", w.s)
	}
	return p.Masked()
}

// route decodes one entry of a route block, in the words of `ip route add`.
func (d *decoder) route(n *node, at where) (Route, bool) {
	d.noBlock(n)
	c := &cursor{d: d, ws: n.words, what: "route"}
	r := Route{Type: Unicast, Protocol: protoKeepalived, Pos: n.pos()}
	r.IPv6 = slices.ContainsFunc(n.words, func(w word) bool { return w.s == "inet6" || strings.Contains(w.s, ":") && isAddr(w.s) })
	dst := false
	for {
		w, ok := c.next()
		if !ok {
			break
		}
		d.routeOption(&r, c, w, at, &dst)
	}
	d.routeFits(&r, c, n.words[0], dst)
	return r, !c.bad
}

func (d *decoder) routeOption(r *Route, c *cursor, w word, at where, dst *bool) {
	switch w.s {
	case "inet", "inet6":
	case "to":
		if t, ok := c.next(); ok {
			d.routeTarget(r, c, t, dst)
		} else {
			c.fail(w, "", "to without a value")
		}
	case "from":
		if v, ok := c.value(w); ok {
			r.From = c.prefix(v, r.IPv6)
		}
	case "src":
		r.Src = c.addr(w)
	case "via", "gw":
		d.oldWord(w, "gw", "via")
		r.Hop.Via = c.via(w)
	case "or":
		d.diags.Warnf(w.pos, "nexthop via ADDRESS", "or is an old word for a second way")
		first := r.Hop
		second := NextHop{Via: c.via(w)}
		r.NextHops, r.Hop = append(r.NextHops, first, second), NextHop{}
	case "dev", "oif":
		r.Hop.Dev = c.dev(w)
	case "onlink":
		r.Hop.OnLink = true
	case "nexthop":
		r.NextHops = append(r.NextHops, d.nextHop(c))
	case "table":
		r.Table = c.table(w)
	case "scope":
		r.Scope, r.ScopeSet = c.scope(w), true
	case "proto", "protocol":
		r.Protocol = c.protocol(w)
	case "tos", "dsfield":
		r.TOS = c.tos(w)
	case "metric", "priority", "preference":
		r.Metric = c.uint32(w)
	case "append":
		r.Append = true
	case "prepend":
	case "no_track":
		r.NoTrack = true
	case "track_group":
		r.TrackGroup = c.trackGroup(w, at)
	case "expires":
		r.Expires = c.uint32(w)
	case "pref":
		r.Pref = c.choice(w, "low", "medium", "high")
	case "vrf":
		r.Table = Table{Name: c.dev(w)}
	case "encap", "as", "ttl-propagate":
		c.fail(w, "", "%s is not carried out", w.s)
		c.i = len(c.ws)
	default:
		if r.Metrics.option(c, w) {
			return
		}
		d.routeTarget(r, c, w, dst)
	}
}

// oldWord warns of a word that keepalived keeps for old files only.
func (d *decoder) oldWord(w word, old, new string) {
	if w.s == old {
		d.diags.Warnf(w.pos, new, "%s is an old word", old)
	}
}

// routeTarget takes the type and the destination, which stand bare.
func (d *decoder) routeTarget(r *Route, c *cursor, w word, dst *bool) {
	if t, ok := routeTypes[w.s]; ok && !*dst {
		r.Type = t
		return
	}
	if *dst {
		right := ""
		if isAddr(w.s) {
			right = "one route a line"
		} else {
			right = nearestOf(w.s, routeOptions)
		}
		c.fail(w, right, "unknown option %s of a route", w.s)
		c.i = len(c.ws)
		return
	}
	*dst = true
	r.Dst = c.prefix(w, r.IPv6)
}

const routeOptions = "to from src via dev onlink nexthop table scope proto protocol tos metric priority append prepend no_track track_group expires pref vrf " +
	"mtu window rtt rttvar ssthresh cwnd advmss reordering hoplimit initcwnd rto_min initrwnd quickack fastopen_no_cookie features congctl realms weight"

// via returns the next hop behind an option; the family may stand before it.
func (c *cursor) via(option word) netip.Addr {
	if c.i+1 < len(c.ws) && (c.ws[c.i].s == "inet" || c.ws[c.i].s == "inet6") {
		c.i++
	}
	return c.addr(option)
}

func (d *decoder) nextHop(c *cursor) NextHop {
	var h NextHop
	for c.i < len(c.ws) && c.ws[c.i].s != "nexthop" {
		w, _ := c.next()
		switch w.s {
		case "via", "gw":
			c.d.oldWord(w, "gw", "via")
			h.Via = c.via(w)
		case "dev", "oif":
			h.Dev = c.dev(w)
		case "weight":
			h.Weight = int(c.number(w, 1, 256))
		case "onlink":
			h.OnLink = true
		case "no_track", "track_group", "table", "metric", "src", "proto":
			c.i-- // an option of the route again
			return h
		default:
			c.fail(w, "via, dev, weight or onlink", "unknown option %s of a next hop", w.s)
			c.i = len(c.ws)
		}
	}
	return h
}

// option takes a metric of a route and reports whether w is one.
func (m *RouteMetrics) option(c *cursor, w word) bool {
	values := map[string]*uint32{
		"mtu": &m.MTU, "window": &m.Window, "rtt": &m.RTT, "rttvar": &m.RTTVar, "ssthresh": &m.SSThresh, "cwnd": &m.CWnd,
		"advmss": &m.AdvMSS, "reordering": &m.Reordering, "hoplimit": &m.HopLimit, "initcwnd": &m.InitCwnd, "rto_min": &m.RTOMin,
		"initrwnd": &m.InitRwnd, "quickack": &m.QuickAck,
	}
	if to := values[w.s]; to != nil {
		if c.i < len(c.ws) && c.ws[c.i].s == "lock" {
			c.i++
			m.Lock = append(m.Lock, w.s)
		}
		v, ok := c.value(w)
		if !ok {
			return true
		}
		// Times may have a unit; alone they are in milliseconds, as of ip(8).
		n, err := strconv.ParseUint(strings.TrimSuffix(v.s, "ms"), 10, 32)
		if s, isS := strings.CutSuffix(v.s, "s"); isS && !strings.HasSuffix(s, "m") {
			n, err = strconv.ParseUint(s, 10, 22)
			n *= 1000
		}
		if err != nil {
			c.fail(v, "", "%s %s is no number", w.s, v.s)
		}
		*to = uint32(n)
		return true
	}
	switch w.s {
	case "fastopen_no_cookie":
		m.FastOpenNoCookie = c.number(w, 0, 1) == 1
	case "features":
		m.Features = append(m.Features, c.choice(w, "ecn"))
	case "congctl":
		if c.i < len(c.ws) && c.ws[c.i].s == "lock" {
			c.i++
			m.Lock = append(m.Lock, w.s)
		}
		v, _ := c.value(w)
		m.CongCtl = v.s
	case "realms", "realm":
		v, _ := c.value(w)
		m.Realms = v.s
	default:
		return false
	}
	return true
}

// routeFits tells of routes that cannot be.
func (d *decoder) routeFits(r *Route, c *cursor, w word, dst bool) {
	if c.bad {
		return
	}
	if !dst {
		c.fail(w, "PREFIX via ADDRESS", "a route without a destination")
		return
	}
	hops := append(slices.Clone(r.NextHops), r.Hop)
	for _, h := range hops {
		// "via inet6" gives an IPv4 route a way over IPv6 (RFC 8950); the bare
		// address does not.
		if h.Via.IsValid() && h.Via.Is6() != r.Dst.Addr().Is6() && !(h.Via.Is6() && slices.ContainsFunc(c.ws, func(w word) bool { return w.s == "inet6" })) {
			c.fail(w, "a way of the same family", "the route to %s leads over %s", r.Dst, h.Via)
			return
		}
	}
	if r.Src.IsValid() && r.Src.Is6() != r.Dst.Addr().Is6() {
		c.fail(w, "a source of the same family", "the route to %s has the source %s", r.Dst, r.Src)
		return
	}
	ways := len(r.NextHops) > 0 && r.Hop.Dev == ""
	if len(r.NextHops) > 0 && r.Hop.Dev != "" {
		// A dev behind "or" is that of each way that has none.
		for i := range r.NextHops {
			if r.NextHops[i].Dev == "" {
				r.NextHops[i].Dev = r.Hop.Dev
			}
		}
	}
	switch {
	case r.NoTrack:
	case !slices.ContainsFunc(append(r.NextHops, r.Hop), func(h NextHop) bool { return h.Dev != "" }):
		d.diags.Warnf(w.pos, "dev NAME, or no_track", "the route to %s names no interface: keepalived does not notice when it goes", r.Dst)
	case ways:
		d.diags.Warnf(w.pos, "no_track", "the route to %s has several ways: keepalived does not notice when it goes", r.Dst)
	}
	needsWay := r.Type == Unicast && len(r.NextHops) == 0
	if needsWay && !r.Hop.Via.IsValid() && r.Hop.Dev == "" {
		c.fail(w, "via ADDRESS or dev NAME", "the route to %s leads nowhere", r.Dst)
	}
}

// nearestOf returns the word of a list that was probably meant.
func nearestOf(s, words string) string {
	return diag.Nearest(s, strings.Fields(words))
}
