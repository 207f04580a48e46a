package vipd

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/geodns-vipd/geodns/internal/neigh"
	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// plan is all that one instance is to do, taken from the configuration and
// never changed.
type plan struct {
	*keepalived.Instance
	// Group is the sync group that it is in, or nil.
	Group     *keepalived.SyncGroup
	Trackers  []vrrp.Tracker
	Global    *keepalived.Global
	Commands  []*keepalived.Script // what the trackers of kind script and probe run
	Processes []*keepalived.Process
	Files     []*keepalived.TrackFile
	// GarpGroups are the pauses of some interfaces.
	GarpGroups []keepalived.GarpGroup
}

// newPlan collects what concerns one instance.
func newPlan(cfg *keepalived.Config, v *keepalived.Instance) *plan {
	p := &plan{Instance: v, Global: &cfg.Global, GarpGroups: cfg.GarpGroups}
	tracks := v.Track
	for _, g := range cfg.Groups {
		if g.Name == v.SyncGroup && v.SyncGroup != "" {
			p.Group = g
			tracks = joined(tracks, g.Track)
		}
	}
	for _, t := range tracks.Interfaces {
		p.add(track.KindInterface, t, false)
	}
	for _, t := range tracks.Scripts {
		if s := cfg.Script(t.Name); s != nil {
			p.add(scriptKind(s), t, false)
			p.Commands = append(p.Commands, s)
		}
	}
	for _, t := range tracks.Processes {
		if s := cfg.Process(t.Name); s != nil {
			p.add(track.KindProcess, t, false)
			p.Processes = append(p.Processes, s)
		}
	}
	for _, t := range tracks.Files {
		if f := cfg.TrackFile(t.Name); f != nil {
			p.add(track.KindFile, t, true)
			p.Files = append(p.Files, f)
		}
	}
	return p
}

func joined(a, b keepalived.Tracks) keepalived.Tracks {
	return keepalived.Tracks{
		Interfaces: slices.Concat(a.Interfaces, b.Interfaces),
		Scripts:    slices.Concat(a.Scripts, b.Scripts),
		Processes:  slices.Concat(a.Processes, b.Processes),
		Files:      slices.Concat(a.Files, b.Files),
	}
}

func scriptKind(s *keepalived.Script) string {
	if s.Command == nil {
		return track.KindProbe
	}
	return track.KindScript
}

// add adds a tracker, once: what the instance itself says goes before its
// group.
func (p *plan) add(kind string, t keepalived.Track, perValue bool) {
	if slices.ContainsFunc(p.Trackers, func(o vrrp.Tracker) bool { return o.Kind == kind && o.Name == t.Name }) {
		return
	}
	p.Trackers = append(p.Trackers, vrrp.Tracker{Kind: kind, Name: t.Name, Weight: t.Weight, Reverse: t.Reverse, PerValue: perValue})
}

// sameAs reports whether nothing of the instance changed.
func (p *plan) sameAs(o *plan) bool {
	return same(p.Instance, o.Instance) && same(p.Group, o.Group) && same(p.Trackers, o.Trackers) &&
		same(p.Commands, o.Commands) && same(p.Processes, o.Processes) && same(p.Files, o.Files) && same(p.GarpGroups, o.GarpGroups) &&
		same(p.Global.Garp, o.Global.Garp) && p.Global.GarpInterval == o.Global.GarpInterval && p.Global.GNAInterval == o.Global.GNAInterval &&
		p.Global.HelloPort == o.Global.HelloPort && p.Global.StartupDelay == o.Global.StartupDelay &&
		p.Global.ScriptUser == o.Global.ScriptUser
}

// sameSockets reports whether the sockets of o serve p too.
func (p *plan) sameSockets(o *plan) bool {
	peers := func(v *plan) []netip.Addr {
		var out []netip.Addr
		for _, peer := range v.Peers {
			out = append(out, peer.Addr)
		}
		return out
	}
	return p.Interface == o.Interface && p.SrcAddr == o.SrcAddr && p.IPv6 == o.IPv6 && p.VRID == o.VRID && p.Version == o.Version &&
		p.Unicast == o.Unicast && p.McastGroup == o.McastGroup && p.CheckUnicastSrc == o.CheckUnicastSrc &&
		p.UnicastTTL == o.UnicastTTL && p.Global.HelloPort == o.Global.HelloPort && slices.Equal(peers(p), peers(o))
}

// noAddress stands for the source while the interface has none: the instance
// is in FAULT then.
func (p *plan) noAddress() netip.Addr {
	if p.IPv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// router returns what the state machine is told. local is the source of our
// adverts; connected says whether a peer is on the link.
func (p *plan) router(local netip.Addr, connected func(netip.Addr) bool) *vrrp.Config {
	g := &p.Garp
	c := &vrrp.Config{
		Rules: vrrp.Rules{
			Version: p.Version, VRID: p.VRID, Local: local.WithZone(""), Unicast: p.Unicast,
			AnySource: !p.CheckUnicastSrc,
		},
		Name:         p.Name,
		Interval:     vrrp.WireInterval(p.Version, p.AdvertInterval),
		Priority:     p.Priority,
		Addresses:    p.addressDigest(),
		NoPreempt:    p.NoPreempt,
		PreemptDelay: p.PreemptDelay,
		StartupDelay: p.Global.StartupDelay,
		DownAdverts:  p.DownTimerAdverts,
		OthersBest:   p.TimerExpiredBackup,

		Announce:            g.MasterRepeat,
		AnnounceDelay:       g.MasterDelay,
		AnnounceEvery:       announceEvery(g),
		AnnounceEveryRepeat: g.RefreshRepeat,
		AnnounceLower:       g.LowerPrioRepeat,
		AnnounceLowerDelay:  g.LowerPrioDelay,
		NoLowerAdvert:       p.LowerPrioNoAdvert,
		Trackers:            p.Trackers,
		Grouped:             p.Group != nil,
	}
	for _, a := range p.VIPs {
		if a.Addr().Is6() == p.IPv6 {
			c.VIPs = append(c.VIPs, a.Addr().WithZone(""))
		}
	}
	for _, peer := range p.Peers {
		addr := peer.Addr.WithZone("")
		if addr == c.Local {
			continue
		}
		ttl := vrrp.LinkTTL(addr, connected(addr))
		switch {
		case peer.MinTTL >= 0:
			ttl = uint8(peer.MinTTL)
		case peer.MaxTTL >= 0: // as keepalived: the range is then the operator's
			ttl = 0
		}
		c.Peers = append(c.Peers, vrrp.Peer{Addr: addr, MinTTL: ttl, MaxTTL: uint8(max(peer.MaxTTL, 0))})
	}
	if p.Auth.Type == keepalived.AuthPass && p.Version == vrrp.V2 {
		c.Auth, c.Pass = vrrp.AuthPass, vrrp.PassData(p.Auth.Pass.Reveal())
	}
	if h := p.Auth.HMAC; h != nil {
		c.HMAC = &vrrp.HMAC{Active: h.ActiveKey, Mode: hmacModes[h.Mode]}
		if !h.Monotonic {
			c.HMAC.Window = (h.TimeWindow + time.Second - 1).Truncate(time.Second)
		}
		for _, k := range h.Keys {
			c.HMAC.Keys = append(c.HMAC.Keys, vrrp.HMACKey{ID: k.ID, Secret: k.Key.Reveal()})
		}
	}
	return c
}

var hmacModes = map[keepalived.HMACMode]vrrp.HMACMode{
	keepalived.HMACEnforce: vrrp.HMACEnforce, keepalived.HMACPermissive: vrrp.HMACPermissive, keepalived.HMACReceiveOnly: vrrp.HMACReceiveOnly,
}

// announceEvery turns garp_master_refresh: 0 as written means never, nothing
// written means that vipd decides.
func announceEvery(g *keepalived.Garp) time.Duration {
	if g.RefreshSet && g.Refresh == 0 {
		return -1
	}
	return g.Refresh
}

// addressDigest changes with any address, route or rule.
func (p *plan) addressDigest() uint64 {
	h := fnv.New64a()
	for _, list := range [][]keepalived.Address{p.VIPs, p.Excluded} {
		for _, a := range list {
			a.Pos = diag.Pos{}
			fmt.Fprintf(h, "%+v\n", a)
		}
	}
	for _, r := range p.Routes {
		r.Pos = diag.Pos{}
		fmt.Fprintf(h, "%+v\n", r)
	}
	for _, r := range p.Rules {
		r.Pos = diag.Pos{}
		fmt.Fprintf(h, "%+v\n", r)
	}
	return h.Sum64()
}

// form returns the checksum form of an advert as the file wants it; without a
// wish it is what the peer uses.
func (p *plan) form(f vrrp.ChecksumForm) vrrp.ChecksumForm {
	switch {
	case p.V3ChecksumAsV2:
		return vrrp.FormPlain
	case p.OldChecksum == keepalived.OldChecksumForce && p.Unicast:
		return vrrp.FormGroup
	case p.OldChecksum == keepalived.OldChecksumNever && f == vrrp.FormGroup:
		return vrrp.FormPseudo
	}
	return f
}

// addresses returns everything that the instance brings up.
func (p *plan) addresses() []keepalived.Address { return slices.Concat(p.VIPs, p.Excluded) }

// pauses returns the pauses between announcements on an interface: those of
// its garp_group, else those of all.
func (p *plan) pauses(dev string) neigh.Options {
	for _, g := range p.GarpGroups {
		if slices.Contains(g.Interfaces, dev) {
			return neigh.Options{ARPInterval: g.GarpInterval, NAInterval: g.GNAInterval}
		}
	}
	return neigh.Options{ARPInterval: p.Global.GarpInterval, NAInterval: p.Global.GNAInterval}
}

// helloPort returns the UDP port on which vipd nodes talk, never 0.
func (p *plan) helloPort() uint16 { return cmp.Or(p.Global.HelloPort, vrrp.MessagePort) }
