package geodns

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/dnsserver"
	"github.com/geodns-vipd/geodns/internal/handover"
	"github.com/geodns-vipd/geodns/internal/state"
)

// predecessor is the new process's side of a hand-over.
type predecessor struct {
	conn    *handover.Conn
	pid     int
	version string
	checks  handedState
	dns     []*os.File
	admin   []int
}

// takeOver takes sockets, lock and state from the process that serves with the
// same state folder. It returns false if there is none.
func (s *Server) takeOver() (bool, error) {
	conn, err := handover.Dial(state.ReplaceSocket(s.Config.State))
	if errors.Is(err, handover.ErrNobody) {
		s.Log.Info("there is no process to replace: starting", "state", s.Config.State)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.former = &predecessor{conn: conn}
	if err := conn.Send(handover.Message{Kind: stepHello, PID: os.Getpid(), Version: s.Version}, nil, stepTime); err != nil {
		return true, err
	}
	m, fds, err := conn.Receive(stepTime, stepOffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true, fmt.Errorf("it does not answer within %v: another process takes over from it already, as its log tells, or it hangs", stepTime)
	}
	if err != nil {
		return true, err
	}
	s.former.pid, s.former.version = m.PID, m.Version
	if s.former.checks, err = parseHanded(m.State); err != nil {
		handover.CloseAll(fds)
		return true, err
	}
	s.Log.Info("taking over", "pid", m.PID, "version", m.Version, "descriptors", len(fds))
	return true, s.sortSockets(m, fds)
}

// sortSockets gives each descriptor of an offer to who uses it, and closes
// those that no part of this version knows.
func (s *Server) sortSockets(m handover.Message, fds []int) error {
	path := s.Config.State
	for i, fd := range fds {
		var err error
		switch m.Files[i].Role {
		case roleDNS:
			s.former.dns = append(s.former.dns, os.NewFile(uintptr(fd), roleDNS))
		case roleAdmin:
			s.former.admin = append(s.former.admin, fd)
		case roleLock:
			s.dir, err = state.Adopt(path, fd)
		case roleReplace:
			s.replace, err = handover.Inherit(fd, state.ReplaceSocket(path))
		default:
			handover.CloseAll([]int{fd})
		}
		if err != nil {
			handover.CloseAll(fds[i+1:])
			return err
		}
	}
	if s.dir == nil {
		return errors.New("the other process handed no lock over")
	}
	return nil
}

// end closes what a hand-over that was broken off has left. The path of each
// socket is the other process's.
func (p *predecessor) end() {
	if p == nil {
		return
	}
	closeFiles(p.dns) // of no effect once they are taken
	p.conn.Close()
}

// inheritHealth gives the board the state that the former process has now, and
// publishes it.
func (s *Server) inheritHealth() error {
	if err := s.former.conn.Send(handover.Message{Kind: stepBegin}, nil, stepTime); err != nil {
		return err
	}
	m, _, err := s.former.conn.Receive(stepTime, stepState)
	if err != nil {
		return err
	}
	checks, err := parseHanded(m.State)
	if err != nil {
		return err
	}
	checks.restore(s.checker.board, s.live.Load().targets)
	s.checker.republish(time.Now())
	return nil
}

// finishTakeOver lets the former process go, once this one reads every socket.
func (s *Server) finishTakeOver(dns *dnsserver.Server, admin *control.Server) error {
	conn := s.former.conn
	if err := conn.Send(handover.Message{Kind: stepServing}, nil, stepTime); err != nil {
		return err
	}
	m, fds, err := conn.Receive(stepTime, stepConnections)
	if err != nil {
		return err
	}
	conns := make([]dnsserver.Conn, len(fds))
	for i, fd := range fds {
		conns[i] = dnsserver.Conn{FD: fd, Received: m.Files[i].Received}
	}
	if err := conn.Send(handover.Message{Kind: stepDone}, nil, stepTime); err != nil {
		handover.CloseAll(fds)
		return err
	}
	admin.HandOver(false)
	dns.Attach(conns)
	if _, _, err := conn.Receive(stepTime, stepBye); err != nil {
		s.Log.Warn("the process that was replaced did not say that it ends", "pid", s.former.pid, "err", err)
	}
	s.Log.Info("took over", "pid", s.former.pid, "version", s.former.version, "connections", len(conns))
	return nil
}
