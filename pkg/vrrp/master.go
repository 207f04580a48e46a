package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// assertInterval is the least time between two advertisements sent out of turn,
// whatever is heard: two nodes that each believe to be the better one would else
// answer each other without end.
const assertInterval = 100 * time.Millisecond

// becomeMaster takes the addresses (RFC 9568, Section 6.4.2). The order is
// keepalived's: the advertisement first, so that the others stand back, then
// the addresses, then ARP, hooks last.
func (s *step) becomeMaster(cause Cause, text string) {
	s.sendAdverts(s.priority)
	s.do(AddAddresses{})
	s.announce(s.cfg.Announce, "became master")
	s.transition(Master, cause, text)
	s.master, s.masterPriority, s.masterInterval = s.cfg.Local, s.priority, s.cfg.Interval
	s.heard, s.lowerHeard, s.released, s.preemptAt = 0, 0, netip.Addr{}, 0
	s.wants, s.conflict, s.renotified, s.noMaster.holds = false, conflict{}, 0, false
	s.lastRefresh, s.lost, s.putBack = s.now, false, 0
	s.setMasterTimers()
	s.do(Notify{Hook: HookMaster, Priority: s.priority})
	s.report(ReportMaster, "")
}

func (s *step) setMasterTimers() {
	s.set(timerAdvert, s.now+s.cfg.Interval)
	s.set(timerRefresh, s.now+RefreshInterval)
	s.set(timerUnheard, s.now+s.ownDown())
	s.announceAgain(s.cfg.Announce, s.cfg.AnnounceDelay)
	s.setPeriodic()
}

// sendAdverts sends one advertisement, to the group or to each peer.
func (s *step) sendAdverts(priority uint8) {
	a := Advert{
		Version: s.cfg.Version, VRID: s.cfg.VRID, Priority: priority, Interval: s.cfg.Interval,
		Auth: s.cfg.Auth, Pass: s.cfg.Pass, VIPs: s.cfg.VIPs,
	}
	if !s.cfg.Unicast {
		a.Form = s.form
		s.do(SendAdvert{s.cfg.group(), a})
	}
	for i := range s.peers {
		if p := &s.peers[i]; p.configured && p.addr != s.cfg.Local && s.cfg.Unicast {
			a.Form = p.form
			s.do(SendAdvert{p.addr, a})
		}
	}
	if s.sendFails == 0 {
		s.sendAlarm = false
	}
	s.sendFails = 0
	s.beforeSent, s.lastSent = s.lastSent, s.now
}

// advertTimer is Adver_Timer (RFC 9568, Section 6.4.3). The next one counts
// from when this one was due, so that the interval does not drift.
func (s *step) advertTimer(at time.Duration) {
	s.sendAdverts(s.priority)
	next := at + s.cfg.Interval
	if next <= s.now {
		next = s.now + s.cfg.Interval
	}
	s.set(timerAdvert, next)
}

// masterHears follows RFC 9568, Section 6.4.3 (RFC 3768, Section 6.4.3).
func (s *step) masterHears(ev AdvertReceived) {
	a := ev.Advert
	switch {
	case ev.From == s.handedBy && s.now-s.handedAt < s.assertAfter():
		// Sent before it handed over, and overtaken by that: other protocol, other
		// path through a bond.
	case a.Priority == PriorityRelease:
		// Another Master goes: say that we are here, before a Backup thinks that
		// nobody is, and before the network waits for it.
		if s.assert() {
			s.set(timerAdvert, s.now+s.cfg.Interval)
		}
		if !s.overslept() {
			s.announceLower("another master released")
		}
	case a.Priority > s.priority:
		s.giveWay(ev, fmt.Sprintf("%v has priority %d, ours is %s", ev.From, a.Priority, s.priorityText()))
	case a.Priority == s.priority && ev.From.Compare(s.cfg.Local) > 0:
		s.giveWay(ev, fmt.Sprintf("%v has the same priority %d and the higher address", ev.From, a.Priority))
	default:
		s.claimed(ev)
	}
}

// giveWay makes a better Master the only one. Before the addresses go one
// ordinary advertisement is sent: the other learns from it that there were two,
// and announces itself again. Never priority 0, which would start an election
// among third nodes.
func (s *step) giveWay(ev AdvertReceived, text string) {
	s.sendAdverts(s.priority)
	s.do(RemoveAddresses{})
	s.leftMaster = s.now
	s.preemptAt = 0
	s.noteMaster(ev)
	s.enterBackup(CauseAdvert, text, s.heard+s.masterDown())
}

// assert sends an advertisement at once, and reports whether it did.
func (s *step) assert() bool {
	if s.overslept() || s.asserted > 0 && s.now-s.asserted < s.assertAfter() {
		return false
	}
	s.asserted = s.now
	s.sendAdverts(s.priority)
	return true
}

func (r *Router) assertAfter() time.Duration { return min(r.cfg.Interval/2, assertInterval) }

// overslept reports whether the state must not be acted on before the queue is
// drained.
func (s *step) overslept() bool { return s.draining > 0 || s.lateness() > 0 }

// refresh tells the kernel to keep the addresses, or puts back those that
// somebody took away.
func (s *step) refresh() {
	if s.lost {
		s.restore()
		return
	}
	s.do(RefreshAddresses{Before: s.lastRefresh + AddressLifetime})
	s.lastRefresh = s.now
	s.set(timerRefresh, s.now+RefreshInterval)
}

// refreshMissed is for a refresh that came too late: as after a late wake-up,
// others may have taken over.
func (s *step) refreshMissed() {
	if s.state != Master || s.draining > 0 {
		return
	}
	s.draining = max(s.now-s.lastRefresh, 1)
	s.lastRefresh = min(s.lastRefresh, s.now-AddressLifetime)
	s.do(DrainQueue{s.draining})
}

// restore puts the addresses back and tells everybody.
func (s *step) restore() {
	s.do(AddAddresses{})
	s.lost, s.putBack, s.lastRefresh = false, s.now, s.now
	s.set(timerRefresh, s.now+RefreshInterval)
	s.announce(s.cfg.Announce, "addresses put back")
}

// addressLost puts an address back that was removed behind our back: at once
// the first time, with the next refresh if somebody keeps doing it. keepalived
// gives up the mastership instead and wins it back a second later.
func (s *step) addressLost(ev AddressLost) {
	if s.state != Master || s.overslept() {
		return // our own doing, or the wake-up that follows puts it back
	}
	if s.putBack > 0 && s.now-s.putBack < RefreshInterval {
		s.lost = true
		return
	}
	s.alarm(AlarmLost, netip.Addr{}, "%v was removed by somebody else: put back", ev.Addr)
	s.restore()
}

// addressDuplicate tries an address again that another node on the link was
// found to have. That may be the Master before us, stopped or killed, whose
// kernel keeps the address to the end of its lifetime: the next try is after
// that. The instance stays Master: its other addresses are needed.
func (s *step) addressDuplicate(ev AddressDuplicate) {
	if s.state != Master {
		return
	}
	if s.duplicate == 0 || s.now-s.duplicate >= retellInterval {
		s.duplicate = s.now
		s.alarm(AlarmDuplicate, netip.Addr{}, "another node on the link has %v: duplicate address detection failed; tried again every %v",
			ev.Addr, duplicateRetry)
	}
	s.set(timerDuplicate, s.now+duplicateRetry)
}

// duplicateRetry is longer than the kernel keeps an address that nobody renews.
const duplicateRetry = 3 * time.Second

// comeBack is a Master's part of a late wake-up: no better Master was heard.
func (s *step) comeBack(late time.Duration) {
	expired := s.addressesExpired()
	s.sendAdverts(s.priority)
	text := "still there"
	if expired {
		text = "put back"
		s.do(AddAddresses{})
	} else {
		s.do(RefreshAddresses{Before: s.lastRefresh + AddressLifetime})
	}
	s.lastRefresh, s.lost = s.now, false
	s.announce(s.cfg.Announce, "woke late")
	s.clear(timerSecond)
	s.setMasterTimers()
	s.alarm(AlarmLate, s.cfg.Local, "woke late by %v as master: addresses %s", ms(late), text)
}
