package vrrp

// fault says what makes the instance unfit, "" if nothing does.
func (r *Router) fault() (Cause, string) {
	if cause, why := r.faultOfOwn(); why != "" {
		return cause, why
	}
	return CauseGroup, r.groupFault
}

func (r *Router) faultOfOwn() (Cause, string) {
	if r.linkDown != "" {
		return CauseLink, r.linkDown
	}
	for i := range r.cfg.Trackers {
		if t := &r.cfg.Trackers[i]; t.fault(r.tracked[i]) {
			return CauseTracked, t.describe(r.tracked[i])
		}
	}
	return CauseTracked, ""
}

// track takes news of a tracked thing; strangers are ignored.
func (s *step) track(ev Track) {
	i := s.cfg.trackerIndex(ev.Kind, ev.Name)
	if i < 0 {
		return
	}
	fresh := make([]tracked, len(s.tracked))
	copy(fresh, s.tracked)
	fresh[i] = tracked{known: true, up: ev.Up, value: min(max(ev.Value, -254), 254), text: ev.Text}
	s.tracked = fresh
	if s.running && s.state == Init {
		s.leaveInit()
		return
	}
	s.reassess(CauseTracked, s.cfg.Trackers[i].describe(fresh[i]))
}

func (s *step) link(ev Link) {
	s.linkDown = ""
	text := "interface is usable"
	if !ev.Up {
		s.linkDown = ev.Why
		if ev.Why == "" {
			s.linkDown = "interface is down"
		}
		text = s.linkDown
	}
	s.reassess(CauseLink, text)
}

// reassess draws the consequences of a change: in or out of FAULT, or another
// priority. text says what changed.
func (s *step) reassess(cause Cause, text string) {
	if !s.running || s.state == Init {
		s.priority = s.effective()
		return
	}
	_, own := s.faultOfOwn()
	s.reportFault(own)
	switch why, fault := s.fault(); {
	case fault != "" && s.state != Fault:
		s.enterFault(why, fault)
	case fault == "" && s.state == Fault:
		s.priority = s.effective()
		s.begin(cause, text)
	default:
		s.reprioritize(text)
	}
}

// reportFault tells the group when a fault of our own begins or ends.
func (s *step) reportFault(own string) {
	if (own != "") == s.ownFault {
		return
	}
	s.ownFault = own != ""
	if s.ownFault {
		s.report(ReportFault, own)
	} else {
		s.report(ReportHealthy, "")
	}
}

// enterFault leaves the protocol until all is well again. A Master releases
// like one that stops.
func (s *step) enterFault(cause Cause, why string) {
	if s.state == Master {
		s.release()
	}
	s.wants = false
	s.priority = s.effective()
	s.forgetMaster()
	s.transition(Fault, cause, why)
	_, own := s.faultOfOwn()
	s.reportFault(own)
	s.do(Notify{Hook: HookFault, Priority: s.priority})
	s.hello()
}

// reprioritize takes a new effective priority into use. A Backup's timer
// shifts by the difference of the skews; a Master that fell below a Backup
// which would preempt it anyway hands over now, not a master-down interval
// later.
func (s *step) reprioritize(text string) {
	before, skew := s.priority, s.skew()
	s.priority = s.effective()
	if s.priority == before {
		return
	}
	s.note("priority %s, was %d: %s", s.priorityText(), before, text)
	switch s.state {
	case Backup:
		if at := s.due[timerMasterDown]; at > 0 {
			s.set(timerMasterDown, at+s.skew()-skew)
		}
		s.hello()
	case Fault:
		s.hello()
	case Master:
		s.masterPriority = s.priority
		if s.priority < before {
			s.yield(text)
		}
	}
}
