package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// enterBackup makes this node a Backup that takes over at the given time
// unless a Master is heard (RFC 9568, Section 6.4.2).
func (s *step) enterBackup(cause Cause, text string, at time.Duration) {
	s.transition(Backup, cause, text)
	s.set(timerMasterDown, at)
	s.do(Notify{Hook: HookBackup, Priority: s.priority})
	s.hello()
	s.report(ReportBackup, text)
}

// advertReceived takes an advertisement that is believed.
func (s *step) advertReceived(ev AdvertReceived) {
	if !s.running || !s.authentic(ev) {
		return
	}
	s.heardAdvert(ev)
	switch s.state {
	case Backup:
		s.backupHears(ev)
	case Master:
		s.masterHears(ev)
	case Init, Fault:
		s.noteMaster(ev) // for status only
	}
}

// authentic refuses what was signed and is not fresh, and tells of what is
// believed without being signed.
func (s *step) authentic(ev AdvertReceived) bool {
	switch {
	case s.cfg.HMAC == nil:
	case !ev.Advert.Signed:
		s.believeUnsigned(ev.From)
	default:
		if why := s.freshAdvert(ev.From, &ev.Advert, ev.Wall); why != Accepted {
			s.refuse(ev.From, why, ev.Advert.Priority)
			return false
		}
	}
	return true
}

// backupHears follows RFC 9568, Section 6.4.2 (RFC 3768, Section 6.4.2).
func (s *step) backupHears(ev AdvertReceived) {
	switch {
	case ev.Advert.Priority == PriorityRelease:
		s.masterReleased(ev)
	case s.leavesInPlace(ev.Advert.Priority):
		s.follow(ev)
	default:
		s.discard(ev)
	}
}

// leavesInPlace reports whether a Master of this priority is to stay: it is
// not lower (an equal one is never preempted), or we do not preempt, or not
// yet.
func (s *step) leavesInPlace(priority uint8) bool {
	switch {
	case priority >= s.priority:
		s.preemptAt = 0
		return true
	case s.priority == PriorityOwner:
		return false // the owner always preempts (RFC 9568, Section 6.1: Preempt_Mode)
	case s.cfg.NoPreempt:
		return true
	case s.cfg.PreemptDelay == 0:
		return false
	case s.preemptAt == 0:
		s.preemptAt = s.now + s.cfg.PreemptDelay
		s.noteHeard("a lower master (priority %d) is left in place for %v", priority, s.cfg.PreemptDelay)
	}
	return s.now < s.preemptAt
}

// discard leaves the timer as it is: when it ends, we take over from this lower
// Master. Who that is, is kept for status, and to believe its hand-over.
func (s *step) discard(ev AdvertReceived) {
	if s.heard == 0 || s.master == ev.From {
		s.master, s.masterPriority, s.lowerHeard = ev.From, ev.Advert.Priority, s.now
	}
}

// follow restarts the timer and learns the Master's interval.
func (s *step) follow(ev AdvertReceived) {
	s.noteMaster(ev)
	s.noMaster.holds = false
	if s.wants {
		s.wants = false
		s.report(ReportContent, "")
	}
	s.set(timerMasterDown, s.heard+s.masterDown())
}

// noteMaster keeps who the Master is. Its interval counts from when the
// advertisement arrived, not from when we got to read it.
//
// Version 3 learns the interval (RFC 9568, Section 6.4.2). Version 2 does not,
// and discards an advertisement whose interval differs (RFC 3768, Section
// 7.1): that makes two Masters for ever, so the longer one counts instead.
func (s *step) noteMaster(ev AdvertReceived) {
	s.master, s.masterPriority = ev.From, ev.Advert.Priority
	s.heard, s.lowerHeard, s.released = max(s.now-ev.Age, 1), 0, netip.Addr{}
	interval := ev.Advert.Interval
	if s.cfg.Version == V2 || interval == 0 {
		interval = max(interval, s.cfg.Interval)
	}
	s.masterInterval = interval
}

// masterReleased waits for the skew only: the best Backup is first (RFC 9568,
// Section 6.4.2). A second release of the same Master (keepalived sends two
// when it enters FAULT) does not start the wait anew.
func (s *step) masterReleased(ev AdvertReceived) {
	at := max(s.now-ev.Age, 1) + s.skew()
	if s.released == ev.From {
		at = min(at, s.due[timerMasterDown])
	}
	s.released = ev.From
	s.set(timerMasterDown, at)
}

// masterDownTimer is Active_Down_Timer (RFC 9568, Section 6.4.2).
func (s *step) masterDownTimer(at time.Duration) {
	cause, text := s.silence()
	if late := s.now - at; late >= time.Millisecond {
		text += fmt.Sprintf(", timer %v late", ms(late))
	}
	if s.drained && !s.lastResort {
		s.set(timerMasterDown, s.now+s.masterDown())
		s.raise(&s.noMaster, true, AlarmNoMaster, netip.Addr{},
			func() string { return text + ", but this node is drained" })
		return
	}
	s.claim(cause, text)
}

// silence says why there is no Master any more.
func (r *Router) silence() (Cause, string) {
	switch {
	case r.released.IsValid():
		return CauseRelease, fmt.Sprintf("%v released, skew of %v is over", r.released, ms(r.skew()))
	case r.lowerHeard > 0 && r.now-r.lowerHeard < r.masterDown():
		return CausePreempt, fmt.Sprintf("%v has priority %d, ours is %s", r.master, r.masterPriority, r.priorityText())
	case r.heard > 0:
		return CauseSilence, fmt.Sprintf("no advert of %v (priority %d) for %v, master-down interval %v",
			r.master, r.masterPriority, ms(r.now-r.heard), ms(r.masterDown()))
	}
	return CauseSilence, fmt.Sprintf("no advert in %v of waiting, master-down interval %v",
		ms(r.now-r.since), ms(r.masterDown()))
}

// claim makes this node Master; a member of a sync group asks first.
func (s *step) claim(cause Cause, text string) {
	if !s.cfg.Grouped {
		s.becomeMaster(cause, text)
		return
	}
	s.wants = true
	// The others get one interval to agree, as with keepalived.
	s.set(timerMasterDown, s.now+s.masterInterval+s.skew())
	s.report(ReportWants, text)
}

// handoverReceived takes over at once from a vipd Master that has released and
// names us. Only the Master that we follow can do that: anybody else could
// start a fight.
func (s *step) handoverReceived(ev HandoverReceived) {
	m := ev.Message
	if !s.running || !s.fresh(ev.From, m, ev.Wall) {
		return
	}
	s.forgetHello(ev.From) // it is the Master, and leaves; its next hello will say the rest
	switch {
	case s.state != Backup || m.Successor != s.cfg.Local:
	case ev.From != s.master:
		s.noteHeard("hand-over by %v, which is not the master, ignored", ev.From)
	case s.drained:
		s.noteHeard("hand-over by %v ignored: drained", ev.From)
	case ev.Age > s.masterInterval:
		s.noteHeard("hand-over by %v ignored: it is %v old", ev.From, ms(ev.Age))
	default:
		s.handedBy, s.handedAt = ev.From, s.now
		s.claim(CauseHandover, fmt.Sprintf("%v (priority %d) handed over", ev.From, s.masterPriority))
	}
}

// groupOrder obeys the sync group.
func (s *step) groupOrder(o Order) {
	if !s.running {
		return
	}
	switch o.Kind {
	case OrderPromote:
		s.promote(o.Text)
	case OrderDemote:
		if s.state == Master {
			s.retire(CauseGroup, o.Text)
		}
	case OrderFault:
		s.groupFault = cmpText(o.Text)
		s.reassess(CauseGroup, o.Text)
	case OrderClear:
		s.groupFault = ""
		s.reassess(CauseGroup, o.Text)
	}
}

func (s *step) promote(text string) {
	switch {
	case s.state == Master:
	case s.state == Backup && (!s.drained || s.lastResort):
		s.becomeMaster(CauseGroup, text)
	default:
		s.report(ReportBackup, "cannot be master: "+s.state.String())
	}
}
