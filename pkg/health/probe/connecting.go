package probe

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// connect begins to connect. The descriptor is watched by its edges: each
// change is told once.
func (f *flight) connect(port uint16) error {
	fd, err := unix.Socket(family(f.a.addr), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	f.fd = fd
	if err := f.a.via.prepare(fd); err != nil {
		return err
	}
	if s := f.a.via.Source; s.IsValid() {
		if err := unix.Bind(fd, tcpSockaddr(netip.AddrPortFrom(s, 0))); err != nil {
			return err
		}
	}
	if err := startConnect(fd, netip.AddrPortFrom(f.a.addr, port)); err != nil {
		return err
	}
	f.l.admit(f)
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&(1<<32-1),
		Fd:     int32(fd), Pad: int32(f.mark),
	}
	return addToPoll(f.l.poll, fd, &ev)
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func tcpSockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

// established reports whether the connection is there; if that has failed, it
// ends the probe.
func (f *flight) established(events uint32) bool {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		no, err := unix.GetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			f.close(err)
			return false
		case no != 0:
			f.close(syscall.Errno(no))
			return false
		}
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP) == 0 {
		return false
	}
	if f.connectedToItself() {
		// The blocking client repeats the dial.
		f.leave()
		f.retry()
		return false
	}
	return true
}

// connectedToItself reports whether the local port and the one connected to
// are by chance the same one, which would look like a target that is up. Most
// targets have a port that the system never hands out, and are not asked about.
func (f *flight) connectedToItself() bool {
	port := f.port()
	if port < f.l.lowPort || port > f.l.highPort {
		return false
	}
	sa, err := unix.Getsockname(f.fd)
	if err != nil {
		return false
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port == int(port) && sa.Addr == f.a.addr.As4()
	case *unix.SockaddrInet6:
		return sa.Port == int(port) && sa.Addr == f.a.addr.As16()
	}
	return false
}

func (f *flight) port() uint16 {
	switch p := f.job.Prober.(type) {
	case *HTTP:
		return p.start.port
	case *TCP:
		return p.c.Port
	}
	return 0
}
