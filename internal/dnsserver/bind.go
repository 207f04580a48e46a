package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// maxPortTries bounds the search for a port that is free in UDP and TCP.
const maxPortTries = 32

// backlog is how many TCP connections the kernel holds until they are
// accepted; it cuts the number to net.core.somaxconn.
const backlog = 1024

// udpSocket is a UDP socket in blocking mode; one thread reads it.
type udpSocket struct {
	fd       int
	worker   int
	addr     netip.AddrPort
	counters udpCounters

	// drops sums up what the kernel's 32 bit counter, last seen as lastDrops,
	// has counted. Both are guarded by Server.mu.
	drops     uint64
	lastDrops uint32
}

func (u *udpSocket) close() error { return unix.Close(u.fd) }

// Listen binds every address of cfg for UDP and TCP. It reads nothing yet:
// queries over UDP queue in the kernel, and TCP connections are refused, until
// Run. The error names every address that could not be bound, with the reason.
//
// An address that another process serves is an error, even if that process
// would share it. Where the kernel has no IPv6, [::] is left out with a warning
// as long as another address remains.
func Listen(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:   cfg,
		conns: newConnTable(cfg.MaxConns, cfg.MaxConnsPerClient),
		lanes: make([]lane, cfg.Workers),
	}
	former := sortInherited(cfg.Inherited)
	defer former.close()
	errs := checkAddrs(cfg.Addrs)
	if errs == nil {
		errs = s.bindAll(former)
	}
	if len(errs) > 0 {
		s.Close()
		return nil, errors.Join(errs...)
	}
	return s, nil
}

// checkAddrs returns what is wrong with addrs as a list.
func checkAddrs(addrs []netip.AddrPort) (errs []error) {
	if len(addrs) == 0 {
		return []error{errors.New("listen: no address given")}
	}
	for i, a := range addrs {
		if !a.IsValid() {
			errs = append(errs, fmt.Errorf("listen: address %d is not set", i+1))
			continue
		}
		for _, b := range addrs[:i] {
			switch {
			case a.Port() == 0 || !b.IsValid():
			case canonical(a) == canonical(b):
				errs = append(errs, fmt.Errorf("listen %v: listed twice", a))
			case covers(a, b):
				errs = append(errs, fmt.Errorf("listen %v: covers %v already", a, b))
			case covers(b, a):
				errs = append(errs, fmt.Errorf("listen %v: covered by %v already", a, b))
			}
		}
	}
	return errs
}

// canonical returns a with an IPv4-mapped address unmapped.
func canonical(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// covers reports whether a is a wildcard that includes b.
func covers(a, b netip.AddrPort) bool {
	a, b = canonical(a), canonical(b)
	return a.Addr().IsUnspecified() && a.Port() == b.Port() && a.Addr().Is4() == b.Addr().Is4()
}

// bindAll binds every address and returns all errors.
func (s *Server) bindAll(former *inherited) (errs []error) {
	var noIPv6 error
	for _, a := range s.cfg.Addrs {
		bound, err := s.bindAddr(canonical(a), former)
		switch {
		case err == nil:
			s.addrs = append(s.addrs, bound)
		case errors.Is(err, unix.EAFNOSUPPORT) && a.Addr() == netip.IPv6Unspecified():
			s.cfg.Log.Warn("the kernel has no IPv6: not listening on it", "listen", a)
			noIPv6 = err
		default:
			errs = append(errs, err)
		}
	}
	if len(s.addrs) == 0 && len(errs) == 0 && noIPv6 != nil {
		errs = append(errs, noIPv6)
	}
	return errs
}

// bindAddr binds one address in UDP and TCP. For port 0 it tries until both
// have the same port.
func (s *Server) bindAddr(a netip.AddrPort, former *inherited) (netip.AddrPort, error) {
	for try := 1; ; try++ {
		udp, udpErr := s.bindUDP(a, former)
		bound := a
		if udpErr == nil {
			bound = udp[0].addr
		}
		tcp, tcpErr := bindTCP(bound, former)
		if udpErr == nil && tcpErr == nil {
			s.udp = append(s.udp, udp...)
			s.tcp = append(s.tcp, tcp)
			level, name := freeBind(a.Addr())
			if on, err := unix.GetsockoptInt(tcp.fd, level, name); err == nil && on != 0 {
				s.cfg.Log.Warn("no interface has this address yet: it is served as soon as one has", "listen", bound)
			}
			return bound, nil
		}
		for _, u := range udp {
			u.close()
		}
		if tcp != nil {
			tcp.close()
		}
		if a.Port() == 0 && udpErr == nil && errors.Is(tcpErr, unix.EADDRINUSE) && try < maxPortTries {
			continue
		}
		return netip.AddrPort{}, errors.Join(bindError("udp", bound, udpErr), bindError("tcp", bound, tcpErr))
	}
}

// bindError says for an operator which address failed and what would help.
func bindError(network string, a netip.AddrPort, err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EADDRINUSE):
		hint = fmt.Sprintf(": another process listens there; see: ss -lnp 'sport = :%d'", a.Port())
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		hint = ": a port below 1024 needs root or CAP_NET_BIND_SERVICE"
	}
	return fmt.Errorf("listen %s %v: %w%s", network, a, err, hint)
}

// bindUDP returns the sockets of one address, at least one per worker.
func (s *Server) bindUDP(a netip.AddrPort, former *inherited) (socks []*udpSocket, err error) {
	defer func() {
		if err != nil {
			for _, u := range socks {
				u.close()
			}
			socks = nil
		}
	}()
	for _, fd := range former.take(unix.SOCK_DGRAM, a) {
		// Surplus ones too: the kernel goes on to give them their share of the
		// clients for as long as the former process has them open.
		socks = append(socks, s.newUDPSocket(fd, a, len(socks)))
	}
	taken := len(socks)
	for len(socks) < s.cfg.Workers {
		fd, err := openUDP(a, s.cfg.SocketBuffer, len(socks) > 0)
		if err != nil && taken > 0 {
			// The kernel lets only the user join who made the first socket.
			s.cfg.Log.Warn("cannot add sockets to those taken over", "listen", a, "sockets", len(socks), "wished", s.cfg.Workers, "err", err)
			break
		}
		if err != nil {
			return socks, err
		}
		if a.Port() == 0 {
			name, _, err := sockName(fd)
			if err != nil {
				unix.Close(fd)
				return socks, err
			}
			a = netip.AddrPortFrom(a.Addr(), name.Port())
		}
		socks = append(socks, s.newUDPSocket(fd, a, len(socks)))
	}
	return socks, nil
}

func (s *Server) newUDPSocket(fd int, a netip.AddrPort, n int) *udpSocket {
	u := &udpSocket{fd: fd, addr: a, worker: n % s.cfg.Workers}
	u.noteDrops() // what the kernel counted before us is not ours
	u.drops = 0
	return u
}

// openUDP binds one UDP socket. The first of an address claims it alone, so
// that another process which would share it is an error and does not take half
// of the queries; later ones join it.
func openUDP(a netip.AddrPort, buffer int, join bool) (int, error) {
	fd, err := unix.Socket(family(a.Addr()), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = setUDPOptions(fd, a.Addr(), buffer)
	if err == nil && join {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err == nil {
		err = bind(fd, a)
	}
	if err == nil && !join {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// setUDPOptions sets what must hold before the first packet arrives.
func setUDPOptions(fd int, a netip.Addr, buffer int) error {
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, buffer)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, buffer)
	timeout := unix.NsecToTimeval(receiveTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	options := udp4Options
	if a.Is6() {
		options = udp6Options
	}
	for _, o := range options {
		if o.wildcard && !a.IsUnspecified() {
			continue
		}
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

type option struct {
	level, name, value int
	wildcard           bool // for wildcard sockets only
}

// Nobody splits a reply: PROBE sends IPv4 with the DF bit, in IPv6 no router may
// anyway, and one that is longer than the interface carries is an error (EMSGSIZE),
// and is sent once more as a truncated one (RFC 9715, Section 3.1). What ICMP says
// of the path is ignored by both, so that a forged "fragmentation needed" does not
// cut replies.
var (
	udp4Options = []option{
		{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE, false},
		{unix.IPPROTO_IP, unix.IP_PKTINFO, 1, true},
	}
	udp6Options = []option{
		{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, false},
		{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_INTERFACE, false},
		{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, true},
	}
)

// setBuffer asks for a socket buffer, beyond the system's bound where we may.
// A smaller one than wished works too.
func setBuffer(fd, force, plain, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size)
	}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// bind binds fd to a, also if no interface has the address: that of a VIP comes
// with it, and a server that started first must not have to be started again.
func bind(fd int, a netip.AddrPort) error {
	err := bindNow(fd, a)
	if !errors.Is(err, unix.EADDRNOTAVAIL) {
		return err
	}
	level, name := freeBind(a.Addr())
	if unix.SetsockoptInt(fd, level, name, 1) != nil {
		return err
	}
	return bindNow(fd, a)
}

// freeBind returns the option that lets a socket have any address.
func freeBind(a netip.Addr) (level, name int) {
	if a.Is4() {
		return unix.IPPROTO_IP, unix.IP_FREEBIND
	}
	return unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
}

func bindNow(fd int, a netip.AddrPort) error {
	if a.Addr().Is4() {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()})
	}
	zone, err := zoneIndex(a.Addr().Zone())
	if err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zone})
}
