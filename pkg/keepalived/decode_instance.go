package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// instance decodes a vrrp_instance by itself; repairs that need the whole
// block or other blocks come later.
func (d *decoder) instance(n *node) {
	name, ok := d.name(n)
	if !ok {
		return
	}
	if old := d.cfg.Instance(name.s); old != nil {
		d.drop(name.pos, "another name", "skips the second block", "vrrp_instance %s is already defined at line %d", name.s, old.Pos.Line)
		return
	}
	g := &d.cfg.Global
	v := &Instance{
		Name: name.s, Pos: name.pos,
		Version: 0, DownTimerAdverts: g.DownTimerAdverts, AdvertInterval: time.Second,
		UnicastTTL: 255, CheckUnicastSrc: g.CheckUnicastSrc, Accept: true,
		SkipCheckAdvAddr: g.SkipCheckAdvAddr, Strict: g.Strict,
		LowerPrioNoAdvert: g.LowerPrioNoAdvert, HigherPrioAdvert: g.HigherPrioAdvert, NotifyPriority: g.NotifyPriority,
		Garp: g.Garp, set: map[string]diag.Pos{},
	}
	d.once(n, mayRepeat)
	for _, c := range n.children {
		if !d.shaped("vrrp_instance", c) {
			continue
		}
		instanceWords[c.keyword()](d, v, c)
		v.set[c.keyword()] = c.pos()
	}
	d.vmacUnicast(v, n)
	d.cfg.Instances = append(d.cfg.Instances, v)
}

// vmacUnicast tells of the word that keepalived adds or takes away.
func (d *decoder) vmacUnicast(v *Instance, n *node) {
	has := func(word string) bool {
		return slices.ContainsFunc(n.children, func(c *node) bool { return c.keyword() == word })
	}
	_, src := v.given("unicast_src_ip")
	_, peers := v.given("unicast_peer")
	if has("use_vmac") && (src || peers) && !has("vmac_xmit_base") {
		d.diags.Warnf(n.last(), "remove use_vmac", "keepalived adds vmac_xmit_base to use_vmac with unicast; vipd carries out neither")
	}
}

// mayRepeat are the words that add up.
var mayRepeat = map[string]bool{
	"virtual_ipaddress": true, "virtual_ipaddress_excluded": true, "virtual_routes": true, "virtual_rules": true,
	"unicast_peer": true, "track_interface": true, "track_script": true, "track_process": true, "track_file": true,
	"floating_ip": true, "preempt": true, "nopreempt": true, "accept": true,
	// A second one is told where it is read.
	"notify": true, "notify_master": true, "notify_backup": true, "notify_fault": true, "notify_stop": true,
	"notify_deleted": true, "notify_master_rx_lower_pri": true,
}

var instanceWords = map[string]func(*decoder, *Instance, *node){
	"state":             decodeState,
	"interface":         func(d *decoder, v *Instance, n *node) { d.ifname(n, &v.Interface) },
	"vrf":               func(d *decoder, v *Instance, n *node) { d.ifname(n, &v.VRF) },
	"version":           func(d *decoder, v *Instance, n *node) { d.version(n, &v.Version) },
	"virtual_router_id": decodeVRID,
	"priority":          decodePriority,
	"advert_int":        decodeAdvertInt,
	"nopreempt":         func(d *decoder, v *Instance, n *node) { v.NoPreempt = d.flag(n) },
	"preempt":           func(d *decoder, v *Instance, n *node) { v.NoPreempt = !d.flag(n) },
	"preempt_delay":     func(d *decoder, v *Instance, n *node) { d.duration(n, &v.PreemptDelay, 0, 1000*time.Second) },

	"timer_expired_backup": decodeExpired,
	"thread_timer_expired": decodeExpired,

	"unicast_src_ip": decodeSource,
	"mcast_src_ip":   decodeSource,
	"mcast_dst_ip": func(d *decoder, v *Instance, n *node) {
		if a, ok := d.addr(n, useDefault); ok {
			v.settleFamily(a, n.keyword())
			d.group(n, &v.McastGroup, a.Is6())
		}
	},
	"track_src_ip":          func(d *decoder, v *Instance, n *node) { v.TrackSrcAddr = d.flag(n) },
	"dont_track_primary":    func(d *decoder, v *Instance, n *node) { v.DontTrackPrimary = d.flag(n) },
	"down_timer_adverts":    func(d *decoder, v *Instance, n *node) { d.int(n, &v.DownTimerAdverts, 1, 100) },
	"native_ipv6":           decodeNativeIPv6,
	"no_virtual_ipaddress":  func(d *decoder, v *Instance, n *node) { v.NoVIPs = d.flag(n) },
	"unicast_fault_no_peer": func(d *decoder, v *Instance, n *node) { v.FaultNoPeer = d.flag(n) },
	"v3_checksum_as_v2":     func(d *decoder, v *Instance, n *node) { d.bool(n, &v.V3ChecksumAsV2) },
	"old_unicast_checksum":  decodeOldChecksum,

	"virtual_ipaddress":          decodeVIPs,
	"virtual_ipaddress_excluded": func(d *decoder, v *Instance, n *node) { v.Excluded = d.addresses(v.Excluded, n) },
	"virtual_routes":             decodeVirtualRoutes,
	"virtual_rules":              decodeVirtualRules,
	"unicast_peer":               decodePeers,
	"track_interface":            func(d *decoder, v *Instance, n *node) { d.tracks(&v.Track, n) },
	"track_script":               func(d *decoder, v *Instance, n *node) { d.tracks(&v.Track, n) },
	"track_process":              func(d *decoder, v *Instance, n *node) { d.tracks(&v.Track, n) },
	"track_file":                 func(d *decoder, v *Instance, n *node) { d.tracks(&v.Track, n) },

	"authentication": decodeAuth,
	"auth_hmac":      decodeHMAC,
	"floating_ip":    decodeFloatingIP,

	"check_unicast_src": func(d *decoder, v *Instance, n *node) { d.bool(n, &v.CheckUnicastSrc) },
	"no_check_unicast_src": func(d *decoder, v *Instance, n *node) {
		off := false
		d.bool(n, &off)
		v.CheckUnicastSrc = !off
	},
	"unicast_ttl": func(d *decoder, v *Instance, n *node) {
		if ttl, ok := d.number(n, 0, 255, useDefault); ok {
			v.UnicastTTL = uint8(ttl)
		}
	},
	"skip_check_adv_addr":     func(d *decoder, v *Instance, n *node) { d.bool(n, &v.SkipCheckAdvAddr) },
	"strict_mode":             func(d *decoder, v *Instance, n *node) { d.bool(n, &v.Strict) },
	"accept":                  func(d *decoder, v *Instance, n *node) { v.Accept = d.flag(n) },
	"promote_secondaries":     func(d *decoder, v *Instance, n *node) { v.PromoteSecondaries = d.flag(n) },
	"lower_prio_no_advert":    func(d *decoder, v *Instance, n *node) { d.bool(n, &v.LowerPrioNoAdvert) },
	"higher_prio_send_advert": func(d *decoder, v *Instance, n *node) { d.bool(n, &v.HigherPrioAdvert) },
	"notify_priority_changes": func(d *decoder, v *Instance, n *node) { d.bool(n, &v.NotifyPriority) },
	"kernel_rx_buf_size":      func(d *decoder, v *Instance, n *node) { d.int(n, &v.KernelRxBuf, 1, 1<<31-1) },

	"notify":                     func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_master":              func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_backup":              func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_fault":               func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_stop":                func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_deleted":             func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },
	"notify_master_rx_lower_pri": func(d *decoder, v *Instance, n *node) { d.notify(&v.Notify, n) },

	"garp_master_delay":          func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
	"garp_master_repeat":         func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
	"garp_lower_prio_delay":      func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
	"garp_lower_prio_repeat":     func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
	"garp_master_refresh":        func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
	"garp_master_refresh_repeat": func(d *decoder, v *Instance, n *node) { d.garp(&v.Garp, n, "") },
}

// decodeState reads state. As in keepalived, MASTER once given stays.
func decodeState(d *decoder, v *Instance, n *node) {
	s, ok := d.choice(n, "starts as BACKUP", "MASTER", "BACKUP")
	switch {
	case !ok:
	case s == "MASTER":
		v.State = Master
	case v.State == Master:
		d.diags.Warnf(n.words[1].pos, "one line state", "state BACKUP after state MASTER, ignored")
	}
}

func decodeVRID(d *decoder, v *Instance, n *node) {
	effect := "" // without a number keepalived does not start
	if v.VRID > 0 {
		effect = "keeps " + strconv.Itoa(int(v.VRID))
	}
	if id, ok := d.number(n, 1, 255, effect); ok {
		v.VRID = uint8(id)
	}
}

func decodePriority(d *decoder, v *Instance, n *node) {
	v.Priority = 100
	if p, ok := d.number(n, 1, Owner, "uses 100"); ok {
		v.Priority = uint8(p)
	}
}

// decodeExpired reads timer_expired_backup [HIGHEST PRIORITY OF OTHERS].
func decodeExpired(d *decoder, v *Instance, n *node) {
	if len(n.words) == 1 {
		v.TimerExpiredBackup = Owner - 1 // which waits the shortest
		return
	}
	if p, ok := d.number(n, 1, Owner-1, "passes over it"); ok {
		v.TimerExpiredBackup = uint8(p)
	}
}

func decodeAdvertInt(d *decoder, v *Instance, n *node) {
	if t, ok := d.timer(n, 10*time.Millisecond, 255*time.Second, "uses 1 s"); ok {
		v.AdvertInterval = t
	}
}

func decodeSource(d *decoder, v *Instance, n *node) {
	if v.SrcAddr.IsValid() {
		d.diags.Warnf(n.pos(), "one of unicast_src_ip and mcast_src_ip", "a second source address, which replaces the first")
	}
	if w, ok := d.word(n); ok {
		a, ok := d.withoutLength(w)
		if !ok {
			d.drop(w.pos, "an address such as 192.0.2.1", "uses the interface's first address", "%s %s is no IP address", n.keyword(), w.s)
			return
		}
		v.SrcAddr = a
		v.settleFamily(a, n.keyword())
	}
}

func decodeNativeIPv6(d *decoder, v *Instance, n *node) {
	if d.flag(n) {
		v.settleFamily(netip.IPv6Unspecified(), n.keyword())
	}
}

func decodeOldChecksum(d *decoder, v *Instance, n *node) {
	v.OldChecksum = OldChecksumForce
	if len(n.words) > 1 {
		v.OldChecksum = OldChecksumAuto
		if _, ok := d.choice(n, "passes over it", "never"); ok {
			v.OldChecksum = OldChecksumNever
		}
	}
}

// decodeVIPs reads virtual_ipaddress. The first entry says which family was
// meant, even if it cannot be used for another reason.
func decodeVIPs(d *decoder, v *Instance, n *node) {
	if len(n.children) > 0 && !d.opt.Compat {
		host, _, _ := strings.Cut(n.children[0].words[0].s, "/")
		if a, err := netip.ParseAddr(host); err == nil {
			v.settleFamily(a.Unmap(), n.keyword())
		}
	}
	if v.VIPs = d.addresses(v.VIPs, n); len(v.VIPs) > 0 {
		v.settleFamily(v.VIPs[0].Addr(), n.keyword())
	}
}

// addresses decodes the entries of an address block.
func (d *decoder) addresses(to []Address, n *node) []Address {
	for _, c := range n.children {
		if a, ok := d.address(c, virtual); ok {
			to = append(to, a)
		}
	}
	return to
}

func decodeVirtualRoutes(d *decoder, v *Instance, n *node) {
	for _, c := range n.children {
		if r, ok := d.route(c, virtual); ok {
			v.Routes = append(v.Routes, r)
		}
	}
}

func decodeVirtualRules(d *decoder, v *Instance, n *node) {
	for _, c := range n.children {
		if r, ok := d.rule(c, virtual); ok {
			v.Rules = append(v.Rules, r)
		}
	}
}

// notify takes a notify_* line. keepalived keeps the first of several.
func (d *decoder) notify(to *Notify, n *node) {
	var slot **Command
	switch n.keyword() {
	case "notify":
		slot = &to.Any
	case "notify_master":
		slot = &to.Master
	case "notify_backup":
		slot = &to.Backup
	case "notify_fault":
		slot = &to.Fault
	case "notify_stop":
		slot = &to.Stop
	case "notify_master_rx_lower_pri":
		slot = &to.MasterRxLower
	case "notify_deleted":
		slot, to.DeletedSet = &to.Deleted, true
		if len(n.words) == 1 {
			return
		}
	}
	if *slot != nil {
		d.drop(n.pos(), "one script that runs both", "keeps the first", "a second %s", n.keyword())
		return
	}
	*slot = d.command(n)
}
