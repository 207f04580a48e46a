package keepalived

import (
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// newScript registers the name of a vrrp_script or vrrp_probe.
func (d *decoder) newScript(n *node) *Script {
	name, ok := d.name(n)
	if !ok {
		return nil
	}
	if old := d.cfg.Script(name.s); old != nil {
		d.drop(name.pos, "another name", "skips the second block", "%s %s is already defined at line %d", n.keyword(), name.s, old.Pos.Line)
		return nil
	}
	s := &Script{Name: name.s, Interval: time.Second, Rise: 1, Fall: 1, Pos: name.pos, end: n.last(), own: n.keyword() == "vrrp_probe"}
	d.cfg.Scripts = append(d.cfg.Scripts, s)
	return s
}

// repeat takes the lines that scripts and probes have in common.
func (d *decoder) repeat(s *Script, c *node) {
	switch c.keyword() {
	case "interval":
		d.period(s, c, &s.Interval, "uses 1 s")
	case "timeout":
		d.period(s, c, &s.Timeout, "uses the interval")
	case "rise":
		d.int(c, &s.Rise, 1, 1<<31-1)
	case "fall":
		d.int(c, &s.Fall, 1, 1<<31-1)
	case "weight":
		d.weight(c, maxWeight-1, &s.Weight, &s.Reverse)
	case "init_fail":
		s.InitFail = d.flag(c)
	}
}

// period takes seconds, of which a vrrp_script of keepalived's has whole ones.
func (d *decoder) period(s *Script, c *node, to *time.Duration, effect string) {
	v, ok := d.timer(c, 10*time.Millisecond, 4294*time.Second, effect)
	if !ok {
		return
	}
	if w := c.words[1]; !s.own && v%time.Second != 0 {
		if d.opt.Compat {
			d.drop(w.pos, "", effect, "%s %s of a vrrp_script is no whole number", c.keyword(), w.s)
			return
		}
		d.diags.Warnf(w.pos, "", "%s %s: keepalived 2.2 takes whole seconds here and %s, vipd takes the fraction", c.keyword(), w.s, effect)
	}
	*to = v
}

// script decodes a vrrp_script.
func (d *decoder) script(n *node) {
	s := d.newScript(n)
	if s == nil {
		return
	}
	user, userPos := User{}, diag.Pos{}
	d.once(n, nil)
	for _, c := range n.children {
		if !d.shaped("vrrp_script", c) {
			continue
		}
		switch c.keyword() {
		case "script":
			d.scriptLine(s, c)
		case "user":
			if len(c.words) < 2 {
				d.word(c)
				continue
			}
			user.Name, userPos = c.words[1].s, c.words[1].pos
			if len(c.words) > 2 {
				user.Group = c.words[2].s
			}
			d.noMore(c, 3)
		default:
			d.repeat(s, c)
		}
	}
	if s.Command == nil && !s.refused {
		d.drop(n.last(), `script "PROGRAM ARGUMENT …"`, "leaves it out", "vrrp_script %s runs nothing", s.Name)
	}
	if s.Command != nil {
		s.Command.User, s.Command.userPos = user, userPos
	}
	d.finishScript(s)
}

// scriptLine reads script. keepalived takes the first word alone and forgets
// the others.
func (d *decoder) scriptLine(s *Script, c *node) {
	ws := scriptWords(c.text, true)
	if len(ws) < 2 || ws[1].s == "" {
		s.refused = true
		d.diags.Errorf(c.pos(), "the program to run", "script without a value")
		return
	}
	cmd, ok := d.argv(ws[1])
	if !ok {
		s.refused = true
		return
	}
	s.Command = cmd
	if len(ws) > 2 {
		d.drop(ws[2].pos, `the whole command in double quotes`, "runs it without them", "the arguments behind %s are not part of the command", ws[1].s)
	}
}

func (d *decoder) finishScript(s *Script) {
	if s.Timeout == 0 {
		s.Timeout = s.Interval
	}
}

// probe decodes a vrrp_probe, which is vipd's own.
func (d *decoder) probe(n *node) {
	s := d.newScript(n)
	if s == nil {
		return
	}
	d.once(n, map[string]bool{"tcp": true, "http": true})
	for _, c := range n.children {
		if !d.shaped("vrrp_probe", c) {
			continue
		}
		switch c.keyword() {
		case "tcp", "http":
			if s.refused || s.Probe.Kind != ProbeNone {
				d.diags.Errorf(c.pos(), "a vrrp_probe for each", "a second target in vrrp_probe %s", s.Name)
				continue
			}
			d.probeTarget(s, c)
			s.refused = s.Probe.Kind == ProbeNone
		default:
			d.repeat(s, c)
		}
	}
	if s.Probe.Kind == ProbeNone && !s.refused {
		d.diags.Errorf(n.pos(), "tcp ADDRESS PORT or http URL", "vrrp_probe %s has no target", s.Name)
	}
	d.finishScript(s)
}

func (d *decoder) probeTarget(s *Script, c *node) {
	if c.keyword() == "http" {
		w, ok := d.word(c)
		if !ok {
			return
		}
		if !isURL(w.s) {
			d.diags.Errorf(w.pos, "http://127.0.0.1:80/healthz", "http %s is no URL", w.s)
			return
		}
		s.Probe = Probe{ProbeHTTP, w.s}
		return
	}
	if len(c.words) < 3 {
		d.diags.Errorf(c.pos(), "tcp 127.0.0.1 80", "tcp needs an address and a port")
		return
	}
	d.noMore(c, 3)
	a, err := netip.ParseAddr(c.words[1].s)
	if err != nil {
		d.diags.Errorf(c.words[1].pos, "an address such as 127.0.0.1", "tcp %s is no IP address", c.words[1].s)
		return
	}
	if port, ok := d.numberWord("port", c.words[2], 1, 65535, "passes over it"); ok {
		s.Probe = Probe{ProbeTCP, netip.AddrPortFrom(a, uint16(port)).String()}
	}
}
