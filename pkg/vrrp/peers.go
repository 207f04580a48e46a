package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Bounds on what strangers can make us remember.
const (
	maxStrangers   = 16 // sources of adverts or hellos that are not configured
	strangerExpiry = 10 * time.Second
	maxRefusals    = 16 // pairs of source and reason
	refusalExpires = time.Hour
	retellInterval = time.Minute
)

// peer is another node: a configured one, or on multicast one that was heard.
type peer struct {
	addr       netip.Addr
	configured bool
	form       ChecksumForm // of its last advertisement, used for what we send it
	advert     time.Duration
	priority   uint8 // of its last advertisement

	vipd       bool          // has ever said hello
	helloAt    time.Duration // 0: none that counts
	hello      Message
	sequence   uint64        // of its last hello
	handover   uint64        // of its last hand-over
	messageAt  time.Duration // last message of any kind
	leftMaster time.Duration // latest moment at which it gave Master up, as told
	started    time.Duration // when it was started, as told

	signed mark // of its last signed advertisement

	vipsDiffer, intervalDiffers, digestDiffers, owner, skewed, unsigned condition
	unheard                                                             bool // told
}

// condition is something worth telling when it begins to hold.
type condition struct {
	holds bool
	told  time.Duration // 0: never
}

// lookup returns the entry of addr for changing, in a copy of the table; nil
// if it is a stranger and there are too many. One that speaks keeps its place:
// whoever forges a thousand senders must not make us forget the real ones.
func (s *step) lookup(addr netip.Addr) *peer {
	strangers, oldest := 0, -1
	for i := range s.peers {
		p := &s.peers[i]
		if p.addr == addr {
			s.peers = slices.Clone(s.peers)
			return &s.peers[i]
		}
		if p.configured {
			continue
		}
		strangers++
		if oldest < 0 || p.lastHeard() < s.peers[oldest].lastHeard() {
			oldest = i
		}
	}
	switch {
	case strangers < maxStrangers:
		s.peers = append(slices.Clone(s.peers), peer{addr: addr})
		return &s.peers[len(s.peers)-1]
	case s.now-s.peers[oldest].lastHeard() <= max(strangerExpiry, s.ownDown()):
		return nil
	}
	s.peers = slices.Clone(s.peers)
	s.peers[oldest] = peer{addr: addr}
	return &s.peers[oldest]
}

// peerIndex returns where addr stands in the table, -1 if it does not.
func (r *Router) peerIndex(addr netip.Addr) int {
	return slices.IndexFunc(r.peers, func(p peer) bool { return p.addr == addr })
}

func (p *peer) lastHeard() time.Duration { return max(p.advert, p.messageAt) }

// speaksVipd reports whether p's last hello still counts.
func (p *peer) speaksVipd(now time.Duration) bool {
	return p.helloAt > 0 && now-p.helloAt <= HelloLifetime
}

// heardAdvert keeps what an advertisement says of its sender, and compares it
// with our configuration. Differences are told, not punished: refusing would
// make a second Master.
func (s *step) heardAdvert(ev AdvertReceived) {
	a := &ev.Advert
	s.form = a.Form
	p := s.lookup(ev.From)
	if p == nil {
		return
	}
	p.advert, p.form = max(s.now-ev.Age, 1), a.Form
	p.unheard = false
	if a.Priority == PriorityRelease {
		return // some implementations leave the rest out
	}
	p.priority = a.Priority
	s.raise(&p.vipsDiffer, !s.sameVIPs(a.VIPs), AlarmVIPs, p.addr,
		func() string { return fmt.Sprintf("%v advertises %v, here it is %v", p.addr, a.VIPs, s.cfg.VIPs) })
	if s.begins(&p.intervalDiffers, a.Interval != s.cfg.Interval) {
		s.intervalDiffers(p.addr, a.Interval)
	}
	s.raise(&p.owner, a.Priority == PriorityOwner && s.cfg.Priority == PriorityOwner, AlarmOwners, p.addr,
		func() string { return fmt.Sprintf("%v and this node both have priority 255", p.addr) })
}

func (s *step) sameVIPs(theirs []netip.Addr) bool {
	return slices.Equal(theirs, s.cfg.VIPs) || slices.Equal(sortedAddrs(theirs), sortedAddrs(s.cfg.VIPs))
}

// intervalDiffers tells of a peer with another interval: in version 2 a
// mistake that keepalived punishes, in version 3 allowed.
func (s *step) intervalDiffers(from netip.Addr, interval time.Duration) {
	if s.cfg.Version == V2 {
		s.alarm(AlarmInterval, from, "%v advertises every %v, here it is %v: keepalived refuses this, and both are master",
			from, interval, s.cfg.Interval)
		return
	}
	s.noteHeard("%v advertises every %v, here it is %v: a backup goes by its master's", from, interval, s.cfg.Interval)
}

// begins reports whether a condition has begun to hold and is to be told: at
// most once a minute, however often a peer changes its mind.
func (s *step) begins(c *condition, holds bool) bool {
	begun := holds && !c.holds
	c.holds = holds
	if !begun || c.told > 0 && s.now-c.told < retellInterval {
		return false
	}
	c.told = max(s.now, 1)
	return true
}

// raise raises an alarm when its condition begins to hold.
func (s *step) raise(c *condition, holds bool, kind AlarmKind, from netip.Addr, text func() string) {
	if s.begins(c, holds) {
		s.alarm(kind, from, "%s", text())
	}
}

func (s *step) alarm(kind AlarmKind, from netip.Addr, format string, args ...any) {
	a := Alarm{Kind: kind, From: from, Text: fmt.Sprintf(format, args...)}
	switch kind {
	case AlarmRefused, AlarmUnheard, AlarmReload: // bounded by their tables, or asked for
	default:
		a.Quiet = !s.mayTell(kind)
	}
	s.lastAlarm = TimedAlarm{s.now, a}
	s.do(a)
}

// hello greets the others, and plans the next time.
func (s *step) hello() {
	s.set(timerHello, s.now+HelloInterval)
	s.sendMessage(KindHello, netip.Addr{})
}

// sendMessage sends a message of vipd to all; a hand-over names its successor.
func (s *step) sendMessage(kind MessageKind, successor netip.Addr) {
	if s.linkDown != "" {
		return
	}
	m := Message{
		Kind: kind, VRID: s.cfg.VRID, Version: s.cfg.Version, State: s.state, Priority: s.priority,
		Eligible: kind == KindHello && s.eligible(),
		Preempts: s.preempts(),
		Digest:   s.cfg.Digest(), LeftMaster: NeverMaster, Sender: s.cfg.Local, Successor: successor,
	}
	if s.leftMaster > 0 {
		m.LeftMaster = s.now - s.leftMaster
	}
	m.Running = s.now - s.startedAt
	s.do(SendMessage{Message: m})
}

// eligible reports whether we would take over if the Master went now.
func (r *Router) eligible() bool { return r.state == Backup && !r.drained }

// preempts reports whether we take over from a lower Master at once.
func (r *Router) preempts() bool {
	return r.cfg.Priority == PriorityOwner || !r.cfg.NoPreempt && r.cfg.PreemptDelay == 0
}

// helloReceived keeps what another vipd says of itself.
func (s *step) helloReceived(ev HelloReceived) {
	m := ev.Message
	if !s.running || !s.fresh(ev.From, m, ev.Wall) {
		return
	}
	if m.Kind == KindGoodbye {
		s.forgetHello(ev.From)
		return
	}
	p := s.lookup(ev.From) // fresh found it
	p.vipd, p.unheard = true, false
	p.helloAt, p.hello = max(s.now-ev.Age, 1), m
	s.raise(&p.digestDiffers, m.Digest != s.cfg.Digest(), AlarmDigest, p.addr, func() string {
		return fmt.Sprintf("%v has another version, interval, authentication or list of addresses", p.addr)
	})
	if s.state == Master {
		s.leftLate(p, m, ev.Age)
		s.restarted(p, m, ev.Age)
	}
}

// fresh refuses a message that is older than its sender's last one of its
// sort, or of one stranger too many. Hand-overs count apart, since a hello that
// was sent just after one may overtake it. After a silence any hello is taken,
// so that a clock that was set back heals by itself. Of a signed message the
// time is true: no silence lets an old one through.
func (s *step) fresh(from netip.Addr, m Message, wall time.Duration) bool {
	p := s.lookup(from)
	if p == nil {
		return false
	}
	last, recent := &p.sequence, s.now-p.messageAt <= HelloLifetime
	if m.Kind == KindHandover {
		last, recent = &p.handover, true
	}
	if m.Signed && s.cfg.HMAC != nil {
		if !s.cfg.HMAC.timely(m.Sequence, wall) {
			s.refuse(from, DropStale, m.Priority)
			return false
		}
		recent = s.cfg.HMAC.timely(*last, wall)
	}
	if p.messageAt > 0 && recent && m.Sequence <= *last {
		s.do(Refused{DropReplay}) // the network may have turned two of them round: nothing to tell
		return false
	}
	*last, p.messageAt = m.Sequence, s.now
	return true
}

// forgetHello makes a vipd peer no candidate any more.
func (s *step) forgetHello(from netip.Addr) {
	p := s.lookup(from)
	p.vipd, p.helloAt = true, 0
}

// successor returns the vipd peer that takes over if we release: among those
// that are eligible the one of the highest priority, then address, as the
// protocol would choose.
func (r *Router) successor() (peer, bool) {
	var best peer
	for _, p := range r.peers {
		if !p.speaksVipd(r.now) || !p.hello.Eligible {
			continue
		}
		if !best.addr.IsValid() || p.hello.Priority > best.hello.Priority ||
			p.hello.Priority == best.hello.Priority && p.addr.Compare(best.addr) > 0 {
			best = p
		}
	}
	return best, best.addr.IsValid()
}

// allSpeakVipd reports whether every other node is known to be vipd: every
// configured peer, or on multicast at least one node and no other.
func (r *Router) allSpeakVipd() bool {
	any := false
	for i := range r.peers {
		p := &r.peers[i]
		switch {
		case p.addr == r.cfg.Local:
		case p.speaksVipd(r.now):
			any = true
		case p.configured, p.advert > 0 && !p.vipd:
			return false
		}
	}
	return any
}

// mayBeKeepalived reports whether there is another node that was never known to
// be vipd, so that its silence says nothing.
func (r *Router) mayBeKeepalived() bool {
	return slices.ContainsFunc(r.peers, func(p peer) bool {
		return p.addr != r.cfg.Local && !p.vipd && (p.configured || p.advert > 0)
	})
}

// findUnheard tells of configured peers that were never heard, once each: as
// long as that lasts, nobody knows whether they would take over. One whose
// packets come and are refused was told of by their reason.
func (s *step) findUnheard() {
	for _, p := range s.peers {
		refused := slices.ContainsFunc(s.refusals, func(f Refusal) bool { return f.From == p.addr })
		if p.configured && p.lastHeard() == 0 && !p.unheard && !refused && p.addr != s.cfg.Local {
			s.lookup(p.addr).unheard = true
			s.alarm(AlarmUnheard, p.addr, "no advert from %v: is IP protocol 112 allowed?", p.addr)
		}
	}
}
