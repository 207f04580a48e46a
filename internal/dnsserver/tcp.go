package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tcpSocket is a TCP socket, bound by Listen and listening from Run on.
type tcpSocket struct {
	fd       int
	addr     netip.AddrPort
	listener *net.TCPListener
}

// bindTCP binds a without listening yet, so that clients are refused, and ask
// elsewhere, until there is somebody who answers.
func bindTCP(a netip.AddrPort, former *inherited) (*tcpSocket, error) {
	if fds := former.take(unix.SOCK_STREAM, a); len(fds) > 0 {
		for _, surplus := range fds[1:] {
			unix.Close(surplus)
		}
		return &tcpSocket{fd: fds[0], addr: a}, nil
	}
	fd, err := unix.Socket(family(a.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// Connections of a former process in TIME_WAIT must not keep us out.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil && a.Addr().Is6() {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = bind(fd, a)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &tcpSocket{fd: fd, addr: a}, nil
}

// listen opens the socket for connections.
func (t *tcpSocket) listen() error {
	if err := unix.Listen(t.fd, backlog); err != nil {
		return bindError("tcp", t.addr, err)
	}
	dup, err := unix.FcntlInt(uintptr(t.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("listen tcp %v: %w", t.addr, err)
	}
	f := os.NewFile(uintptr(dup), "tcp")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("listen tcp %v: %w", t.addr, err)
	}
	t.listener = l.(*net.TCPListener)
	return nil
}

func (t *tcpSocket) close() error {
	err := unix.Close(t.fd)
	if t.listener != nil {
		t.listener.Close() // stopTCP may have closed it already
	}
	return err
}

// openTCP makes all TCP sockets listen, or none.
func (s *Server) openTCP() error {
	var errs []error
	for _, sock := range s.tcp {
		errs = append(errs, sock.listen())
	}
	return errors.Join(errs...)
}

// stopGrace is how long connections have, at the end, to hand in the queries
// that are on their way through the kernel.
const stopGrace = 100 * time.Millisecond

// stopTCP ends accepting, and reading after a short grace.
func (s *Server) stopTCP() {
	for _, sock := range s.tcp {
		sock.listener.Close()
	}
	s.conns.each(func(c *conn) { c.tcp.SetReadDeadline(s.stopAt) })
}

// acceptTCP accepts connections until the listener is closed. Each is served
// by a goroutine that running counts.
func (s *Server) acceptTCP(sock *tcpSocket, h Handler, running *sync.WaitGroup) {
	var errorsInRow backoff
	for {
		c, err := sock.listener.AcceptTCP()
		switch {
		case err == nil:
			errorsInRow.reset()
			s.admit(c, h, running)
		case s.stopping.Load() || errors.Is(err, net.ErrClosed):
			return
		default:
			s.acceptFailed(sock, err)
			time.Sleep(errorsInRow.next())
		}
	}
}

// acceptFailed makes room if descriptors have run out: an idle connection is
// worth less than a new one.
func (s *Server) acceptFailed(sock *tcpSocket, err error) {
	s.tcpStats.acceptErrors.Add(1)
	if s.quiet.allow("accept", time.Now()) {
		s.cfg.Log.Warn("accepting over TCP", "listen", sock.addr, "open", s.conns.len(), "err", err)
	}
	if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
		return
	}
	if c := s.conns.evictIdle(); c != nil {
		s.evict(c)
	}
}

// admit starts serving a connection if the bounds allow it.
func (s *Server) admit(tcp *net.TCPConn, h Handler, running *sync.WaitGroup) {
	s.tcpStats.accepted.Add(1)
	c := s.newConn(tcp, h)
	evicted, ok := s.conns.admit(c)
	if evicted != nil {
		s.evict(evicted)
	}
	if !ok {
		s.tcpStats.refused.Add(1)
		reset(tcp)
		return
	}
	running.Go(c.serve)
}

// evict closes a connection that the table has dropped. Its goroutine notices.
func (s *Server) evict(c *conn) {
	s.tcpStats.evicted.Add(1)
	c.tcp.Close()
}

// reset closes a connection at once, so that the kernel has nothing to keep.
func reset(tcp *net.TCPConn) {
	_ = tcp.SetLinger(0)
	tcp.Close()
}
