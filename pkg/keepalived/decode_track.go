package keepalived

import (
	"strconv"
	"strings"
	"time"
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
