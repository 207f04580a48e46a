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
	u.global(cfg)
	for _, v := range cfg.Instances {
		u.instance(v)
	}
	for _, g := range cfg.TrackGroups {
		u.drop(g.Pos, "track the interface instead: track_interface", "goes on without it", "track_group %s is not carried out: nothing watches static addresses", g.Name)
	}
	for _, i := range cfg.InterfaceDelays {
		u.drop(i.Pos, "a preempt_delay, or delays in the bond or bridge", "acts on each change at once", "interface_up_down_delays of %s is not carried out", i.Interface)
	}
	for _, g := range cfg.GarpGroups {
		u.Warnf(g.Pos, "vrrp_garp_interval in global_defs", "garp_group is not carried out")
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

func (u *unservedList) global(cfg *keepalived.Config) {
	g, pos := &cfg.Global, diag.Pos{File: cfg.Path}
	p := &g.Process
	for _, w := range []struct {
		said bool
		word string
		why  string
	}{
		{g.LogUnknownVRIDs, "log_unknown_vrids", "the kernel filters adverts of other virtual routers before vipd sees them"},
		{p.MaxAutoPrio > 0, "max_auto_priority", "vrrp_rt_priority"},
		{len(p.CPUAffinity) > 0, "vrrp_cpu_affinity", "CPUAffinity= in the unit of systemd"},
		{p.Name != "", "vrrp_process_name", ""},
		{p.RxBufPolicy != "", "vrrp_rx_bufs_policy", "vipd sets its own buffers"},
		{p.NetlinkRcvBuf > 0, "vrrp_netlink_monitor_rcv_bufs", "vipd reads everything anew when news was lost"},
		{g.NotifyPriority, "vrrp_notify_priority_changes", "the priority is in /metrics and `vipd status`"},
	} {
		if w.said {
			u.Warnf(pos, w.why, "%s is not carried out", w.word)
		}
	}
}

func (u *unservedList) instance(v *keepalived.Instance) {
	if v.VRF != "" {
		u.drop(v.Pos, "an interface that is in no VRF", "speaks in the VRF of the interface", "vrf %s of %s is not carried out yet", v.VRF, v.Name)
	}
	if v.TimerExpiredBackup {
		u.drop(v.Pos, "nopreempt, or vipd drain", "becomes master as ever", "timer_expired_backup of %s is not carried out", v.Name)
	}
	for _, p := range v.Peers {
		if p.MaxTTL >= 0 && p.MaxTTL < 255 {
			u.Warnf(p.Pos, "min_ttl", "max_ttl is not carried out: a packet from farther away has a lower TTL, never a higher one")
		}
	}
	for _, w := range []struct {
		said bool
		word string
		why  string
	}{
		{v.Debug > 0, "debug", "vipd run --log-level debug"},
		{v.NotifyPriority, "notify_priority_changes", "the priority is in /metrics and `vipd status`"},
		{v.Garp.ExtraInterval > 0, "garp_extra_if", "garp_master_refresh"},
	} {
		if w.said {
			u.Warnf(v.Pos, w.why, "%s of %s is not carried out", w.word, v.Name)
		}
	}
	for _, list := range [][]keepalived.Address{v.VIPs, v.Excluded} {
		for _, a := range list {
			if a.PreferredSet && a.PreferredLft != keepalived.Forever && a.PreferredLft != 0 {
				u.Warnf(a.Pos, "preferred_lft 0, or none", "preferred_lft %d is not carried out: vipd renews an address every half second", a.PreferredLft)
			}
		}
	}
}
