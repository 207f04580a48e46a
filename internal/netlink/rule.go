package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"golang.org/x/sys/unix"
)

// ruleActions are FR_ACT_… of linux/fib_rules.h.
var ruleActions = map[string]uint8{
	"": unix.FR_ACT_TO_TBL, "goto": unix.FR_ACT_GOTO, "nop": unix.FR_ACT_NOP,
	"blackhole": unix.FR_ACT_BLACKHOLE, "unreachable": unix.FR_ACT_UNREACHABLE, "prohibit": unix.FR_ACT_PROHIBIT,
}

// AddRules adds policy rules; one that is there already is no error. The
// table of each must be a number. The error joins an [OpError] for each that
// failed; the others are done.
func (c *Conn) AddRules(rules []keepalived.Rule) error {
	return c.rules("add", unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, rules, func(err error) bool { return err == unix.EEXIST })
}

// RemoveRules removes policy rules. One that is gone already is no error.
func (c *Conn) RemoveRules(rules []keepalived.Rule) error {
	return c.rules("remove", unix.RTM_DELRULE, 0, rules, gone)
}

// CleanRules removes every policy rule of that protocol (RTPROT_…) of both
// families, and returns how many there were.
func (c *Conn) CleanRules(proto uint8) (int, error) {
	if proto <= unix.RTPROT_STATIC {
		return 0, fmt.Errorf("rules of protocol %d are not vipd's", proto)
	}
	var found [][]byte
	for _, fam := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make(body, unix.SizeofRtMsg) // struct fib_rule_hdr is as long
		request[0] = fam
		had := len(found)
		err := c.dump(unix.RTM_GETRULE, unix.RTM_NEWRULE, request, func() { found = found[:had] }, func(b []byte) {
			if len(b) < unix.SizeofRtMsg {
				return
			}
			if p := nested(b[unix.SizeofRtMsg:], unix.FRA_PROTOCOL); len(p) == 1 && p[0] == proto {
				found = append(found, b)
			}
		})
		if err != nil {
			return 0, fmt.Errorf("list rules: %w", err)
		}
	}
	return c.sendBack(unix.RTM_DELRULE, "rule", found)
}

func (c *Conn) rules(op string, typ, flags uint16, rules []keepalived.Rule, fine func(error) bool) error {
	var errs []error
	var sent []*keepalived.Rule
	c.out.reset()
	for i := range rules {
		if err := c.out.rule(typ, flags, &rules[i]); err != nil {
			errs = append(errs, &OpError{Op: op, What: ruleText(&rules[i]), Err: err})
			continue
		}
		sent = append(sent, &rules[i])
	}
	answers, err := c.send(nil)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for i, ans := range answers {
		if ans.err != nil && !fine(ans.err) {
			errs = append(errs, &OpError{Op: op, What: ruleText(sent[i]), Err: ans.err, Said: ans.said})
		}
	}
	return errors.Join(errs...)
}

func ruleText(r *keepalived.Rule) string {
	text := "rule"
	if r.Preference != 0 {
		text += fmt.Sprintf(" %d", r.Preference)
	}
	if r.From.IsValid() {
		text += " from " + r.From.String()
	}
	if r.To.IsValid() {
		text += " to " + r.To.String()
	}
	return text
}

// rule appends one rule.
//
//	fib_rule_hdr: family, length of destination and source, TOS, table, two
//	reserved, action, flags 4
func (m *batch) rule(typ, flags uint16, r *keepalived.Rule) error {
	unset := uint32(unix.RT_TABLE_UNSPEC)
	if r.Action == "" && !r.L3MDev {
		unset = unix.RT_TABLE_MAIN
	}
	table, err := tableID(r.Table, unset)
	if err != nil {
		return err
	}
	flow := uint32(0)
	if r.Realms != "" {
		if flow, err = realms(r.Realms); err != nil {
			return err
		}
	}
	action, known := ruleActions[r.Action]
	if !known {
		return fmt.Errorf("unknown action %s", r.Action)
	}
	body := []byte{unix.AF_INET, 0, 0, r.TOS, smallTable(table), 0, 0, action, 0, 0, 0, 0}
	if r.IPv6 || r.From.IsValid() && r.From.Addr().Is6() || r.To.IsValid() && r.To.Addr().Is6() {
		body[0] = unix.AF_INET6
	}
	if r.To.IsValid() {
		body[1] = uint8(r.To.Bits())
	}
	if r.From.IsValid() {
		body[2] = uint8(r.From.Bits())
	}
	if r.Not {
		binary.NativeEndian.PutUint32(body[8:], unix.FIB_RULE_INVERT)
	}
	m.begin(typ, flags, body...)
	m.selectors(r)
	m.attr32(unix.FRA_TABLE, table)
	if r.Preference != 0 {
		m.attr32(unix.FRA_PRIORITY, r.Preference)
	}
	if r.Protocol != 0 {
		m.attr8(unix.FRA_PROTOCOL, r.Protocol)
	} else {
		m.attr8(unix.FRA_PROTOCOL, RouteProto)
	}
	if flow != 0 {
		m.attr32(unix.FRA_FLOW, flow)
	}
	if r.Action == "goto" {
		m.attr32(unix.FRA_GOTO, r.Goto)
	}
	if r.L3MDev {
		m.attr8(unix.FRA_L3MDEV, 1)
	}
	if r.SuppressPrefixLength >= 0 {
		m.attr32(unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.SuppressPrefixLength))
	}
	if r.SuppressGroup >= 0 {
		m.attr32(unix.FRA_SUPPRESS_IFGROUP, uint32(r.SuppressGroup))
	}
	m.end()
	return nil
}

// selectors appends what a packet must be like for the rule to apply.
func (m *batch) selectors(r *keepalived.Rule) {
	if r.To.IsValid() {
		m.attrAddr(unix.FRA_DST, r.To.Addr())
	}
	if r.From.IsValid() {
		m.attrAddr(unix.FRA_SRC, r.From.Addr())
	}
	if r.IIF != "" {
		m.attrText(unix.FRA_IIFNAME, r.IIF)
	}
	if r.OIF != "" {
		m.attrText(unix.FRA_OIFNAME, r.OIF)
	}
	if r.HasFwMark {
		m.attr32(unix.FRA_FWMARK, r.FwMark)
		m.attr32(unix.FRA_FWMASK, r.FwMask)
	}
	if r.TunID != 0 {
		m.attr(unix.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunID))
	}
	if r.UIDs != nil {
		m.attr(unix.FRA_UID_RANGE, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, r.UIDs.First), r.UIDs.Last))
	}
	if r.IPProto != 0 {
		m.attr8(unix.FRA_IP_PROTO, r.IPProto)
	}
	for _, p := range []struct {
		typ   uint16
		ports *keepalived.Range
	}{{unix.FRA_SPORT_RANGE, r.Sport}, {unix.FRA_DPORT_RANGE, r.Dport}} {
		if p.ports != nil {
			m.attr(p.typ, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, uint16(p.ports.First)), uint16(p.ports.Last)))
		}
	}
}
