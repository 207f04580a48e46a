package keepalived

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// syncGroup decodes a vrrp_sync_group; its members are looked up later.
func (d *decoder) syncGroup(n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	for _, g := range d.cfg.Groups {
		if g.Name == name.s {
			d.drop(name.pos, "another name", "skips the second block", "vrrp_sync_group %s is already defined at line %d", name.s, g.Pos.Line)
			return
		}
	}
	g := &SyncGroup{Name: name.s, Pos: name.pos, NotifyPriority: d.cfg.Global.NotifyPriority}
	for _, c := range n.children {
		if !d.shaped("vrrp_sync_group", c) {
			continue
		}
		switch c.keyword() {
		case "group":
			d.members(g, c)
		case "track_interface", "track_script", "track_process", "track_file":
			d.tracks(&g.Track, c)
		case "global_tracking", "sync_group_tracking_weight":
			g.TrackingWeight = d.flag(c)
		case "notify_priority_changes":
			d.bool(c, &g.NotifyPriority)
		default:
			d.notify(&g.Notify, c)
		}
	}
	d.cfg.Groups = append(d.cfg.Groups, g)
}

func (d *decoder) members(g *SyncGroup, n *node) {
	for _, c := range n.children {
		d.noBlock(c)
		for _, w := range c.words {
			g.Members = append(g.Members, w.s)
			g.memberPos = append(g.memberPos, w.pos)
		}
	}
}

func (d *decoder) trackGroup(n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	g := TrackGroup{Name: name.s, Pos: name.pos}
	for _, c := range n.children {
		if !d.shaped("track_group", c) {
			continue
		}
		for _, m := range c.children {
			d.noBlock(m)
			for _, w := range m.words {
				g.Instances = append(g.Instances, w.s)
			}
		}
	}
	d.cfg.TrackGroups = append(d.cfg.TrackGroups, g)
}

func (d *decoder) garpGroup(n *node) {
	g := GarpGroup{Pos: n.pos()}
	for _, c := range n.children {
		if !d.shaped("garp_group", c) {
			continue
		}
		switch c.keyword() {
		case "garp_interval":
			d.pause(c, &g.GarpInterval)
		case "gna_interval":
			d.pause(c, &g.GNAInterval)
		case "interface":
			name := ""
			if d.ifname(c, &name); name != "" {
				d.garpMember(&g, c.words[1])
			}
		case "interfaces":
			for _, i := range c.children {
				for _, w := range i.words {
					if d.ifnameWord(w) {
						d.garpMember(&g, w)
					}
				}
			}
		}
	}
	switch {
	case len(g.Interfaces) == 0:
		d.diags.Warnf(n.last(), "interface NAME", "garp_group names no interface, ignored")
		return
	case g.GarpInterval == 0 && g.GNAInterval == 0:
		d.diags.Warnf(n.last(), "garp_interval SECONDS", "garp_group has no pause, ignored")
		return
	}
	d.cfg.GarpGroups = append(d.cfg.GarpGroups, g)
}

// garpMember takes an interface into a group, unless it is in one already.
func (d *decoder) garpMember(g *GarpGroup, w word) {
	for _, o := range append(d.cfg.GarpGroups, *g) {
		if slices.Contains(o.Interfaces, w.s) {
			d.diags.Warnf(w.pos, "one garp_group for each interface", "%s is already in a garp_group, ignored", w.s)
			return
		}
	}
	g.Interfaces = append(g.Interfaces, w.s)
	g.places = append(g.places, w.pos)
}

// interfaceDelays decodes interface_up_down_delays: NAME DOWN [UP].
func (d *decoder) interfaceDelays(n *node) {
	for _, c := range n.children {
		d.noBlock(c)
		if !d.ifnameWord(c.words[0]) {
			continue
		}
		if len(c.words) < 2 {
			d.drop(c.pos(), c.words[0].s+" SECONDS [SECONDS]", "passes over it", "no delay for %s", c.words[0].s)
			continue
		}
		i := InterfaceDelay{Interface: c.words[0].s, Pos: c.pos()}
		i.Down, _ = d.timerWord("delay", c.words[1], 0, 255*time.Second, "passes over it")
		i.Up = i.Down
		if len(c.words) > 2 {
			i.Up, _ = d.timerWord("delay", c.words[2], 0, 255*time.Second, "passes over it")
		}
		d.noMore(c, 3)
		d.cfg.InterfaceDelays = append(d.cfg.InterfaceDelays, i)
	}
}

// laterProviders are clouds that vipd is to know one day.
var laterProviders = []string{"aws", "gcp", "hetzner", "openstack", "vultr", "linode"}

// providerWords are the words of a floating_ip block by provider; those of ""
// hold for each.
var providerWords = map[string]string{
	"":             " address interval timeout ",
	"digitalocean": " token_file droplet_id api_url metadata_url ",
	"exec":         " observe claim confirm ",
}

// decodeFloatingIP reads a floating_ip block.
func decodeFloatingIP(d *decoder, v *Instance, n *node) {
	d.own(func(n *node) { d.floatingIP(v, n) }, n)
}

func (d *decoder) floatingIP(v *Instance, n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	f := FloatingIP{Provider: name.s, Interval: 5 * time.Second, Timeout: 10 * time.Second, Pos: n.pos()}
	own, ok := providerWords[f.Provider]
	if !ok || f.Provider == "" {
		right := "digitalocean or exec"
		for _, p := range laterProviders {
			if p == f.Provider {
				right = "exec with commands of your own until vipd knows this cloud"
			}
		}
		d.diags.Errorf(name.pos, right, "unknown provider %s", f.Provider)
		return
	}
	for _, c := range n.children {
		if !d.shaped("floating_ip", c) {
			continue
		}
		if k := " " + c.keyword() + " "; !strings.Contains(own+providerWords[""], k) {
			d.diags.Errorf(c.pos(), strings.Join(strings.Fields(providerWords[""]+own), ", "), "%s has no meaning for %s", c.keyword(), f.Provider)
			continue
		}
		d.floatingLine(&f, c)
	}
	d.finishFloating(v, f)
}

func (d *decoder) floatingLine(f *FloatingIP, c *node) {
	switch c.keyword() {
	case "address":
		f.Address, _ = d.addr(c, "")
	case "token_file":
		d.text(c, &f.TokenFile)
	case "droplet_id":
		if _, ok := d.number(c, 1, 1<<53, ""); ok {
			f.DropletID = c.words[1].s
		}
	case "interval":
		d.duration(c, &f.Interval, 100*time.Millisecond, time.Hour)
	case "timeout":
		d.duration(c, &f.Timeout, 100*time.Millisecond, time.Hour)
	case "api_url":
		d.url(c, &f.APIURL)
	case "metadata_url":
		d.url(c, &f.MetadataURL)
	case "observe":
		f.Observe = d.floatCommand(f, c)
	case "claim":
		f.Claim = d.floatCommand(f, c)
	case "confirm":
		f.Confirm = d.floatCommand(f, c)
	}
}

// floatCommand takes a command in quotes or as bare words; there is no user
// behind it.
func (d *decoder) floatCommand(f *FloatingIP, c *node) *Command {
	ws := scriptWords(c.text, true)
	var cmd *Command
	ok := true
	switch {
	case len(ws) < 2 || ws[1].s == "":
		d.diags.Errorf(c.pos(), "the program to run", "%s without a value", c.keyword())
		ok = false
	case len(ws) == 2:
		cmd, ok = d.argv(ws[1])
	default:
		cmd = &Command{Pos: ws[1].pos}
		for _, w := range ws[1:] {
			cmd.Argv = append(cmd.Argv, w.s)
		}
		ok = d.noShell(cmd)
	}
	if !ok {
		f.refused = true
		return nil
	}
	return cmd
}

func (d *decoder) url(c *node, to *string) {
	w, ok := d.word(c)
	if !ok {
		return
	}
	if !isURL(w.s) {
		d.diags.Errorf(w.pos, "https://HOST", "%s %s is no URL", c.keyword(), w.s)
		return
	}
	*to = w.s
}

func (d *decoder) finishFloating(v *Instance, f FloatingIP) {
	if !f.Address.IsValid() {
		d.diags.Errorf(f.Pos, "address ADDRESS", "floating_ip %s without an address", f.Provider)
		return
	}
	if f.Provider == "digitalocean" && f.TokenFile == "" {
		d.diags.Errorf(f.Pos, "token_file PATH", "floating_ip digitalocean without a token")
	}
	if f.Provider == "exec" && (f.Observe == nil || f.Claim == nil) && !f.refused {
		d.diags.Errorf(f.Pos, "observe COMMAND and claim COMMAND", "floating_ip exec without its commands")
	}
	for _, o := range v.FloatingIPs {
		if o.Address == f.Address {
			d.diags.Errorf(f.Pos, "one block for each address", "floating_ip %s is already at line %d", f.Address, o.Pos.Line)
			return
		}
	}
	v.FloatingIPs = append(v.FloatingIPs, f)
}

// isAddr reports whether a word is an address, with or without a length.
func isAddr(s string) bool {
	host, _, _ := strings.Cut(s, "/")
	_, err := netip.ParseAddr(host)
	return err == nil
}
