package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tcpSocket is a TCP socket, bound by Listen and listening from Run on.
type tcpSocket struct {
	fd   int
	addr netip.AddrPort
}

// tcpBuffer is the size asked for the queues of each connection in the kernel,
// in bytes. Queries are short, and an answer that its client does not take must
// not grow to the megabytes that the kernel would give it.
const tcpBuffer = 64 << 10

// bindTCP binds a without listening yet, so that clients are refused, and ask
// elsewhere, until there is somebody who answers.
func bindTCP(a netip.AddrPort, former *inherited) (*tcpSocket, error) {
	if fds := former.take(unix.SOCK_STREAM, a); len(fds) > 0 {
		for _, surplus := range fds[1:] {
			unix.Close(surplus)
		}
		return &tcpSocket{fd: fds[0], addr: a}, nil
	}
	fd, err := unix.Socket(family(a.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	// Connections of a former process in TIME_WAIT must not keep us out.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil && a.Addr().Is6() {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	// Accepted connections take these from the listener: an answer is written
	// whole, so that there is nothing to wait for (RFC 7766, Section 8).
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, tcpBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, tcpBuffer)
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
	// A socket that was handed over may come from a process that waited in it.
	if err := unix.SetNonblock(t.fd, true); err != nil {
		return fmt.Errorf("listen tcp %v: %w", t.addr, err)
	}
	return nil
}

func (t *tcpSocket) close() error { return unix.Close(t.fd) }

// openTCP makes all TCP sockets listen, or none, and returns the loops that
// serve them.
func (s *Server) openTCP(h Handler) (loops []*tcpLoop, err error) {
	var errs []error
	for _, sock := range s.tcp {
		errs = append(errs, sock.listen())
	}
	for i := 0; i < tcpLoops() && errors.Join(errs...) == nil; i++ {
		l, err := s.newTCPLoop(s.cfg.Workers+i, h)
		if err != nil {
			errs = append(errs, err)
			break
		}
		loops = append(loops, l)
	}
	if err := errors.Join(errs...); err != nil {
		for _, l := range loops {
			l.poll.close()
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loops = loops
	return loops, nil
}

// stopGrace is how long connections have, at the end, to hand in the queries
// that are on their way through the kernel.
const stopGrace = 100 * time.Millisecond

// acceptsAtOnce bounds how many connections a loop accepts before it looks at
// those it has.
const acceptsAtOnce = 32

// accept takes connections that wait at sock, and reports whether there was one and
// the loop goes on listening.
func (l *tcpLoop) accept(sock *tcpSocket) (any bool) {
	for range acceptsAtOnce {
		fd, sa, err := unix.Accept4(sock.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			any = true
			l.acceptErrors.reset()
			l.srv.tcpStats.accepted.Add(1)
			l.admit(fd, peer(sa))
		case errors.Is(err, unix.EAGAIN):
			return any
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		default:
			l.srv.acceptFailed(sock, err)
			l.rest(l.acceptErrors.next())
			return false
		}
	}
	return true
}

// peer returns the address of a client, without zone and never IPv4-mapped.
func peer(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// acceptFailed makes room if descriptors have run out: an idle connection is
// worth less than a new one.
func (s *Server) acceptFailed(sock *tcpSocket, err error) {
	s.tcpStats.acceptErrors.Add(1)
	if s.quiet.allow("accept", time.Now()) {
		s.cfg.Log.Warn("accepting over TCP", "listen", sock.addr, "open", s.conns.len(), "err", os.NewSyscallError("accept4", err))
	}
	if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
		return
	}
	if s.conns.evictIdle() != nil {
		s.tcpStats.evicted.Add(1)
	}
}

// admit starts serving a connection if the bounds allow it.
func (l *tcpLoop) admit(fd int, from netip.AddrPort) {
	l.take(&conn{fd: fd, from: from, client: clientOf(from.Addr())})
}

// take starts serving a connection if the bounds allow it, and reports whether
// they did; if not, it is reset.
func (l *tcpLoop) take(c *conn) bool {
	evicted, ok := l.srv.conns.admit(c)
	if evicted != nil {
		l.srv.tcpStats.evicted.Add(1)
	}
	if !ok {
		l.srv.tcpStats.refused.Add(1)
		reset(c.fd)
		return false
	}
	return l.add(c)
}

// reset closes a connection at once, so that the kernel has nothing to keep.
func reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(fd)
}
