package vipd

import (
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// unserved tells of what the file says and this runtime does not carry out: an
// error where it changes who is master, what is tracked or which address is
// served, else a warning.
func unserved(cfg *keepalived.Config) diag.List {
	u := unservedList{compat: cfg.Compat}
	for _, v := range cfg.Instances {
		u.instance(v)
	}
	for _, g := range cfg.TrackGroups {
		if !cfg.UsesTrackGroup(g.Name) {
			u.Warnf(g.Pos, "remove it", "no static address, route or rule names track_group %s: it has no effect", g.Name)
			continue
		}
		u.drop(g.Pos, keepalived.ServedLater("track_group"), "goes on without it", "track_group %s is not carried out: nothing watches static addresses", g.Name)
	}
	return u.List
}

type unservedList struct {
	diag.List
	compat bool
}

// drop is an error, or with --keepalived-compat a warning with the effect.
func (u *unservedList) drop(pos diag.Pos, right, effect, format string, args ...any) {
	if u.compat {
		u.Warnf(pos, "vipd "+effect, format, args...)
		return
	}
	u.Errorf(pos, right, format, args...)
}

func (u *unservedList) instance(v *keepalived.Instance) {
	if v.VRF != "" {
		u.drop(v.Pos, keepalived.ServedLater("vrf"), "speaks in the VRF of the interface", "vrf %s of %s is not carried out yet", v.VRF, v.Name)
	}
	for _, list := range [][]keepalived.Address{v.VIPs, v.Excluded} {
		for _, a := range list {
			if a.PreferredSet && a.PreferredLft != keepalived.Forever && a.PreferredLft != 0 {
				u.Warnf(a.Pos, "preferred_lft 0, or none", "preferred_lft %d is not carried out: vipd renews an address every half second", a.PreferredLft)
			}
		}
	}
}
