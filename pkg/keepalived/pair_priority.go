package keepalived

import (
	"fmt"
	"strings"
)

// side is one side of a pair.
type side struct {
	cfg *Config
	v   *Instance
	t   Tracks // its own and its group's
}

func newSide(c *Config, v *Instance) side {
	s := side{cfg: c, v: v, t: v.Track}
	if g := c.group(v.SyncGroup); g != nil {
		s.t = s.t.with(g.Track)
	}
	return s
}

// healthy returns the priority with everything up.
func (s side) healthy() int { return s.priority("") }

// priority returns the priority with everything up but the thing called
// failed.
func (s side) priority(failed string) int {
	if s.v.Priority == Owner {
		return Owner
	}
	p := int(s.v.Priority)
	for _, t := range s.t.all() {
		p += t.delta(t.Name != failed)
	}
	return clamp(p)
}

// priorities tells who is master while both run, and what happens when
// something tracked fails there.
func (p *pairing) priorities(v, w *Instance) {
	hi, lo := newSide(p.a, v), newSide(p.b, w)
	p.missing(hi, lo)
	p.missing(lo, hi)
	pos, other := v.at("priority"), p.b.Path
	switch {
	case v.Priority == Owner && w.Priority == Owner:
		p.diags.Errorf(pos, "255 on one node at most", "priority 255 on both nodes: both would be master")
		return
	case hi.healthy() == lo.healthy():
		p.equal(hi, lo)
		return
	case hi.healthy() < lo.healthy():
		hi, lo = lo, hi
	}
	if v.State == Master && w.State == Master {
		p.diags.Warnf(v.at("state"), "state BACKUP on both; the priority decides", "state MASTER here and in %s", other)
	}
	said := fmt.Sprintf("%s is master while both run (priority %d against %d)", hi.cfg.Path, hi.healthy(), lo.healthy())
	if hi.v.NoPreempt {
		said = fmt.Sprintf("whoever is master stays so, since %s does not preempt (priority %d against %d)", hi.cfg.Path, hi.healthy(), lo.healthy())
	}
	p.diags.Notef(v.Pos, "%s: %s; %s takes over about %s after it falls silent", v.Name, said, lo.cfg.Path, about(lo.v.MasterDown(uint8(lo.healthy()))))
	p.failures(hi, lo)
	if hi.v.NoPreempt {
		p.failures(lo, hi)
	}
}

// equal says what equal priorities come to.
func (p *pairing) equal(x, y side) {
	v, w := x.v, y.v
	if v.NoPreempt && w.NoPreempt {
		p.diags.Notef(v.Pos, "%s: equal priorities %d and nopreempt on both: whoever is master stays so", v.Name, x.healthy())
	} else {
		p.diags.Warnf(v.at("priority"), "different ones, or nopreempt on both", "priority %d on both nodes: whoever starts first is master and stays so, and of two that start together the one with the higher address", x.healthy())
	}
	p.failures(x, y)
	p.failures(y, x)
}

// failures tells of a tracked thing whose failure on the master m does not
// move the address to b: its weight is too small, or b never preempts.
func (p *pairing) failures(m, b side) {
	for _, t := range m.t.all() {
		if t.Weight == 0 || t.file {
			continue
		}
		low := m.priority(t.Name)
		switch {
		case low >= m.healthy():
			continue
		case low >= b.healthy():
			p.diags.Warnf(t.Pos, fmt.Sprintf("a weight of more than %d", m.healthy()-b.healthy()),
				"a failing %s does not move the address: the priority falls from %d to %d, not below the %d of %s", t.Name, m.healthy(), low, b.healthy(), b.cfg.Path)
		case b.v.NoPreempt:
			p.diags.Warnf(t.Pos, "weight 0, or no nopreempt in "+b.cfg.Path,
				"a failing %s does not move the address: the priority falls to %d, but %s never preempts", t.Name, low, b.cfg.Path)
		}
	}
}

// missing says which checks one node makes and the other does not.
func (p *pairing) missing(m, b side) {
	var names []string
	for _, t := range m.t.all() {
		found := false
		for _, u := range b.t.all() {
			found = found || u.Name == t.Name
		}
		if !found {
			names = append(names, t.Name)
		}
	}
	if len(names) > 0 && len(m.t.Interfaces) < len(m.t.all()) {
		p.diags.Notef(m.v.Pos, "%s: only %s tracks %s", m.v.Name, m.cfg.Path, strings.Join(names, ", "))
	}
}
