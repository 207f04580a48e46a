package keepalived

import "slices"

// leaveOut takes what has been told as left out from the configuration:
// addresses, routes and rules whose interface or table is not there, commands
// that cannot run, and scripts that are then not tracked.
func (m *machine) leaveOut() {
	c := m.cfg
	c.StaticAddresses = slices.DeleteFunc(c.StaticAddresses, func(a Address) bool { return m.gone[a.Pos] })
	c.StaticRoutes = slices.DeleteFunc(c.StaticRoutes, func(r Route) bool { return m.gone[r.Pos] })
	c.StaticRules = slices.DeleteFunc(c.StaticRules, func(r Rule) bool { return m.gone[r.Pos] })
	for _, v := range c.Instances {
		v.VIPs = slices.DeleteFunc(v.VIPs, func(a Address) bool { return m.gone[a.Pos] })
		v.Excluded = slices.DeleteFunc(v.Excluded, func(a Address) bool { return m.gone[a.Pos] })
		v.Routes = slices.DeleteFunc(v.Routes, func(r Route) bool { return m.gone[r.Pos] })
		v.Rules = slices.DeleteFunc(v.Rules, func(r Rule) bool { return m.gone[r.Pos] })
		m.untrack(&v.Track)
		m.unnotify(&v.Notify)
	}
	for _, g := range c.Groups {
		m.untrack(&g.Track)
		m.unnotify(&g.Notify)
	}
	for _, f := range []*FIFO{&c.Global.NotifyFIFO, &c.Global.VRRPNotifyFIFO} {
		if f.Script != nil && m.lost(f.Script) {
			f.Script = nil
		}
	}
}

// lost reports whether a command has been told as not run.
func (m *machine) lost(c *Command) bool {
	return m.gone[c.Pos] || c.userPos.Line > 0 && m.gone[c.userPos]
}

func (m *machine) untrack(t *Tracks) {
	t.Scripts = slices.DeleteFunc(t.Scripts, func(t Track) bool {
		s := m.cfg.Script(t.Name)
		return s != nil && s.Command != nil && m.lost(s.Command)
	})
}

func (m *machine) unnotify(n *Notify) {
	for _, c := range []**Command{&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Deleted, &n.Any, &n.MasterRxLower} {
		if *c != nil && m.lost(*c) {
			*c = nil
		}
	}
}

// untracked tells at each use of a script that it is not tracked.
func (m *machine) untracked(cmd *Command) {
	tell := func(ts []Track) {
		for _, t := range ts {
			if s := m.cfg.Script(t.Name); s != nil && s.Command == cmd {
				m.drop(t.Pos, "see its own line", "goes on without tracking it", "vrrp_script %s cannot be tracked", t.Name)
			}
		}
	}
	for _, v := range m.cfg.Instances {
		tell(v.Track.Scripts)
	}
	for _, g := range m.cfg.Groups {
		tell(g.Track.Scripts)
	}
}
