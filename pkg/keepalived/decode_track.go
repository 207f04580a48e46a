package keepalived

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// maxWeight is the largest weight of anything but a file: a priority can move
// from 1 to 254.
const maxWeight = 254

// tracks decodes the entries of a track_… block: NAME [weight N [reverse]].
func (d *decoder) tracks(to *Tracks, n *node) {
	kind := strings.TrimPrefix(n.keyword(), "track_")
	slot := map[string]*[]Track{"interface": &to.Interfaces, "script": &to.Scripts, "process": &to.Processes, "file": &to.Files}[kind]
	for _, c := range n.children {
		d.noBlock(c)
		t := Track{Name: c.words[0].s, Pos: c.pos()}
		if kind == "interface" && !d.ifnameWord(c.words[0]) {
			continue
		}
		d.trackOptions(&t, c, kind)
		if again(*slot, t.Name) {
			d.drop(t.Pos, "one line for each", "keeps the first", "%s %s is tracked twice", kind, t.Name)
			continue
		}
		*slot = append(*slot, t)
	}
}

func again(ts []Track, name string) bool {
	for _, t := range ts {
		if t.Name == name {
			return true
		}
	}
	return false
}

func (d *decoder) trackOptions(t *Track, c *node, kind string) {
	limit := int64(maxWeight)
	if kind == "file" {
		limit = 1<<31 - 1
	}
	args := c.args()
	for i := 0; i < len(args); i++ {
		switch args[i].s {
		case "weight":
			if i++; i == len(args) {
				d.drop(args[i-1].pos, "weight "+rangeText(-limit, limit), "passes over it", "weight without a value")
				return
			}
			if w, ok := d.numberWord("weight", args[i], -limit, limit, "passes over it"); ok {
				t.Weight, t.weightSet = int(w), true
			}
		case "reverse":
			t.Reverse, t.weightSet = true, true
		case "noreverse", "no_reverse":
			t.Reverse, t.weightSet = false, true
		default:
			right := "weight, reverse or noreverse"
			if len(args) == 1 && i == 0 {
				right = "weight " + args[i].s + ", or one name a line"
			}
			d.drop(args[i].pos, right, "passes over it", "unknown option %s of a tracked %s", args[i].s, kind)
			return
		}
	}
}

// weight takes the line weight N [reverse] of a script, process or file.
func (d *decoder) weight(n *node, limit int64, weight *int, reverse *bool) {
	if len(n.words) < 2 {
		d.word(n)
		return
	}
	w, ok := d.numberWord("weight", n.words[1], -limit, limit, useDefault)
	if ok {
		*weight = int(w)
	}
	switch {
	case len(n.words) > 2 && n.words[2].s == "reverse":
		*reverse = true
	case len(n.words) > 2:
		d.drop(n.words[2].pos, "reverse", "passes over it", "unknown option %s of weight", n.words[2].s)
	}
	d.noMore(n, 3)
}

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
	s := &Script{Name: name.s, Interval: time.Second, Rise: 1, Fall: 1, Pos: name.pos, own: n.keyword() == "vrrp_probe"}
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

// process decodes a vrrp_track_process.
func (d *decoder) process(n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	if old := d.cfg.Process(name.s); old != nil {
		d.drop(name.pos, "another name", "skips the second block", "vrrp_track_process %s is already defined at line %d", name.s, old.Pos.Line)
		return
	}
	p := &Process{Name: name.s, Quorum: 1, QuorumMax: -1, Weight: 1, Pos: name.pos}
	d.once(n, nil)
	for _, c := range n.children {
		if d.shaped("vrrp_track_process", c) {
			d.processLine(p, c)
		}
	}
	if len(p.Args) == 0 {
		d.drop(n.last(), "process NAME", "leaves it out", "vrrp_track_process %s names no process", p.Name)
	}
	if p.QuorumMax > 0 && p.QuorumMax < p.Quorum {
		pos := name.pos
		for _, c := range n.children {
			if c.keyword() == "quorum_max" {
				pos = c.pos()
			}
		}
		d.drop(pos, "quorum not above quorum_max", "passes over it", "vrrp_track_process %s can never be up: more than %d processes wanted, and at most %d", p.Name, p.Quorum-1, p.QuorumMax)
		p.QuorumMax = -1
	}
	if p.QuorumMax == 0 {
		p.Quorum = 0
	}
	d.cfg.Processes = append(d.cfg.Processes, p)
}

func (d *decoder) processLine(p *Process, c *node) {
	const longest = time.Hour
	switch c.keyword() {
	case "process":
		for _, w := range scriptWords(c.text, true)[1:] {
			p.Args = append(p.Args, w.s)
		}
		if len(p.Args) == 0 {
			d.word(c)
		}
	case "param_match":
		p.ParamMatch = "exact"
		if len(c.words) > 1 {
			p.ParamMatch, _ = d.choice(c, "passes over it", "initial", "partial")
		}
	case "weight":
		d.weight(c, maxWeight, &p.Weight, &p.Reverse)
	case "quorum":
		d.int(c, &p.Quorum, 1, 65535)
	case "quorum_max":
		d.int(c, &p.QuorumMax, 0, 65535)
	case "delay":
		d.duration(c, &p.ForkDelay, 0, longest)
		p.TerminateDelay = p.ForkDelay
	case "fork_delay":
		d.duration(c, &p.ForkDelay, 0, longest)
	case "terminate_delay":
		d.duration(c, &p.TerminateDelay, 0, longest)
	case "full_command":
		p.FullCommand = d.flag(c)
	}
}

// trackFile decodes a track_file.
func (d *decoder) trackFile(n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	if old := d.cfg.TrackFile(name.s); old != nil {
		d.drop(name.pos, "another name", "skips the second block", "track_file %s is already defined at line %d", name.s, old.Pos.Line)
		return
	}
	f := &TrackFile{Name: name.s, Weight: 1, Pos: name.pos}
	d.once(n, nil)
	for _, c := range n.children {
		if !d.shaped("track_file", c) {
			continue
		}
		switch c.keyword() {
		case "file":
			d.text(c, &f.Path)
			f.pathPos = c.pos()
			if len(c.words) > 1 {
				f.pathPos = c.words[1].pos
			}
		case "weight":
			d.weight(c, 1<<31-1, &f.Weight, &f.Reverse)
		case "init_file":
			d.initFile(f, c)
		}
	}
	if f.Path == "" {
		d.drop(n.last(), "file PATH", "leaves it out", "track_file %s names no file", f.Name)
	}
	d.cfg.TrackFiles = append(d.cfg.TrackFiles, f)
}

func (d *decoder) initFile(f *TrackFile, c *node) {
	f.Init = true
	for _, w := range c.args() {
		if w.s == "overwrite" {
			f.Overwrite = true
			continue
		}
		v, err := strconv.ParseInt(w.s, 10, 32)
		if err != nil {
			d.drop(w.pos, "[NUMBER] [overwrite]", "passes over it", "unknown option %s of init_file", w.s)
			continue
		}
		f.InitValue = int(v)
	}
}
