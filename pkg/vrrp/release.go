package vrrp

import "fmt"

// yield hands over if a vipd Backup is known to be better now.
func (s *step) yield(text string) {
	p, ok := s.successor()
	if !ok || !p.hello.Preempts || p.hello.Priority <= s.priority {
		return
	}
	s.retire(CauseLowered, fmt.Sprintf("%s: priority %s, and %v has %d", text, s.priorityText(), p.addr, p.hello.Priority))
}

// retire releases and goes on as a Backup.
func (s *step) retire(cause Cause, text string) {
	s.release()
	s.forgetMaster()
	s.enterBackup(cause, text, s.now+s.masterDown())
}

// release gives the addresses up: they go first, so that they are never on two
// nodes, then the others hear of it, and the one that is to be next by name.
func (s *step) release() {
	s.do(RemoveAddresses{})
	s.leftMaster = s.now
	s.conflict = conflict{}
	if s.linkDown != "" {
		return // nobody would hear
	}
	s.sendAdverts(PriorityRelease)
	if p, ok := s.successor(); ok {
		s.sendMessage(KindHandover, p.addr)
	}
}

// drain hands over and stays out, or comes back.
func (s *step) drain(ev Drain) {
	if !ev.On {
		s.undrain()
		return
	}
	if s.state != Master {
		s.setDrained(ev)
		s.do(Reply{true, "drained; was not master"})
		return
	}
	text := "successor unknown"
	if p, ok := s.successor(); ok {
		text = fmt.Sprintf("handed over to %v, priority %d", p.addr, p.hello.Priority)
	} else if !s.mayBeKeepalived() && !ev.Force {
		s.do(Reply{false, "no other node is eligible"})
		return
	}
	s.release()
	s.setDrained(ev)
	s.forgetMaster()
	s.enterBackup(CauseDrain, "drained, "+text, s.now+s.masterDown())
	s.do(Reply{true, text})
}

func (s *step) setDrained(ev Drain) {
	s.drained, s.lastResort = true, ev.LastResort
	if s.wants {
		s.wants = false
		s.report(ReportContent, "")
	}
	if s.state == Master {
		s.priority = s.effective()
		return
	}
	s.reprioritize("drained")
}

func (s *step) undrain() {
	if !s.drained {
		s.do(Reply{true, "was not drained"})
		return
	}
	s.drained, s.lastResort = false, false
	s.reprioritize("no longer drained")
	s.do(Reply{true, "no longer drained"})
}
