package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Describe says in one plain sentence for each instance what will happen, as
// notes at the places of the instances.
func Describe(cfg *Config) diag.List {
	var l diag.List
	for _, v := range cfg.Instances {
		l.Notef(v.Pos, "%s", v.sentence(cfg))
	}
	return l
}

// sentence describes an instance.
func (v *Instance) sentence(cfg *Config) string {
	parts := []string{v.starts()}
	parts = append(parts, v.takes())
	parts = append(parts, v.preempts())
	t := v.Track
	if g := cfg.group(v.SyncGroup); g != nil {
		parts = append(parts, "changes state together with "+list(without(g.Members, v.Name)))
		t = t.with(g.Track)
	}
	parts = append(parts, v.follows(t)...)
	for _, f := range v.FloatingIPs {
		parts = append(parts, fmt.Sprintf("while it is master, the floating address %s is kept here through %s, looked at every %s", f.Address, f.Provider, about(f.Interval)))
	}
	return v.Name + ": " + strings.Join(nonEmpty(parts), "; ")
}

// starts says how the instance begins. State MASTER alone changes nothing:
// only the owner does not wait (RFC 9568, Section 6.4.1).
func (v *Instance) starts() string {
	state := Backup
	if v.Priority == Owner {
		state = Master
	}
	s := fmt.Sprintf("starts as %s with priority %d", state, v.Priority)
	if v.Interface != "" {
		s += " on " + v.Interface
	}
	if v.State == Master && state == Backup {
		s += " (state MASTER waits like any other unless the priority is 255)"
	}
	return s
}

// takes says what the instance does when it becomes master, and when.
func (v *Instance) takes() string {
	what := "becomes master"
	if addrs := v.addressWords(); addrs != "" {
		what = "takes " + addrs
	}
	if v.Priority == Owner {
		return what + " at once, being the owner (255)"
	}
	return fmt.Sprintf("%s about %s after the master falls silent", what, about(v.MasterDown(v.Priority)))
}

// addressWords names the addresses, or counts them.
func (v *Instance) addressWords() string {
	var all []string
	for _, a := range held(v) {
		if s := a.Addr().String(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if len(all) > 4 {
		return fmt.Sprintf("%d addresses (%s, …)", len(all), strings.Join(all[:2], ", "))
	}
	return list(all)
}

func (v *Instance) preempts() string {
	switch {
	case v.Priority == Owner:
		return ""
	case v.NoPreempt:
		return "never preempts"
	case v.PreemptDelay > 0:
		return fmt.Sprintf("takes over from a master of lower priority %s after it first hears it", about(v.PreemptDelay))
	}
	return "takes over from any master of lower priority"
}

// follows says what tracked things do.
func (v *Instance) follows(t Tracks) []string {
	var fault, out []string
	for _, k := range t.all() {
		switch {
		case k.Weight == 0 && !k.Reverse:
			fault = append(fault, k.Name)
		case k.Weight == 0:
			out = append(out, "a passing "+k.Name+" makes it leave at once (reverse)")
		default:
			out = append(out, v.weightWords(k))
		}
	}
	switch len(fault) {
	case 0:
	case 1:
		out = append([]string{"a failing " + fault[0] + " makes it leave at once"}, out...)
	default:
		out = append([]string{"any failing of " + list(fault) + " makes it leave at once"}, out...)
	}
	return out
}

// weightWords says between which priorities a tracked thing moves the
// instance.
func (v *Instance) weightWords(t Track) string {
	if t.file {
		return fmt.Sprintf("the number in %s, times %d, is added to the priority", t.Name, signed(t))
	}
	up, down := v.priorityWith(t, true), v.priorityWith(t, false)
	return fmt.Sprintf("priority %d while %s passes, %d while it fails", up, t.Name, down)
}

func signed(t Track) int {
	if t.Reverse {
		return -t.Weight
	}
	return t.Weight
}

// priorityWith returns the effective priority with one tracked thing up or
// down and no other.
func (v *Instance) priorityWith(t Track, up bool) int {
	return clamp(int(v.Priority) + t.delta(up))
}

// delta returns what a tracked thing adds to the priority: a positive weight
// counts while it is up, a negative one while it is down; reverse changes the
// sign.
func (t Track) delta(up bool) int {
	if t.file || (t.Weight > 0) != up {
		return 0
	}
	return signed(t)
}

// clamp keeps a priority within what tracking can reach.
func clamp(p int) int { return min(254, max(1, p)) }

// all returns the tracked things in the order of the kinds.
func (t Tracks) all() []Track {
	var out []Track
	out = append(out, t.Interfaces...)
	out = append(out, t.Scripts...)
	out = append(out, t.Processes...)
	for _, f := range t.Files {
		f.file = true
		out = append(out, f)
	}
	return out
}

// with returns t and u together.
func (t Tracks) with(u Tracks) Tracks {
	return Tracks{
		Interfaces: append(t.Interfaces[:len(t.Interfaces):len(t.Interfaces)], u.Interfaces...),
		Scripts:    append(t.Scripts[:len(t.Scripts):len(t.Scripts)], u.Scripts...),
		Processes:  append(t.Processes[:len(t.Processes):len(t.Processes)], u.Processes...),
		Files:      append(t.Files[:len(t.Files):len(t.Files)], u.Files...),
	}
}

func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

func nonEmpty(parts []string) []string {
	out := parts[:0]
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
