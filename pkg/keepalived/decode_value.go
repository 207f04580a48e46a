package keepalived

import (
	"net/netip"
	"strings"
	"time"
)

// word returns the only argument of a line. More than one is told; none is an
// error, since keepalived refuses the whole file for it.
func (d *decoder) word(n *node) (word, bool) {
	if len(n.words) < 2 {
		d.missing(n)
		return word{}, false
	}
	d.noMore(n, 2)
	return n.words[1], true
}

// forgiven are the words of global_defs that keepalived passes over where
// their value is missing; for others it refuses the whole file.
var forgiven = " router_id script_user default_interface vrrp_notify_fifo vrrp_notify_fifo_script notify_fifo notify_fifo_script " +
	"vrrp_priority vrrp_rt_priority kernel_rx_buf_size "

// missing tells of a line without its value.
func (d *decoder) missing(n *node) {
	effect := ""
	if strings.Contains(forgiven, " "+n.keyword()+" ") {
		effect = "passes over it"
	}
	d.drop(n.pos(), "", effect, "%s without a value", n.keyword())
}

// noMore warns about words from the one with index from on.
func (d *decoder) noMore(n *node, from int) {
	if len(n.words) <= from {
		return
	}
	w := n.words[from]
	for _, kind := range homes(w.s) {
		if vocabulary[kind].words[w.s].weighty {
			d.drop(w.pos, "a line of its own", "passes over it", "%s on the line of %s", w.s, n.keyword())
			return
		}
	}
	d.diags.Warnf(w.pos, "", "more values than %s takes, ignored", n.keyword())
}

// flag takes a line without a value. One that is meant to turn the thing off
// is what keepalived passes over: the word alone counts.
func (d *decoder) flag(n *node) bool {
	if len(n.words) > 1 {
		switch w := n.words[1]; strings.ToLower(w.s) {
		case "off", "false", "no", "0":
			d.drop(w.pos, "remove the line", "takes it for "+n.keyword(), "%s takes no value: %s %s means %s", n.keyword(), n.keyword(), w.s, n.keyword())
			return true
		}
	}
	d.noMore(n, 1)
	return true
}

// boolean takes a line whose value may be left out for yes. ok is false if
// the value is not one.
func (d *decoder) boolean(n *node) (value, ok bool) {
	if len(n.words) < 2 {
		return true, true
	}
	d.noMore(n, 2)
	w := n.words[1]
	lower := strings.ToLower(w.s)
	switch lower {
	case "on", "true", "yes":
		value = true
	case "off", "false", "no":
	default:
		d.drop(w.pos, "on or off", "passes over it", "%s %s is no yes or no", n.keyword(), w.s)
		return false, false
	}
	return value, d.letterCase(w, lower, "passes over it")
}

// letterCase tells if a value is right but for its letter case, which
// keepalived does not understand; effect is what it does then. It reports
// whether the value counts: with Compat it does not.
func (d *decoder) letterCase(w word, want, effect string) bool {
	if strings.HasSuffix(effect, " "+want) { // it comes to the same
		effect = ""
	}
	switch {
	case w.s == want:
		return true
	case d.opt.Compat && effect != "":
		d.drop(w.pos, "", effect, "%s in the wrong letter case", w.s)
		return false
	case effect != "":
		d.diags.Warnf(w.pos, want, "%s in the wrong letter case, read as %s: keepalived %s", w.s, want, effect)
	default:
		d.diags.Warnf(w.pos, want, "%s in the wrong letter case, read as %s", w.s, want)
	}
	return true
}

// choice returns which of the values a line has, whatever its letter case.
func (d *decoder) choice(n *node, effect string, values ...string) (string, bool) {
	w, ok := d.word(n)
	if !ok {
		return "", false
	}
	for _, v := range values {
		if strings.EqualFold(v, w.s) {
			return v, d.letterCase(w, v, effect)
		}
	}
	d.drop(w.pos, strings.Join(values, " or "), effect, "unknown %s %s", n.keyword(), w.s)
	return "", false
}

// number takes a line with a whole number from lo to hi. Out of range or no
// number at all is an error; effect is what keepalived does then.
func (d *decoder) number(n *node, lo, hi int64, effect string) (int64, bool) {
	w, ok := d.word(n)
	if !ok {
		return 0, false
	}
	return d.numberWord(n.keyword(), w, lo, hi, effect)
}

func (d *decoder) numberWord(what string, w word, lo, hi int64, effect string) (int64, bool) {
	v, err := parseInt(w.s)
	if err != nil {
		d.drop(w.pos, rangeText(lo, hi), effect, "%s %s is no number", what, w.s)
		return 0, false
	}
	if v < lo || v > hi {
		d.drop(w.pos, rangeText(lo, hi), effect, "%s %s is out of range", what, w.s)
		return 0, false
	}
	return v, true
}

// timer takes a line with seconds, which may have a fraction.
func (d *decoder) timer(n *node, lo, hi time.Duration, effect string) (time.Duration, bool) {
	w, ok := d.word(n)
	if !ok {
		return 0, false
	}
	return d.timerWord(n.keyword(), w, lo, hi, effect)
}

func (d *decoder) timerWord(what string, w word, lo, hi time.Duration, effect string) (time.Duration, bool) {
	v, err := parseSeconds(w.s)
	if err != nil {
		d.drop(w.pos, "seconds, such as 1 or 0.5", effect, "%s %s is no number of seconds", what, w.s)
		return 0, false
	}
	if v < lo || v > hi {
		d.drop(w.pos, seconds(lo)+" to "+seconds(hi), effect, "%s %s is out of range", what, w.s)
		return 0, false
	}
	return v, true
}

// addr takes a line with one address without a length.
func (d *decoder) addr(n *node, effect string) (netip.Addr, bool) {
	w, ok := d.word(n)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(w.s)
	if err != nil {
		d.drop(w.pos, "an address such as 192.0.2.1", effect, "%s %s is no IP address", n.keyword(), w.s)
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// needsName are the blocks without whose name keepalived refuses the file.
var needsName = map[string]bool{"vrrp_script": true, "vrrp_track_process": true, "track_file": true, "vrrp_track_file": true}

// name returns the name of a block, which must be the only word behind its
// keyword. Without one the block is an error that keepalived skips.
func (d *decoder) name(n *node) (word, bool) {
	if len(n.words) != 2 {
		pos := n.pos()
		if len(n.words) > 2 {
			pos = n.words[2].pos
		}
		effect := "skips the block"
		if len(n.words) == 1 && needsName[n.keyword()] {
			effect = "" // keepalived does not start
		}
		d.drop(pos, n.keyword()+" NAME {", effect, "%s must have one name", n.keyword())
		return word{}, false
	}
	return n.words[1], true
}
