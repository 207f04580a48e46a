package keepalived

import (
	"slices"
	"strconv"
	"strings"
)

// ruleActions are what a rule may do instead of looking a table up.
var ruleActions = map[string]bool{"blackhole": true, "unreachable": true, "prohibit": true, "nop": true}

// ipProtocols are the names that ip_proto takes; numbers do too.
var ipProtocols = map[string]uint8{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "ospf": 89, "sctp": 132, "udplite": 136}

const ruleOptions = "not from to iif oif dev tos dsfield fwmark table lookup preference priority order pref realms goto suppress_prefixlength " +
	"suppress_ifgroup tunnel-id uidrange l3mdev protocol ip_proto ipproto sport dport no_track track_group inet inet6"

// rule decodes one entry of a rule block, in the words of `ip rule add`.
func (d *decoder) rule(n *node, at where) (Rule, bool) {
	d.noBlock(n)
	c := &cursor{d: d, ws: n.words, what: "rule"}
	r := Rule{SuppressPrefixLength: -1, SuppressGroup: -1, Pos: n.pos()}
	r.IPv6 = slices.ContainsFunc(n.words, func(w word) bool { return w.s == "inet6" || strings.Contains(w.s, ":") && isAddr(w.s) })
	acts := false
	for {
		w, ok := c.next()
		if !ok {
			break
		}
		d.ruleOption(&r, c, w, at, &acts)
	}
	if c.bad {
		return r, false
	}
	if !acts {
		c.fail(n.words[0], "table NUMBER", "a rule that leads to no table")
		return r, false
	}
	if r.From.IsValid() && r.To.IsValid() && r.From.Addr().Is6() != r.To.Addr().Is6() {
		c.fail(n.words[0], "from and to of one family", "a rule from %s to %s", r.From, r.To)
	}
	if r.Action == "goto" && r.Preference >= r.Goto {
		c.fail(n.words[0], "goto a preference above its own", "a rule with preference %d cannot go back to %d", r.Preference, r.Goto)
	}
	if r.Preference == 0 {
		d.diags.Warnf(n.pos(), "preference NUMBER", "a rule without a preference: one is chosen, in the order in which instances become master")
	}
	return r, !c.bad
}

func (d *decoder) ruleOption(r *Rule, c *cursor, w word, at where, acts *bool) {
	switch w.s {
	case "inet", "inet6":
	case "not":
		r.Not = true
	case "from", "to":
		v, ok := c.value(w)
		if !ok || v.s == "all" || v.s == "any" || v.s == "default" {
			return
		}
		if w.s == "from" {
			r.From = c.prefix(v, r.IPv6)
		} else {
			r.To = c.prefix(v, r.IPv6)
		}
	case "iif", "dev":
		r.IIF = c.dev(w)
	case "oif":
		r.OIF = c.dev(w)
	case "tos", "dsfield":
		r.TOS = c.tos(w)
	case "fwmark":
		c.fwmark(r, w)
	case "table", "lookup":
		r.Table, *acts = c.table(w), true
	case "l3mdev":
		r.L3MDev, *acts = true, true
	case "goto":
		r.Action, r.Goto, *acts = "goto", c.uint32(w), true
	case "preference", "priority", "order", "pref":
		r.Preference = c.uint32(w)
	case "realms", "realm":
		v, _ := c.value(w)
		r.Realms = v.s
	case "suppress_prefixlength", "sup_pl":
		r.SuppressPrefixLength = int(c.number(w, 0, 128))
	case "suppress_ifgroup", "sup_group":
		r.SuppressGroup = int(c.number(w, 0, 1<<31-1))
	case "tunnel-id", "tun_id":
		v, _ := c.value(w)
		id, err := strconv.ParseUint(v.s, 0, 64)
		if err != nil {
			c.fail(v, "", "tunnel-id %s is no number", v.s)
		}
		r.TunID = id
	case "uidrange":
		r.UIDs = c.ranged(w, 1<<32-1)
	case "protocol", "proto":
		r.Protocol = c.protocol(w)
	case "ip_proto", "ipproto":
		r.IPProto = c.ipProto(w)
	case "sport":
		r.Sport = c.ranged(w, 65535)
	case "dport":
		r.Dport = c.ranged(w, 65535)
	case "no_track":
		r.NoTrack = true
	case "track_group":
		r.TrackGroup = c.trackGroup(w, at)
	case "type":
	default:
		if ruleActions[w.s] {
			r.Action, *acts = w.s, true
			return
		}
		c.fail(w, nearestOf(w.s, ruleOptions), "unknown option %s of a rule", w.s)
		c.i = len(c.ws)
	}
}

// fwmark takes MARK[/MASK].
func (c *cursor) fwmark(r *Rule, option word) {
	w, ok := c.value(option)
	if !ok {
		return
	}
	mark, mask, hasMask := strings.Cut(w.s, "/")
	v, err := strconv.ParseUint(mark, 0, 32)
	m := uint64(1<<32 - 1)
	var merr error
	if hasMask {
		m, merr = strconv.ParseUint(mask, 0, 32)
	}
	if err != nil || merr != nil {
		c.fail(w, "NUMBER[/NUMBER]", "fwmark %s is no mark", w.s)
		return
	}
	r.FwMark, r.FwMask, r.HasFwMark = uint32(v), uint32(m), true
}

// ranged takes FIRST[-LAST].
func (c *cursor) ranged(option word, limit uint64) *Range {
	w, ok := c.value(option)
	if !ok {
		return nil
	}
	first, last, two := strings.Cut(w.s, "-")
	if !two {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 32)
	b, err2 := strconv.ParseUint(last, 10, 32)
	if err1 != nil || err2 != nil || a > b || b > limit {
		c.fail(w, "FIRST-LAST", "%s %s is no range", option.s, w.s)
		return nil
	}
	return &Range{uint32(a), uint32(b)}
}

func (c *cursor) ipProto(option word) uint8 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	if p, ok := ipProtocols[strings.ToLower(w.s)]; ok {
		return p
	}
	v, err := strconv.ParseUint(w.s, 10, 8)
	if err != nil {
		c.fail(w, "a name such as tcp, or a number", "unknown protocol %s", w.s)
	}
	return uint8(v)
}
