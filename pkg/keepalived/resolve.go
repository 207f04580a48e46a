package keepalived

import (
	"net/netip"
	"slices"
	"time"
)

// resolve does what needs more than one block: defaults, repairs and
// references.
func (d *decoder) resolve() {
	d.cfg.Instances = slices.DeleteFunc(d.cfg.Instances, func(v *Instance) bool {
		d.family(v)
		d.identity(v)
		return d.noAddress(v)
	})
	d.groups()
	for _, v := range d.cfg.Instances {
		d.timing(v)
		d.startState(v)
		d.unicast(v)
		d.authentication(v)
		d.addressDefaults(v)
		d.garpDefaults(v)
		d.interfaceGiven(v)
	}
	d.trackedThings()
	d.consistency()
	d.duplicates()
	d.statics()
	if len(d.cfg.Instances) == 0 && !d.diags.HasErrors() {
		d.diags.Warnf(d.cfg.pos(), "a vrrp_instance block", "no vrrp_instance: there is nothing to do")
	}
}

// family leaves out the addresses of an instance that are not of its family.
func (d *decoder) family(v *Instance) {
	first, by := v.familyBy, v.familyBy
	if by == "virtual_ipaddress" {
		first, by = "the first address", "the VIPs"
	}
	if _, native := v.given("native_ipv6"); native && !v.IPv6 {
		d.diags.Warnf(v.at("native_ipv6"), "remove it", "native_ipv6 in an instance with IPv4 addresses, ignored")
	}
	v.VIPs = slices.DeleteFunc(v.VIPs, func(a Address) bool {
		other := a.Addr().Is6() != v.IPv6
		if other {
			d.drop(a.Pos, "put it into virtual_ipaddress_excluded, or into an instance of its own", "leaves it out",
				"%s is not of the family of %s", a.Addr(), first)
		}
		return other
	})
	if v.SrcAddr.IsValid() && v.SrcAddr.Is6() != v.IPv6 {
		pos := v.at("unicast_src_ip")
		if p, ok := v.given("mcast_src_ip"); ok {
			pos = p
		}
		d.drop(pos, "an address of the family of "+by, "uses the interface's first address", "the source %s is not of the family of %s", v.SrcAddr, by)
		v.SrcAddr = netip.Addr{}
	}
	v.Peers = slices.DeleteFunc(v.Peers, func(p Peer) bool {
		other := p.Addr.Is6() != v.IPv6
		if other {
			d.drop(p.Pos, "an address of the family of "+by, "skips it", "the peer %s is not of the family of %s", p.Addr, by)
		}
		return other
	})
	if v.McastGroup.IsValid() && v.McastGroup.Is6() != v.IPv6 {
		d.drop(v.at("mcast_dst_ip"), "a group of the family of "+by, useDefault, "the group %s is not of the family of %s", v.McastGroup, by)
		v.McastGroup = netip.Addr{}
	}
	if !v.McastGroup.IsValid() {
		v.McastGroup = d.cfg.Global.MulticastGroup4
		if v.IPv6 {
			v.McastGroup = d.cfg.Global.MulticastGroup6
		}
	}
}

// identity settles version, virtual router id and priority.
func (d *decoder) identity(v *Instance) {
	switch {
	case v.IPv6 && v.Version == 2:
		d.diags.Warnf(v.at("version"), "version 3", "version 2 becomes 3: version 2 of VRRP has no IPv6")
		v.Version = 3
	case v.IPv6:
		v.Version = 3
	case v.Version == 0:
		v.Version = d.cfg.Global.Version
	}
	if _, tried := v.given("virtual_router_id"); v.VRID == 0 && !tried {
		d.diags.Errorf(v.Pos, "virtual_router_id 1 to 255, the same on every node", "vrrp_instance %s has no virtual_router_id", v.Name)
	}
	if v.Priority == 0 {
		v.Priority = 100
		if v.State == Master {
			v.Priority = Owner
			d.diags.Warnf(v.at("state"), "priority 1 to 254", "state MASTER without a priority means priority 255: this node takes the address from any other, and nothing tracked can lower it")
		}
	}
	if _, ok := v.given("state"); !ok && v.Priority == Owner {
		v.State = Master
	}
}

// maxInterval3 is the largest Max_Advertise_Interval of version 3: 12 bits of
// hundredths of a second (RFC 9568, Section 5.2.7).
const maxInterval3 = 4095 * 10 * time.Millisecond

// timing rounds the interval to what the version can say.
func (d *decoder) timing(v *Instance) {
	was := v.AdvertInterval
	if v.Version == 2 {
		v.AdvertInterval = max(time.Second, was.Round(time.Second))
		if v.AdvertInterval != was {
			d.diags.Warnf(v.at("advert_int"), "whole seconds, or version 3", "advert_int %s becomes %s: version 2 has whole seconds only", seconds(was), seconds(v.AdvertInterval))
		}
		return
	}
	v.AdvertInterval = min(maxInterval3, max(10*time.Millisecond, was.Round(10*time.Millisecond)))
	if v.AdvertInterval != was {
		d.diags.Warnf(v.at("advert_int"), "0.01 to 40.95 in steps of 0.01", "advert_int %s becomes %s", seconds(was), seconds(v.AdvertInterval))
	}
}

// startState clears what keepalived clears: nopreempt and preempt_delay mean
// nothing to a node that starts as MASTER.
func (d *decoder) startState(v *Instance) {
	nopreempt, delay := v.at("nopreempt"), v.at("preempt_delay")
	owner := v.Priority == Owner
	if v.Strict && (v.State == Master) != owner {
		state := Backup
		if owner {
			state = Master
		}
		d.diags.Warnf(v.at("state"), "state MASTER if and only if the priority is 255", "vrrp_strict makes the state %s", state)
		v.State = state
	}
	if v.Strict && v.PreemptDelay > 0 {
		d.diags.Warnf(delay, "remove preempt_delay or vrrp_strict", "preempt_delay is cleared by vrrp_strict")
		v.PreemptDelay = 0
	}
	if _, stated := v.given("state"); owner && v.NoPreempt && !(stated && v.State == Master) {
		d.diags.Warnf(nopreempt, "a priority below 255", "nopreempt is cleared by priority 255")
		v.NoPreempt = false
	}
	if v.State == Master && v.NoPreempt {
		d.diags.Warnf(nopreempt, "state BACKUP", "nopreempt is cleared by state MASTER: this node takes the address back whenever its priority is the higher")
		v.NoPreempt = false
	}
	if v.State == Master && v.PreemptDelay > 0 {
		d.diags.Warnf(delay, "state BACKUP", "preempt_delay is cleared by state MASTER: this node takes the address back at once")
		v.PreemptDelay = 0
	}
	if v.NoPreempt && v.PreemptDelay > 0 {
		d.diags.Warnf(delay, "one of the two", "preempt_delay is cleared by nopreempt: a node that never preempts has nothing to delay")
		v.PreemptDelay = 0
	}
	if v.SyncGroup != "" && v.State == Master && !owner {
		// The members wait for each other, so none starts ahead.
		v.State = Backup
	}
}

// unicast settles whether adverts go to peers one by one.
func (d *decoder) unicast(v *Instance) {
	kept := v.Peers[:0]
	for _, p := range v.Peers {
		switch {
		case p.Addr == v.SrcAddr:
			d.diags.Warnf(p.Pos, "the other nodes only", "%s is this node itself, left out: keepalived would send itself adverts and complain of each", p.Addr)
			continue
		case slices.ContainsFunc(kept, func(o Peer) bool { return o.Addr == p.Addr }):
			d.diags.Warnf(p.Pos, "one line for each peer", "the peer %s is listed twice", p.Addr)
			continue
		}
		kept = append(kept, p)
		if p.MinTTL >= 0 || p.MaxTTL >= 0 {
			v.CheckUnicastSrc = true
		}
	}
	v.Peers = kept
	v.Unicast = len(v.Peers) > 0
	d.ownAddresses(v)
	if v.Unicast {
		return
	}
	for _, word := range []string{"unicast_ttl", "old_unicast_checksum", "check_unicast_src"} {
		if pos, ok := v.given(word); ok && !v.FaultNoPeer {
			d.diags.Warnf(pos, "unicast_peer { ADDRESS }", "%s means nothing without unicast_peer: adverts go to the multicast group %s", word, v.McastGroup)
		}
	}
	src, hasSrc := v.given("unicast_src_ip")
	peers, hasPeers := v.given("unicast_peer")
	switch {
	case !hasSrc && !hasPeers && !v.FaultNoPeer:
	case v.FaultNoPeer:
		v.Unicast = true
		d.diags.Warnf(v.at("unicast_fault_no_peer"), "unicast_peer { ADDRESS }", "no unicast_peer: the instance stays in FAULT")
	case hasPeers:
		d.diags.Warnf(peers, "the other nodes' addresses", "no other node in unicast_peer: adverts go to the multicast group %s", v.McastGroup)
	default:
		d.diags.Warnf(src, "unicast_peer, or mcast_src_ip instead", "unicast_src_ip without unicast_peer: adverts go to the multicast group %s", v.McastGroup)
	}
}

// ownAddresses tells of a VIP that is a peer's address or the source of the
// adverts: it is now here and now there.
func (d *decoder) ownAddresses(v *Instance) {
	for _, a := range held(v) {
		if i := slices.IndexFunc(v.Peers, func(p Peer) bool { return p.Addr == a.Addr() }); i >= 0 {
			d.diags.Warnf(v.Peers[i].Pos, "the peer's own address", "the peer %s is an address of %s itself: whoever is master would send to itself", a.Addr(), v.Name)
		}
		if a.Addr() == v.SrcAddr && v.Priority != Owner {
			pos, ok := v.given("unicast_src_ip")
			if !ok {
				pos = v.at("mcast_src_ip")
			}
			d.diags.Warnf(pos, "this node's own address", "the source %s is an address of %s itself, which only the master has", a.Addr(), v.Name)
		}
	}
}

// authentication drops passwords where the version knows none (RFC 9568,
// Section 9).
func (d *decoder) authentication(v *Instance) {
	if v.Auth.HMAC != nil && v.Auth.Type != AuthNone {
		d.diags.Warnf(v.at("authentication"), "auth_hmac alone", "authentication beside auth_hmac is left out")
		v.Auth.Type = AuthNone
	}
	if v.Auth.HMAC != nil && v.Auth.HMAC.TimeWindow == 0 {
		v.Auth.HMAC.TimeWindow = max(3*v.AdvertInterval, 5*time.Second)
	}
	if v.Auth.Type == AuthNone {
		return
	}
	what := ""
	switch {
	case v.Version == 3:
		what = "version 3 of VRRP has no authentication"
	case v.Strict:
		what = "vrrp_strict allows no authentication"
	default:
		return
	}
	d.diags.Warnf(v.at("authentication"), "remove the block", "%s: the password is ignored, adverts are believed without one", what)
	v.Auth.Type, v.Auth.Pass = AuthNone, Secret{}
}

// addressDefaults gives each address its interface.
func (d *decoder) addressDefaults(v *Instance) {
	for _, list := range [][]Address{v.VIPs, v.Excluded} {
		for i := range list {
			if list[i].Dev == "" {
				list[i].Dev = v.Interface
			}
			if list[i].Dev == "" {
				list[i].Dev = d.cfg.Global.DefaultInterface
			}
		}
	}
	if len(v.VIPs) > 255 {
		d.drop(v.VIPs[255].Pos, "virtual_ipaddress_excluded for those beyond", "takes those beyond 255 for virtual_ipaddress_excluded", "%d addresses do not fit into an advert", len(v.VIPs))
		v.Excluded = append(v.VIPs[255:len(v.VIPs):len(v.VIPs)], v.Excluded...)
		v.VIPs = v.VIPs[:255:255]
	}
	d.sameAddress(v)
}

// noAddress tells of an instance without an address and reports whether it is
// to be left out: version 2 runs and sends adverts without any, version 3 has
// no such advert (RFC 9568, Section 5.2.5).
func (d *decoder) noAddress(v *Instance) bool {
	if len(v.VIPs) > 0 || len(v.FloatingIPs) > 0 || v.NoVIPs {
		return false
	}
	const right = "virtual_ipaddress { ADDRESS }"
	switch {
	case v.Version == 3 || v.Strict:
		d.drop(v.Pos, right+", or no_virtual_ipaddress", "drops the instance", "vrrp_instance %s has no virtual_ipaddress", v.Name)
		return d.opt.Compat
	default:
		d.diags.Warnf(v.Pos, right+", or no_virtual_ipaddress if the address is moved by a script", "vrrp_instance %s has no virtual_ipaddress: adverts carry none", v.Name)
	}
	return false
}

// sameAddress tells of an address that stands twice in an instance. It stays
// twice in the adverts, since that is what keepalived sends and compares.
func (d *decoder) sameAddress(v *Instance) {
	seen := map[netip.Addr]Address{}
	for _, list := range [][]Address{v.VIPs, v.Excluded} {
		for _, a := range list {
			if old, ok := seen[a.Addr()]; ok {
				d.diags.Warnf(a.Pos, "one line", "%s is already at line %d", a.Addr(), old.Pos.Line)
			}
			seen[a.Addr()] = a
		}
	}
}

// garpDefaults fills in what follows other values.
func (d *decoder) garpDefaults(v *Instance) {
	g := &v.Garp
	if _, ok := v.given("garp_lower_prio_delay"); !ok && !d.globalGiven("vrrp_garp_lower_prio_delay") {
		g.LowerPrioDelay = g.MasterDelay
	}
	if _, ok := v.given("garp_lower_prio_repeat"); !ok && !d.globalGiven("vrrp_garp_lower_prio_repeat") {
		g.LowerPrioRepeat = g.MasterRepeat
	}
	if !v.Strict {
		return
	}
	// A strict instance answers a lower advert with nothing at all.
	v.LowerPrioNoAdvert, g.LowerPrioDelay, g.LowerPrioRepeat = true, 0, 0
	if _, ok := v.given("accept"); !ok && v.Priority != Owner {
		d.diags.Warnf(v.at("strict_mode"), "accept in the instance", "vrrp_strict means that packets to the address are dropped (no_accept), which vipd does not do: it sets no firewall")
	}
}

// interfaceGiven tells of an instance that nobody can place.
func (d *decoder) interfaceGiven(v *Instance) {
	if _, tried := v.given("interface"); v.Interface != "" || tried {
		return
	}
	if v.Unicast && v.SrcAddr.IsValid() && !v.SrcAddr.IsLinkLocalUnicast() {
		return
	}
	d.diags.Errorf(v.Pos, "interface NAME", "vrrp_instance %s has no interface", v.Name)
}
