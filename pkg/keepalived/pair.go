package keepalived

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Pair tells whether the files of two nodes fit. Errors are what makes two
// masters, or leaves an address unserved after a takeover; warnings are
// doubts; notes say who is master. Instances match by family and virtual
// router id, whatever they are called.
//
// Nothing is said about what either file alone shows.
func Pair(a, b *Config) diag.List {
	p := &pairing{a: a, b: b}
	for _, v := range a.Instances {
		if w := partner(v, b); w != nil {
			p.instance(v, w)
			p.lists(v, w, a.Path, b.Path)
			p.lists(w, v, b.Path, a.Path)
			p.peers(v, w, b.Path)
			p.peers(w, v, a.Path)
		} else {
			p.alone(v, b)
		}
	}
	for _, w := range b.Instances {
		if partner(w, a) == nil {
			p.alone(w, a)
		}
	}
	p.groups()
	return tidy(p.diags)
}

// pairing collects the findings about two files.
type pairing struct {
	a, b  *Config
	diags diag.List
}

// partner returns the instance of c that v talks to.
func partner(v *Instance, c *Config) *Instance {
	for _, w := range c.Instances {
		if w.VRID == v.VRID && w.IPv6 == v.IPv6 {
			return w
		}
	}
	return nil
}

// alone tells of an instance without a partner in c. One of the same name, or
// with an address in common, was meant to be it.
func (p *pairing) alone(v *Instance, c *Config) {
	for _, w := range c.Instances {
		if w.Name != v.Name && !shares(v, w) {
			continue
		}
		switch {
		case w.IPv6 != v.IPv6:
			p.diags.Errorf(v.Pos, "addresses of one family", "%s is %s here and %s in %s: the two do not hear each other", v.Name, familyWord(v), familyWord(w), c.Path)
		default:
			p.diags.Errorf(v.at("virtual_router_id"), "the same on both nodes", "virtual_router_id %d here and %d in %s: both would be master", v.VRID, w.VRID, c.Path)
		}
		return
	}
	p.diags.Errorf(v.at("virtual_router_id"), "the same virtual_router_id on both nodes", "%s has no instance with virtual_router_id %d (%s): nobody takes over from %s", c.Path, v.VRID, familyWord(v), v.Name)
}

func familyWord(v *Instance) string {
	if v.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// shares reports whether two instances have an address in common.
func shares(v, w *Instance) bool {
	return slices.ContainsFunc(v.VIPs, func(a Address) bool {
		return slices.ContainsFunc(w.VIPs, func(b Address) bool { return a.Addr() == b.Addr() })
	})
}

// instance compares what must be the same, once for a pair; places are in the
// first file.
func (p *pairing) instance(v, w *Instance) {
	other := p.b.Path
	if v.Version != w.Version {
		p.diags.Errorf(v.at("version"), "the same on both nodes", "version %d here and %d in %s: neither believes the other, both would be master", v.Version, w.Version, other)
	}
	p.transport(v, w)
	p.passwords(v, w)
	p.timers(v, w)
	p.priorities(v, w)
	if v.Version == 3 && !v.IPv6 && v.V3ChecksumAsV2 != w.V3ChecksumAsV2 {
		p.diags.Warnf(v.at("v3_checksum_as_v2"), "the same on both nodes", "v3_checksum_as_v2 differs from %s: vipd takes both forms, keepalived does not", other)
	}
	if g, h := p.a.group(v.SyncGroup), p.b.group(w.SyncGroup); (g == nil) != (h == nil) {
		p.diags.Warnf(v.Pos, "the same groups on both nodes", "%s is in a vrrp_sync_group on one node only", v.Name)
	}
}

// transport compares how adverts travel.
func (p *pairing) transport(v, w *Instance) {
	switch {
	case v.Unicast != w.Unicast:
		uni, multi := p.a.Path, p.b.Path
		if w.Unicast {
			uni, multi = multi, uni
		}
		p.diags.Errorf(v.at("unicast_peer"), "unicast_peer on both nodes, or on neither", "%s sends to peers and %s to the multicast group: both would be master", uni, multi)
	case !v.Unicast && v.McastGroup != w.McastGroup:
		p.diags.Errorf(v.at("mcast_dst_ip"), "the same on both nodes", "multicast group %s here and %s in %s: both would be master", v.McastGroup, w.McastGroup, p.b.Path)
	}
	if v.SrcAddr.IsValid() && v.SrcAddr == w.SrcAddr {
		p.diags.Errorf(v.at("unicast_src_ip"), "each node's own address", "both nodes send from %s", v.SrcAddr)
	}
}

// passwords compares authentication without ever telling a password.
func (p *pairing) passwords(v, w *Instance) {
	pos, other := v.at("auth_pass"), p.b.Path
	switch {
	case v.Auth.Type != w.Auth.Type:
		p.diags.Errorf(v.at("authentication"), "the same on both nodes", "authentication %s here and %s in %s: neither believes the other, both would be master", v.Auth.Type, w.Auth.Type, other)
	case v.Auth.Type == AuthPass && v.Auth.Pass != w.Auth.Pass:
		p.diags.Errorf(pos, "the same on both nodes", "auth_pass differs from %s in the 8 characters that count: neither believes the other, both would be master", other)
	}
	p.keys(v, w)
}

// keys compares auth_hmac. A node that has no block believes no signed advert,
// and one that does not sign is believed unless mode is enforce.
func (p *pairing) keys(v, w *Instance) {
	a, b := v.Auth.HMAC, w.Auth.HMAC
	if (a == nil) != (b == nil) {
		one, pos := a, v.at("auth_hmac")
		if one == nil {
			one, pos = b, v.Pos
		}
		if one.Mode != HMACReceiveOnly {
			p.diags.Errorf(pos, "the same on both nodes, or mode receive-only until it is", "auth_hmac on one node only: the other believes no signed advert, both would be master")
		}
		return
	}
	if a == nil {
		return
	}
	p.knows(v, a, b, p.b.Path)
	p.knows(v, b, a, p.a.Path)
	for _, k := range a.Keys {
		for _, o := range b.Keys {
			if k.ID == o.ID && !k.Key.IsZero() && !o.Key.IsZero() && k.Key != o.Key {
				p.diags.Errorf(k.Pos, "the same on both nodes", "key %d is another one in %s: neither believes the other, both would be master", k.ID, p.b.Path)
			}
		}
	}
	if a.Monotonic != b.Monotonic || a.TimeWindow != b.TimeWindow {
		p.diags.Warnf(a.Pos, "the same on both nodes", "anti_replay or time_window differs from %s", p.b.Path)
	}
}

// knows tells if a node does not have the key by which the other signs, or
// does not sign where that is asked.
func (p *pairing) knows(v *Instance, signer, reader *HMAC, path string) {
	switch {
	case signer.Mode == HMACReceiveOnly && reader.Mode == HMACEnforce:
		p.diags.Errorf(v.at("auth_hmac"), "mode permissive until both sign", "one node does not sign (mode receive-only), and mode enforce in %s asks for it", path)
	case signer.Mode != HMACReceiveOnly && !slices.ContainsFunc(reader.Keys, func(k HMACKey) bool { return k.ID == signer.ActiveKey }):
		p.diags.Errorf(v.at("auth_hmac"), "first the key on both nodes, then active_key", "key %d signs, and %s does not have it: its adverts are not believed", signer.ActiveKey, path)
	}
}

// timers compares intervals.
func (p *pairing) timers(v, w *Instance) {
	if v.AdvertInterval != w.AdvertInterval {
		said := "the BACKUP follows the master's, and takeovers take as long as that one says"
		if v.Version == 2 {
			said = "vipd waits by the longer one, but two keepalived would both be master"
		}
		p.diags.Warnf(v.at("advert_int"), "the same on both nodes", "advert_int %s here and %s in %s: %s", seconds(v.AdvertInterval), seconds(w.AdvertInterval), p.b.Path, said)
	}
	if v.DownTimerAdverts != w.DownTimerAdverts {
		p.diags.Warnf(v.at("down_timer_adverts"), "the same on both nodes", "down_timer_adverts %d here and %d in %s", v.DownTimerAdverts, w.DownTimerAdverts, p.b.Path)
	}
}

// lists tells of the addresses that v has and w has not.
func (p *pairing) lists(v, w *Instance, here, there string) {
	for _, a := range held(v) {
		i := slices.IndexFunc(held(w), func(b Address) bool { return a.Addr() == b.Addr() })
		if i < 0 {
			p.diags.Errorf(a.Pos, "the same addresses on both nodes", "%s is not in %s: nobody answers at it while that node is master", a.Addr(), there)
			continue
		}
		if b := held(w)[i]; a.Prefix.Bits() != b.Prefix.Bits() && here == p.a.Path {
			p.diags.Warnf(a.Pos, "the same length on both nodes", "%s here and %s in %s", a, b, there)
		}
		if inVIPs(v, a.Addr()) && !inVIPs(w, a.Addr()) {
			p.diags.Warnf(a.Pos, "the same block on both nodes", "%s is in the adverts of %s only: keepalived refuses adverts with another list", a.Addr(), here)
		}
	}
	for _, f := range v.FloatingIPs {
		if !slices.ContainsFunc(w.FloatingIPs, func(g FloatingIP) bool { return g.Address == f.Address }) {
			p.diags.Errorf(f.Pos, "the same floating_ip on both nodes", "the floating address %s is not in %s: it stays here when that node is master", f.Address, there)
		}
	}
}

// held returns every address that an instance serves.
func held(v *Instance) []Address {
	return slices.Concat(v.VIPs, v.Excluded)
}

func inVIPs(v *Instance, a netip.Addr) bool {
	return slices.ContainsFunc(v.VIPs, func(b Address) bool { return b.Addr() == a })
}

// peers tells whether v sends to, and believes, the address that w sends from.
func (p *pairing) peers(v, w *Instance, there string) {
	if !v.Unicast || !w.Unicast {
		return
	}
	pos := v.at("unicast_peer")
	if w.SrcAddr.IsValid() {
		if !slices.ContainsFunc(v.Peers, func(q Peer) bool { return q.Addr == w.SrcAddr }) {
			p.diags.Errorf(pos, w.SrcAddr.String(), "%s sends from %s, which is not in unicast_peer: its adverts are not believed, and it gets none", there, w.SrcAddr)
		}
		return
	}
	if len(v.Peers) == 0 {
		return
	}
	same := samePeers(v, w)
	switch {
	case same && len(v.Peers) == 1:
		p.diags.Errorf(pos, "the other node's address", "both nodes have the same single peer %s", v.Peers[0].Addr)
	case !same:
		p.diags.Warnf(pos, "unicast_src_ip in "+there, "%s does not say which address it sends from, so whether it is one of the peers here cannot be told", there)
	}
}

// samePeers reports whether two nodes list the same peers, as they do when
// every node lists all.
func samePeers(v, w *Instance) bool {
	if len(v.Peers) != len(w.Peers) {
		return false
	}
	for _, p := range v.Peers {
		if !slices.ContainsFunc(w.Peers, func(q Peer) bool { return q.Addr == p.Addr }) {
			return false
		}
	}
	return true
}
