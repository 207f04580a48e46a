package vrrp

import (
	"fmt"
	"strings"
)

// Tracker is something whose state moves the priority or makes the instance
// unfit: a script, a process, a file, an interface, a probe.
type Tracker struct {
	Kind string // "script", "process", "file", "interface", "probe": for messages, and part of the key
	Name string
	// Weight: positive is added while up, negative while down, zero makes the
	// instance FAULT while down. -254 to 254.
	Weight int
	// Reverse turns the direction around, as keepalived does: a weight is
	// subtracted where it would be added, and weight zero is a fault while up.
	Reverse bool
	// PerValue multiplies Weight by the value that a file holds, instead; with
	// weight 0 any value but 0 is a fault (track_file).
	PerValue bool
}

// tracked is the state of one Tracker.
type tracked struct {
	known bool
	up    bool
	value int
	text  string // what was found
}

// delta returns what t in state s adds to the priority.
func (t *Tracker) delta(s tracked) int {
	if !s.known {
		return 0
	}
	if t.PerValue {
		return min(max(t.sign()*t.Weight*s.value, -254), 254)
	}
	if s.up == (t.Weight > 0) {
		return t.sign() * t.Weight
	}
	return 0
}

// fault reports whether t in state s makes the instance unfit.
func (t *Tracker) fault(s tracked) bool {
	switch {
	case !s.known:
		return false
	case t.PerValue:
		// keepalived: the lowest value there is means fault whatever the weight.
		return t.Weight == 0 && s.value != 0 || t.sign()*t.Weight*s.value <= -254
	}
	return t.Weight == 0 && s.up == t.Reverse
}

func (t *Tracker) sign() int {
	if t.Reverse {
		return -1
	}
	return 1
}

func (t *Tracker) describe(s tracked) string {
	var text string
	switch {
	case !s.known:
		text = "not known yet"
	case t.PerValue:
		text = fmt.Sprintf("is %d", s.value)
	case s.up:
		text = "up"
	default:
		text = "down"
	}
	if s.text != "" {
		text += ": " + s.text
	}
	return fmt.Sprintf("%s %s %s", t.Kind, t.Name, text)
}

// EffectivePriority returns the priority that is advertised: base moved by the
// sum of all weights and kept within 1 to 254. An owner's 255 never moves, and
// nobody else ever gets there (RFC 9568, Section 5.2.4).
func EffectivePriority(base uint8, sum int) uint8 {
	if base == PriorityOwner {
		return PriorityOwner
	}
	return uint8(min(max(int(base)+sum, 1), 254))
}

// effective returns the priority that follows from what is known now. A
// drained node has the lowest, for the case that it must help out.
func (r *Router) effective() uint8 {
	if r.drained {
		return 1
	}
	sum := 0
	for i := range r.cfg.Trackers {
		sum += r.cfg.Trackers[i].delta(r.tracked[i])
	}
	return EffectivePriority(r.cfg.Priority, sum)
}

// Contribution is one part of an effective priority.
type Contribution struct {
	Kind, Name string
	Known, Up  bool
	Value      int // PerValue trackers
	Weight     int // as configured
	Delta      int // what it adds now
	Fault      bool
}

// Contributions returns how the effective priority came about, one entry per
// tracked thing in configured order.
func (r *Router) Contributions() []Contribution {
	list := make([]Contribution, len(r.cfg.Trackers))
	for i := range r.cfg.Trackers {
		t, s := &r.cfg.Trackers[i], r.tracked[i]
		list[i] = Contribution{t.Kind, t.Name, s.known, s.up, s.value, t.Weight, t.delta(s), t.fault(s)}
	}
	return list
}

// priorityText explains the effective priority: "102 = 100 + 2 (script chk)".
func (r *Router) priorityText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", r.priority)
	if r.drained {
		return b.String() + " (drained)"
	}
	if r.priority == r.cfg.Priority {
		return b.String()
	}
	fmt.Fprintf(&b, " = %d", r.cfg.Priority)
	for i := range r.cfg.Trackers {
		t := &r.cfg.Trackers[i]
		if d := t.delta(r.tracked[i]); d != 0 {
			fmt.Fprintf(&b, " %+d (%s)", d, t.describe(r.tracked[i]))
		}
	}
	return b.String()
}
