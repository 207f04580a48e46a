package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"golang.org/x/sys/unix"
)

// AddRoutes adds routes, or replaces those that are alike. The table of each
// must be a number. The error joins an [OpError] for each that failed; the
// others are done. Routes that need a gateway come after the addresses that
// lead to it.
func (c *Conn) AddRoutes(routes []keepalived.Route) error {
	return c.routes("add", unix.RTM_NEWROUTE, routes)
}

// RemoveRoutes removes routes. One that is gone already is no error.
func (c *Conn) RemoveRoutes(routes []keepalived.Route) error {
	return c.routes("remove", unix.RTM_DELROUTE, routes)
}

// CleanRoutes removes every route of that protocol (RTPROT_…) from the tables
// of both families, and returns how many there were: what a process that was
// killed left behind.
func (c *Conn) CleanRoutes(proto uint8) (int, error) {
	if proto <= unix.RTPROT_STATIC {
		return 0, fmt.Errorf("routes of protocol %d are not vipd's", proto)
	}
	var found [][]byte
	for _, fam := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make(body, unix.SizeofRtMsg)
		request[0], request[5] = fam, proto // older kernels list all
		had := len(found)
		err := c.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, request, func() { found = found[:had] }, func(b []byte) {
			if len(b) >= unix.SizeofRtMsg && b[5] == proto && uint32At(b, 8)&unix.RTM_F_CLONED == 0 {
				found = append(found, b)
			}
		})
		if err != nil {
			return 0, fmt.Errorf("list routes: %w", err)
		}
	}
	return c.sendBack(unix.RTM_DELROUTE, "route", found)
}

// sendBack sends what was listed with another type, to remove it, and returns
// how many the kernel removed.
func (c *Conn) sendBack(typ uint16, what string, list [][]byte) (int, error) {
	c.out.reset()
	for _, b := range list {
		c.out.begin(typ, 0, b...)
		c.out.end()
	}
	answers, err := c.send(nil)
	if err != nil {
		return 0, err
	}
	n := 0
	var errs []error
	for _, ans := range answers {
		switch {
		case ans.err == nil:
			n++
		case !gone(ans.err):
			errs = append(errs, &OpError{Op: "remove", What: "a left-over " + what, Err: ans.err, Said: ans.said})
		}
	}
	return n, errors.Join(errs...)
}

func (c *Conn) routes(op string, typ uint16, routes []keepalived.Route) error {
	var errs []error
	c.out.reset()
	var sent []*keepalived.Route
	for i := range routes {
		r := &routes[i]
		flags := uint16(0)
		if typ == unix.RTM_NEWROUTE {
			flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
			if r.Append {
				flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
			}
		}
		start := len(c.out.b)
		if err := c.route(typ, flags, r); err != nil {
			if len(c.out.b) > start { // take back what was begun
				c.out.b, c.out.starts = c.out.b[:start], c.out.starts[:len(sent)]
			}
			errs = append(errs, &OpError{Op: op, What: routeText(r), Err: err})
			continue
		}
		sent = append(sent, r)
	}
	answers, err := c.send(nil)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for i, ans := range answers {
		switch {
		case ans.err == nil:
		case typ == unix.RTM_DELROUTE && gone(ans.err):
		case typ == unix.RTM_NEWROUTE && ans.err == unix.EEXIST && sent[i].Append: // it is there
		default:
			errs = append(errs, &OpError{Op: op, What: routeText(sent[i]), Err: ans.err, Said: ans.said})
		}
	}
	return errors.Join(errs...)
}

func routeText(r *keepalived.Route) string {
	text := "route " + r.Dst.String()
	if r.Hop.Via.IsValid() {
		text += " via " + r.Hop.Via.String()
	}
	if r.Hop.Dev != "" {
		text += " dev " + r.Hop.Dev
	}
	return text
}

// route appends one route.
//
//	rtmsg: family, length of destination and source, TOS, table, protocol,
//	scope, type, flags 4
func (c *Conn) route(typ, flags uint16, r *keepalived.Route) error {
	table, err := tableID(r.Table, unix.RT_TABLE_MAIN)
	if err != nil {
		return err
	}
	body := []byte{unix.AF_INET, uint8(r.Dst.Bits()), 0, r.TOS, smallTable(table), r.Protocol, routeScope(r, typ), uint8(r.Type), 0, 0, 0, 0}
	if r.Dst.Addr().Is6() {
		body[0] = unix.AF_INET6
	}
	if r.From.IsValid() {
		body[2] = uint8(r.From.Bits())
	}
	if r.Hop.OnLink {
		binary.NativeEndian.PutUint32(body[8:], unix.RTNH_F_ONLINK)
	}
	m := &c.out
	m.begin(typ, flags, body...)
	m.attr32(unix.RTA_TABLE, table)
	m.attrAddr(unix.RTA_DST, r.Dst.Addr())
	if r.From.IsValid() {
		m.attrAddr(unix.RTA_SRC, r.From.Addr())
	}
	if r.Src.IsValid() {
		m.attrAddr(unix.RTA_PREFSRC, r.Src)
	}
	if r.Metric != 0 {
		m.attr32(unix.RTA_PRIORITY, r.Metric)
	}
	if r.Expires != 0 {
		m.attr32(unix.RTA_EXPIRES, r.Expires)
	}
	if i := slices.Index([]string{"medium", "high", "", "low"}, r.Pref); r.Pref != "" && i >= 0 {
		m.attr8(unix.RTA_PREF, uint8(i)) // RFC 4191, Section 2.1
	}
	if r.Metrics.Realms != "" {
		realms, err := realms(r.Metrics.Realms)
		if err != nil {
			return err
		}
		m.attr32(unix.RTA_FLOW, realms)
	}
	if err := c.hops(r); err != nil {
		return err
	}
	if err := m.metrics(&r.Metrics); err != nil {
		return err
	}
	m.end()
	return nil
}

// routeScope returns the scope that ip(8) would take where none is given.
func routeScope(r *keepalived.Route, typ uint16) uint8 {
	switch {
	case r.ScopeSet:
		return r.Scope
	case r.Dst.Addr().Is6():
		return unix.RT_SCOPE_UNIVERSE
	case typ == unix.RTM_DELROUTE:
		return unix.RT_SCOPE_NOWHERE // any
	case r.Type == keepalived.Local || r.Type == keepalived.NAT:
		return unix.RT_SCOPE_HOST
	case r.Type == keepalived.Broadcasts || r.Type == keepalived.Multicast || r.Type == keepalived.Anycast,
		r.Type == keepalived.Unicast && len(r.NextHops) == 0 && !r.Hop.Via.IsValid():
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// hops appends the ways out.
func (c *Conn) hops(r *keepalived.Route) error {
	m := &c.out
	if len(r.NextHops) == 0 {
		return c.hop(&r.Hop, r.Dst.Addr(), true)
	}
	multi := m.nest(unix.RTA_MULTIPATH)
	for i := range r.NextHops {
		h := &r.NextHops[i]
		// struct rtnexthop: length 2, flags, weight - 1, index 4.
		start := len(m.b)
		m.b = append(m.b, 0, 0, 0, uint8(max(h.Weight, 1)-1), 0, 0, 0, 0)
		if h.OnLink {
			m.b[start+2] = unix.RTNH_F_ONLINK
		}
		if h.Dev != "" {
			index, err := c.Index(h.Dev)
			if err != nil {
				return ErrNoInterface
			}
			binary.NativeEndian.PutUint32(m.b[start+4:], uint32(index))
		}
		if err := c.hop(&keepalived.NextHop{Via: h.Via}, r.Dst.Addr(), false); err != nil {
			return err
		}
		m.unnest(start)
	}
	m.unnest(multi)
	return nil
}

// hop appends a gateway, and its interface.
func (c *Conn) hop(h *keepalived.NextHop, dst netip.Addr, withDev bool) error {
	m := &c.out
	switch {
	case !h.Via.IsValid():
	case h.Via.Is4() == dst.Is4():
		m.attrAddr(unix.RTA_GATEWAY, h.Via)
	default: // an IPv4 destination behind an IPv6 gateway
		m.attr(unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, unix.AF_INET6), h.Via.AsSlice()...))
	}
	if !withDev || h.Dev == "" {
		return nil
	}
	index, err := c.Index(h.Dev)
	if err != nil {
		return ErrNoInterface
	}
	m.attr32(unix.RTA_OIF, uint32(index))
	return nil
}

// metrics appends the RTAX_… values that are given.
func (m *batch) metrics(x *keepalived.RouteMetrics) error {
	start := m.nest(unix.RTA_METRICS)
	empty := len(m.b)
	var lock uint32
	for _, v := range []struct {
		name  string
		typ   uint16
		value uint32
	}{
		{"mtu", unix.RTAX_MTU, x.MTU},
		{"window", unix.RTAX_WINDOW, x.Window},
		{"rtt", unix.RTAX_RTT, x.RTT * 8}, // the kernel keeps eighths and quarters of ms
		{"rttvar", unix.RTAX_RTTVAR, x.RTTVar * 4},
		{"ssthresh", unix.RTAX_SSTHRESH, x.SSThresh},
		{"cwnd", unix.RTAX_CWND, x.CWnd},
		{"advmss", unix.RTAX_ADVMSS, x.AdvMSS},
		{"reordering", unix.RTAX_REORDERING, x.Reordering},
		{"hoplimit", unix.RTAX_HOPLIMIT, x.HopLimit},
		{"initcwnd", unix.RTAX_INITCWND, x.InitCwnd},
		{"rto_min", unix.RTAX_RTO_MIN, x.RTOMin},
		{"initrwnd", unix.RTAX_INITRWND, x.InitRwnd},
		{"quickack", unix.RTAX_QUICKACK, x.QuickAck},
	} {
		if v.value != 0 {
			m.attr32(v.typ, v.value)
		}
		// The kernel heeds rto_min only if it is locked.
		if slices.Contains(x.Lock, v.name) || v.name == "rto_min" && v.value != 0 {
			lock |= 1 << v.typ
		}
	}
	if x.FastOpenNoCookie {
		m.attr32(unix.RTAX_FASTOPEN_NO_COOKIE, 1)
	}
	for _, f := range x.Features {
		if f != "ecn" {
			return fmt.Errorf("unknown feature %s", f)
		}
		m.attr32(unix.RTAX_FEATURES, unix.RTAX_FEATURE_ECN)
	}
	if x.CongCtl != "" {
		m.attrText(unix.RTAX_CC_ALGO, x.CongCtl)
		if slices.Contains(x.Lock, "congctl") {
			lock |= 1 << unix.RTAX_CC_ALGO
		}
	}
	if lock != 0 {
		m.attr32(unix.RTAX_LOCK, lock)
	}
	if len(m.b) == empty {
		m.b = m.b[:start]
		return nil
	}
	m.unnest(start)
	return nil
}

// tableID returns the number of a routing table; unset is what 0 stands for.
func tableID(t keepalived.Table, unset uint32) (uint32, error) {
	switch {
	case t.Name != "":
		return 0, fmt.Errorf("%w: %s", ErrTableName, t.Name)
	case t.ID == 0:
		return unset, nil
	}
	return t.ID, nil
}

// smallTable returns what the one byte of the fixed part says of a table.
func smallTable(id uint32) uint8 {
	if id > 255 {
		return unix.RT_TABLE_COMPAT
	}
	return uint8(id)
}

// realms reads TO or FROM/TO in numbers.
func realms(text string) (uint32, error) {
	from, to, two := strings.Cut(text, "/")
	if !two {
		from, to = "0", from
	}
	f, err1 := strconv.ParseUint(from, 0, 16)
	t, err2 := strconv.ParseUint(to, 0, 16)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("realms %s: only numbers are known", text)
	}
	return uint32(f)<<16 | uint32(t), nil
}
