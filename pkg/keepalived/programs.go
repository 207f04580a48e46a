package keepalived

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// use is a command and what it is for.
type use struct {
	cmd   *Command
	what  string // "the script of vrrp_script chk"
	track bool   // something is tracked by it
	idle  bool   // nothing runs it
}

// uses returns every command of a configuration in a fixed order.
func (c *Config) uses() []use {
	var out []use
	add := func(cmd *Command, what string) {
		if cmd != nil {
			out = append(out, use{cmd: cmd, what: what})
		}
	}
	tracked := c.trackedScripts()
	for _, s := range c.Scripts {
		if s.Command != nil {
			out = append(out, use{cmd: s.Command, what: "vrrp_script " + s.Name, track: true, idle: !tracked[s.Name]})
		}
	}
	notify := func(n Notify, name string) {
		add(n.Master, "notify_master of "+name)
		add(n.Backup, "notify_backup of "+name)
		add(n.Fault, "notify_fault of "+name)
		add(n.Stop, "notify_stop of "+name)
		add(n.Deleted, "notify_deleted of "+name)
		add(n.Any, "notify of "+name)
		add(n.MasterRxLower, "notify_master_rx_lower_pri of "+name)
	}
	for _, v := range c.Instances {
		notify(v.Notify, v.Name)
		for _, f := range v.FloatingIPs {
			add(f.Observe, "observe of floating_ip "+f.Address.String())
			add(f.Claim, "claim of floating_ip "+f.Address.String())
			add(f.Confirm, "confirm of floating_ip "+f.Address.String())
		}
	}
	for _, g := range c.Groups {
		notify(g.Notify, g.Name)
	}
	add(c.Global.NotifyFIFO.Script, "notify_fifo_script")
	add(c.Global.VRRPNotifyFIFO.Script, "vrrp_notify_fifo_script")
	return out
}

func (c *Config) trackedScripts() map[string]bool {
	out := map[string]bool{}
	for _, v := range c.Instances {
		for _, t := range v.Track.Scripts {
			out[t.Name] = true
		}
	}
	for _, g := range c.Groups {
		for _, t := range g.Track.Scripts {
			out[t.Name] = true
		}
	}
	return out
}

// Programs returns the programs that the configuration runs, as written, each
// once.
func (c *Config) Programs() []string {
	var out []string
	for _, u := range c.uses() {
		if !slices.Contains(out, u.cmd.Argv[0]) {
			out = append(out, u.cmd.Argv[0])
		}
	}
	return out
}

// UserNames returns the users and groups that the configuration names, and
// [DefaultScriptUser], each once.
func (c *Config) UserNames() (users, groups []string) {
	add := func(u User) {
		if u.Name != "" && !slices.Contains(users, u.Name) {
			users = append(users, u.Name)
		}
		if u.Group != "" && !slices.Contains(groups, u.Group) {
			groups = append(groups, u.Group)
		}
	}
	add(User{Name: DefaultScriptUser})
	add(c.Global.ScriptUser)
	add(c.Global.NotifyFIFO.User)
	add(c.Global.VRRPNotifyFIFO.User)
	for _, u := range c.uses() {
		add(u.cmd.User)
	}
	return users, groups
}

// commands checks every program and the user that it would run as.
func (m *machine) commands() {
	uses := m.cfg.uses()
	var asRoot diag.Pos // of the first
	for _, u := range uses {
		m.program(u)
		m.user(u)
		if asRoot == (diag.Pos{}) && !u.idle && m.runsAsRoot(u.cmd.User) {
			asRoot = u.cmd.Pos
		}
	}
	if name := m.cfg.Global.ScriptUser.Name; name != "" && m.unknownUser(name) {
		m.drop(m.cfg.Global.scriptUserPos, "a user of this machine", "runs no script that names no user of its own", "script_user %s: there is no such user", name)
		m.withoutUser(uses)
		return
	}
	if group := m.cfg.Global.ScriptUser.Group; group != "" {
		if known, asked := m.facts.Groups[group]; asked && !known {
			m.drop(m.cfg.Global.scriptUserPos, "a group of this machine", "runs no script that names no user of its own", "script_user: there is no group %s", group)
			m.withoutUser(uses)
			return
		}
	}
	if asRoot != (diag.Pos{}) && m.cfg.Global.ScriptUser.Name == "" {
		m.diags.Warnf(asRoot, "a user "+DefaultScriptUser+", or script_user in global_defs", "scripts run as root")
	}
}

// withoutUser leaves out the commands that would run as the script_user, who
// does not exist.
func (m *machine) withoutUser(uses []use) {
	for _, u := range uses {
		if u.cmd.User.Name == "" {
			m.gone[u.cmd.Pos] = true
			m.untracked(u.cmd)
		}
	}
	for _, s := range m.cfg.Scripts {
		if s.Command != nil && s.Command.User.Name == "" {
			m.drop(s.end, "see script_user", "leaves it out", "vrrp_script %s has no user to run as", s.Name)
		}
	}
}

func (m *machine) unknownUser(name string) bool {
	known, asked := m.facts.Users[name]
	return asked && !known
}

// runsAsRoot reports whether a command with this user would run as root.
func (m *machine) runsAsRoot(u User) bool {
	if !m.facts.Root {
		return false
	}
	if u.Name == "" {
		u = m.cfg.Global.ScriptUser
	}
	if u.Name != "" {
		return u.Name == "root"
	}
	return !m.facts.Users[DefaultScriptUser]
}

// program tells of a command that cannot run. One that nothing runs gets a
// warning only.
func (m *machine) program(u use) {
	p, asked := m.facts.Programs[u.cmd.Argv[0]]
	if !asked {
		return
	}
	effect := "does not run it"
	if u.track {
		effect = "goes on without tracking it"
	}
	tell := func(right, format string, args ...any) {
		if u.idle {
			m.diags.Warnf(u.cmd.Pos, right, format, args...)
			return
		}
		m.drop(u.cmd.Pos, right, effect, format, args...)
		m.untracked(u.cmd)
	}
	name := u.cmd.Argv[0]
	switch {
	case p.Path == "":
		tell("the path of a program", "there is no program %s for %s", name, u.what)
	case p.Dir:
		tell("the path of a program", "%s for %s is a directory", name, u.what)
	case !p.Executable:
		tell("chmod +x "+p.Path, "%s for %s is not executable", name, u.what)
	case p.Writable != "" && m.runsAsRoot(u.cmd.User):
		if m.cfg.Global.ScriptSecurity {
			tell("a path that root alone may write", "%s runs as root, and others may write %s: enable_script_security forbids it", name, p.Writable)
			return
		}
		m.diags.Warnf(u.cmd.Pos, "a path that root alone may write", "%s runs as root, and others may write %s: whoever does is root", name, p.Writable)
	}
}

// user tells of a user that does not exist. Behind a script it is mostly an
// argument that was meant for the script.
func (m *machine) user(u use) {
	name, group := u.cmd.User.Name, u.cmd.User.Group
	pos, right := u.cmd.Pos, `if it is an argument, the whole command in double quotes: "`+trimmed(append(slices.Clone(u.cmd.Argv), name))+`"`
	if u.cmd.userPos.Line > 0 {
		pos, right = u.cmd.userPos, "a user of this machine"
	}
	known, asked := m.facts.Groups[group]
	effect := "does not run it"
	if u.track {
		effect = "goes on without tracking it"
	}
	wrong := true
	switch {
	case m.unknownUser(name):
		m.drop(pos, right, effect, "there is no user %s to run %s", name, u.what)
	case group != "" && asked && !known:
		m.drop(pos, "a group of this machine", effect, "there is no group %s to run %s", group, u.what)
	default:
		wrong = false
	}
	if wrong {
		m.untracked(u.cmd)
	}
}
