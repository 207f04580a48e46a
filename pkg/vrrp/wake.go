package vrrp

import (
	"fmt"
	"time"
)

// wake serves the deadlines that have come. A node that slept through its
// deadlines (a stopped process, a suspended machine, a starved scheduler) does
// not act by the clock before it has read what the others said meanwhile.
func (s *step) wake() {
	s.timer = 0 // it has fired
	if s.draining > 0 {
		return
	}
	if late := s.lateness(); late > 0 {
		s.draining = late
		s.do(DrainQueue{late})
		return
	}
	s.serve()
}

// lateness returns by how much a deadline was missed if that is more than can
// be passed over, else 0.
func (r *Router) lateness() time.Duration {
	if r.state != Master && r.state != Backup {
		return 0
	}
	first := r.next()
	if first == 0 {
		return 0
	}
	if late := r.now - first; late > r.cfg.latest() || late > 0 && (r.addressesExpired() || r.lapsed()) {
		return late
	}
	return 0
}

// addressesExpired reports whether the kernel has taken our addresses away.
func (r *Router) addressesExpired() bool {
	return r.state == Master && r.now-r.lastRefresh >= AddressLifetime
}

// lapsed reports whether a Master was silent for so long that another may have
// taken over, where the operator wants it to yield to that possibility.
func (r *Router) lapsed() bool {
	at := r.due[timerAdvert]
	if r.state != Master || r.cfg.OthersBest == 0 || r.cfg.Priority == PriorityOwner || at == 0 {
		return false
	}
	silent := r.now - (at - r.cfg.Interval)
	return silent >= MasterDownInterval(r.cfg.Version, r.cfg.OthersBest, r.cfg.Interval, r.cfg.downAdverts())
}

// lapse gives the mastership up without a word: whoever has it goes on, and
// whoever waits takes over.
func (s *step) lapse(late time.Duration) {
	s.do(RemoveAddresses{})
	s.leftMaster, s.preemptAt, s.conflict = s.now, 0, conflict{}
	s.forgetMaster()
	s.enterBackup(CauseLate, fmt.Sprintf("woke late by %v: another may be master", ms(late)), s.now+s.masterDown())
}

// queueDrained goes on after a late wake-up, with what the queue held known.
func (s *step) queueDrained() {
	late := s.draining
	if late == 0 {
		return
	}
	s.draining = 0
	switch {
	case s.lapsed():
		s.lapse(late)
	case s.state == Master:
		// Nobody better has spoken: we still are Master, but others may have
		// taken over in between, and the addresses may be gone.
		s.comeBack(late)
	case s.state == Backup:
		// Silence in a queue that was not read proves nothing about the Master,
		// unless something fresh was in it.
		if at := s.due[timerMasterDown]; at > 0 && at <= s.now {
			wait := s.masterDown()
			s.set(timerMasterDown, s.now+wait)
			s.alarm(AlarmLate, s.cfg.Local, "woke late by %v as backup: waits %v more for a master", ms(late), ms(wait))
		}
	}
	s.serve()
}

// serve runs what is due, adverts first. A transition clears what is no longer
// to be served.
func (s *step) serve() {
	for k := range numTimers {
		if at := s.due[k]; at > 0 && at <= s.now {
			s.clear(k)
			s.serveOne(k, at)
		}
	}
}

func (s *step) serveOne(k timerKind, at time.Duration) {
	switch k {
	case timerAdvert:
		s.advertTimer(at)
	case timerMasterDown:
		s.masterDownTimer(at)
	case timerRefresh:
		s.refresh()
	case timerStartup:
		s.leaveInit()
	case timerSecond:
		s.secondAnnouncement()
	case timerPeriodic:
		s.periodicAnnouncement()
	case timerSettle:
		s.settle()
	case timerDuplicate:
		s.restore()
	case timerUnheard:
		s.findUnheard()
	case timerHello:
		s.hello()
	}
}
