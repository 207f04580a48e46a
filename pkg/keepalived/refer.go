package keepalived

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// pos is the place of the file as a whole.
func (c *Config) pos() diag.Pos { return diag.Pos{File: c.Path} }

// groups looks the members of sync groups up.
func (d *decoder) groups() {
	kept := d.cfg.Groups[:0]
	for _, g := range d.cfg.Groups {
		members := g.Members[:0]
		for i, name := range g.Members {
			pos := g.memberPos[i]
			v := d.cfg.Instance(name)
			switch {
			case v == nil:
				d.drop(pos, d.nearInstance(name), "passes over it", "no vrrp_instance is called %s", name)
			case v.SyncGroup != "":
				d.drop(pos, "one group for each instance", "passes over it", "%s is already in the group %s", name, v.SyncGroup)
			default:
				v.SyncGroup = g.Name
				members = append(members, name)
			}
		}
		g.Members = members
		switch len(members) {
		case 0:
			d.drop(g.Pos, "group { NAME … }", "removes it", "vrrp_sync_group %s has no members", g.Name)
			continue
		case 1:
			d.diags.Warnf(g.Pos, "two members or more", "vrrp_sync_group %s has one member", g.Name)
		}
		kept = append(kept, g)
	}
	d.cfg.Groups = kept
}

func (d *decoder) nearInstance(name string) string {
	var names []string
	for _, v := range d.cfg.Instances {
		names = append(names, v.Name)
	}
	return meant(name, names)
}

// meant suggests a name.
func meant(name string, names []string) string {
	if near := diag.Nearest(name, names); near != "" {
		return near
	}
	switch {
	case len(names) == 0 || len(names) > 5:
		return ""
	case len(names) == 1:
		return names[0]
	}
	return "one of " + list(names)
}

// trackedThings looks every tracked name up, and drops what the instance or
// the group cannot have.
func (d *decoder) trackedThings() {
	used, known := map[string]bool{}, d.meanings()
	for _, v := range d.cfg.Instances {
		d.ownInterface(v)
		d.resolveTracks(&v.Track, used, known)
		group := d.cfg.group(v.SyncGroup)
		switch {
		case v.Priority == Owner:
			d.dropWeights(&v.Track, "priority 255 is never changed", "weight 0, or a priority below 255")
		case group != nil && !group.TrackingWeight:
			d.dropWeights(&v.Track, "the members of a sync group change state together",
				"weight 0, or track it in vrrp_sync_group "+group.Name)
		}
	}
	for _, g := range d.cfg.Groups {
		d.resolveTracks(&g.Track, used, known)
	}
	d.unused(used)
}

// ownInterface takes the instance's own interface out of what it tracks: it is
// watched anyway, and keepalived passes over such a line.
func (d *decoder) ownInterface(v *Instance) {
	v.Track.Interfaces = slices.DeleteFunc(v.Track.Interfaces, func(t Track) bool {
		if v.Interface == "" || t.Name != v.Interface {
			return false
		}
		switch {
		case t.Weight != 0 || t.Reverse:
			d.drop(t.Pos, "remove the line, or track another interface", "passes over it", "%s is the interface of %s itself: a weight for it means nothing", t.Name, v.Name)
		case v.DontTrackPrimary:
			d.drop(t.Pos, "one of the two", "passes over it", "%s is the interface of %s itself, which dont_track_primary leaves unwatched", t.Name, v.Name)
		default:
			d.diags.Warnf(t.Pos, "remove the line", "%s is the interface of %s itself, which is watched anyway", t.Name, v.Name)
		}
		return true
	})
}

func (c *Config) group(name string) *SyncGroup {
	for _, g := range c.Groups {
		if name != "" && g.Name == name {
			return g
		}
	}
	return nil
}

// meaning is what a tracked name stands for.
type meaning struct {
	weight  int
	reverse bool
	usable  bool
	own     bool // a block that keepalived does not have
	pos     diag.Pos
}

// resolveTracks gives each entry its weight and drops those that name nothing.
func (d *decoder) resolveTracks(t *Tracks, used map[string]bool, m meanings) {
	t.Scripts = d.resolveKind("script", t.Scripts, used, m.scripts)
	t.Processes = d.resolveKind("process", t.Processes, used, m.processes)
	t.Files = d.resolveKind("file", t.Files, used, m.files)
}

// meanings are what the names of tracked things mean.
type meanings struct {
	scripts, processes, files map[string]meaning
}

func (d *decoder) meanings() meanings {
	scripts, processes, files := map[string]meaning{}, map[string]meaning{}, map[string]meaning{}
	for _, s := range d.cfg.Scripts {
		scripts[s.Name] = meaning{s.Weight, s.Reverse, s.Command != nil || s.Probe.Kind != ProbeNone, s.own, s.Pos}
	}
	for _, p := range d.cfg.Processes {
		processes[p.Name] = meaning{p.Weight, p.Reverse, len(p.Args) > 0, false, p.Pos}
	}
	for _, f := range d.cfg.TrackFiles {
		files[f.Name] = meaning{f.Weight, f.Reverse, f.Path != "", false, f.Pos}
	}
	return meanings{scripts, processes, files}
}

// definitions are the blocks that make a name for each kind of tracked thing.
var definitions = map[string]string{"script": "vrrp_script", "process": "vrrp_track_process", "file": "track_file"}

func (d *decoder) resolveKind(kind string, ts []Track, used map[string]bool, known map[string]meaning) []Track {
	kept := ts[:0]
	for _, t := range ts {
		block := definitions[kind] + " " + t.Name
		used[kind+" "+t.Name] = true
		m, ok := known[t.Name]
		switch {
		case !ok:
			right := meant(t.Name, slices.Sorted(maps.Keys(known)))
			if right == "" {
				right = block + " { … }"
			}
			d.drop(t.Pos, right, "goes on without tracking it", "no %s is called %s", definitions[kind], t.Name)
			continue
		case !m.usable:
			d.drop(t.Pos, "see line "+strconv.Itoa(m.pos.Line), "goes on without tracking it", "%s cannot be tracked", block)
			continue
		case behind(m.pos, t.Pos) && !m.own:
			d.diags.Warnf(t.Pos, block+" before it", "%s is defined behind its use: vipd tracks it, keepalived does not find it and goes on without", t.Name)
		}
		if !t.weightSet {
			t.Weight, t.Reverse = m.weight, m.reverse
		}
		kept = append(kept, t)
	}
	return kept
}

// behind reports whether a definition stands behind a use in the same file.
func behind(definition, use diag.Pos) bool {
	return definition.File == use.File && definition.Line > use.Line
}

// dropWeights drops entries with a weight, which keepalived ignores where the
// priority cannot change.
func (d *decoder) dropWeights(t *Tracks, why, right string) {
	for _, list := range []*[]Track{&t.Interfaces, &t.Scripts, &t.Processes, &t.Files} {
		*list = slices.DeleteFunc(*list, func(t Track) bool {
			if t.Weight == 0 {
				return false
			}
			d.drop(t.Pos, right, "goes on without tracking it", "%s with weight %d cannot be tracked: %s", t.Name, t.Weight, why)
			return true
		})
	}
}

// unused warns about things that nothing tracks: they are never run.
func (d *decoder) unused(used map[string]bool) {
	warn := func(kind, name string, pos diag.Pos) {
		if !used[kind+" "+name] {
			d.diags.Warnf(pos, "track_"+kind+" { "+name+" } inside a vrrp_instance", "%s is tracked by no instance, so it has no effect", name)
		}
	}
	for _, s := range d.cfg.Scripts {
		warn("script", s.Name, s.Pos)
	}
	for _, p := range d.cfg.Processes {
		warn("process", p.Name, p.Pos)
	}
	for _, f := range d.cfg.TrackFiles {
		warn("file", f.Name, f.Pos)
	}
}

// duplicates tells of two instances that cannot be told apart on the wire, and
// of an address that two would hold.
func (d *decoder) duplicates() {
	holder := map[netip.Addr]*Instance{}
	for i, v := range d.cfg.Instances {
		for _, w := range d.cfg.Instances[:i] {
			if clash(v, w) {
				d.diags.Errorf(v.at("virtual_router_id"), "another number from 1 to 255", "virtual_router_id %d is already that of %s", v.VRID, w.Name)
			}
		}
		for _, list := range [][]Address{v.VIPs, v.Excluded} {
			for _, a := range list {
				if w := holder[a.Addr()]; w != nil && w != v {
					d.diags.Warnf(a.Pos, "one instance for each address", "%s is an address of %s too: when the two differ, whichever loses takes it away from the other", a.Addr(), w.Name)
				}
				holder[a.Addr()] = v
			}
		}
	}
}

// clash reports whether two instances would hear each other's adverts: same
// number, family, interface, and the same group or a common peer.
func clash(v, w *Instance) bool {
	if v.VRID == 0 || v.VRID != w.VRID || v.IPv6 != w.IPv6 || v.Interface != w.Interface || v.Unicast != w.Unicast {
		return false
	}
	if !v.Unicast {
		return v.McastGroup == w.McastGroup
	}
	return slices.ContainsFunc(v.Peers, func(p Peer) bool {
		return slices.ContainsFunc(w.Peers, func(q Peer) bool { return p.Addr == q.Addr })
	})
}

// statics fills in and looks up what static addresses, routes and rules name.
func (d *decoder) statics() {
	c := d.cfg
	groups := map[string]diag.Pos{}
	for _, g := range c.TrackGroups {
		groups[g.Name] = g.Pos
		for _, name := range g.Instances {
			if c.Instance(name) == nil {
				d.drop(g.Pos, d.nearInstance(name), "passes over it", "no vrrp_instance is called %s", name)
			}
		}
	}
	check := func(group string, pos diag.Pos) {
		defined, ok := groups[group]
		switch {
		case group == "":
		case !ok:
			d.drop(pos, "track_group "+group+" { group { … } }", "goes on without it", "no track_group is called %s", strconv.Quote(group))
		case behind(defined, pos):
			d.diags.Warnf(pos, "track_group "+group+" before it", "%s is defined behind its use: keepalived does not find it and goes on without", group)
		}
	}
	for i := range c.StaticAddresses {
		a := &c.StaticAddresses[i]
		if a.Dev == "" {
			a.Dev = c.Global.DefaultInterface
		}
		check(a.TrackGroup, a.Pos)
	}
	for _, r := range c.StaticRoutes {
		check(r.TrackGroup, r.Pos)
	}
	for _, r := range c.StaticRules {
		check(r.TrackGroup, r.Pos)
	}
}
