package vrrp

import (
	"net/netip"
	"time"
)

// conflict is what a Master remembers of another one.
type conflict struct {
	with      netip.Addr
	claims    int           // advertisements heard
	announced time.Duration // last announcement because of it
}

const (
	// reannounceInterval is the least time between two announcements because of
	// another Master.
	reannounceInterval = time.Second
	// manyClaims bounds the count; what matters is one or more.
	manyClaims = 1 << 20
)

func (s *step) announce(count int, why string) {
	if count > 0 {
		s.do(Announce{count, why})
	}
}

// announceAgain plans the second announcement, unless one is nearer.
func (s *step) announceAgain(count int, after time.Duration) {
	if count == 0 || after == 0 {
		return
	}
	at := s.now + after
	if pending := s.due[timerSecond]; pending == 0 || at < pending {
		s.set(timerSecond, at)
	}
	s.second = count
}

func (s *step) secondAnnouncement() { s.announce(s.second, "second time") }

// setPeriodic plans the next periodic announcement.
func (s *step) setPeriodic() {
	switch every := s.cfg.AnnounceEvery; {
	case every > 0:
		s.set(timerPeriodic, s.now+every)
	case every == 0:
		s.set(timerPeriodic, s.now+AutoAnnounceInterval)
	default:
		s.clear(timerPeriodic)
	}
}

// periodicAnnouncement repeats who has the addresses. keepalived gives way
// without a packet, so that a Master beside it may never learn that the
// network believed the other one; vipd says so in its hello.
func (s *step) periodicAnnouncement() {
	s.setPeriodic()
	if s.cfg.AnnounceEvery == 0 && s.allSpeakVipd() {
		return
	}
	s.announce(max(s.cfg.AnnounceEveryRepeat, 1), "periodic")
}

// claimed is an advertisement of another Master that has to give way: it is
// told so (RFC 9568, Section 6.4.3), and the network is told again where the
// addresses are, since it may have believed the other one.
func (s *step) claimed(ev AdvertReceived) {
	c := &s.conflict
	c.with, c.claims = ev.From, min(c.claims+1, manyClaims)
	switch c.claims {
	case 1:
		s.noteHeard("%v is master too, priority %d, ours is %d", ev.From, ev.Advert.Priority, s.priority)
		s.do(Notify{Hook: HookLowerMaster, Priority: s.priority})
	case 2:
		s.alarm(AlarmConflict, ev.From, "%v stays master too, priority %d, ours is %d", ev.From, ev.Advert.Priority, s.priority)
	}
	s.set(timerSettle, s.now+s.ownDown())
	if s.overslept() {
		return // first read what else came
	}
	if !s.cfg.NoLowerAdvert {
		s.assert()
	}
	s.announceLower("another master was heard")
}

// announceLower announces because of another Master, at most once a second,
// and always once after the last word of the other.
func (s *step) announceLower(why string) {
	c := &s.conflict
	if c.announced > 0 && s.now-c.announced < reannounceInterval {
		s.announceAgain(s.cfg.AnnounceLower, c.announced+reannounceInterval-s.now)
		return
	}
	c.announced = s.now
	s.announce(s.cfg.AnnounceLower, why)
	s.announceAgain(s.cfg.AnnounceLower, s.cfg.AnnounceLowerDelay)
}

// leftLate learns from a hello that its sender was Master at a time when we
// were too, though no advertisement of it came through: a partition that has
// healed, where the other heard us first.
func (s *step) leftLate(p *peer, m Message, age time.Duration) {
	if m.LeftMaster == NeverMaster {
		return
	}
	left := s.now - age - m.LeftMaster
	isNews := p.leftMaster == 0 || left > p.leftMaster+HelloInterval/2 // the same moment, told again, wanders a little
	p.leftMaster = max(p.leftMaster, left)
	if !isNews || left <= s.since {
		return // told before, or the Master before us
	}
	if left > s.since+s.ownDown() { // longer than any ordinary change of Master takes
		c := &s.conflict
		c.with, c.claims = p.addr, max(c.claims, 2)
		s.alarm(AlarmConflict, p.addr, "%v was master too until %v ago", p.addr, ms(s.now-left))
		s.set(timerSettle, s.now+s.ownDown())
	}
	s.announceLower("another node was master")
}

// restarted announces when a hello tells that its sender was started while we
// were Master: its former life may have been Master too, unseen, and the
// network may still believe it.
func (s *step) restarted(p *peer, m Message, age time.Duration) {
	started := s.now - age - m.Running
	isNews := p.started == 0 || started > p.started+HelloInterval/2
	p.started = max(p.started, started)
	if m.Running >= 0 && isNews && started > s.since {
		s.announceLower("a node was restarted that may have been master")
	}
}

// settle ends a conflict: for one master-down interval nobody else has claimed
// to be Master. If the other one did so more than once, its hooks may have run
// last (a floating IP may point there): ours run again. Even if it did so only
// once, its announcement may have come after the one by which we answered: it
// advertises first, announces then, and gives way without a word if it is
// keepalived.
func (s *step) settle() {
	c := s.conflict
	if c.claims < 2 {
		s.conflict = conflict{}
		s.announce(s.cfg.AnnounceLower, "conflict is over")
		return
	}
	if s.renotified > 0 && s.now-s.renotified < RenotifyInterval {
		s.set(timerSettle, s.renotified+RenotifyInterval)
		return
	}
	s.conflict, s.renotified = conflict{}, s.now
	s.note("conflict with %v is over", c.with)
	s.announce(s.cfg.AnnounceLower, "conflict is over")
	s.do(Notify{Hook: HookMaster, Priority: s.priority, Again: true})
}
