package dnsio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxMessage is the length in bytes of the longest DNS message over TCP.
const maxMessage = 65535

// tries for a port that is free in UDP and TCP, when any port will do.
const portTries = 20

// Listen binds every address for UDP and TCP. Nothing is read before Run. The
// error names each address that could not be bound.
func Listen(c Config) (*Server, error) {
	c = c.withDefaults()
	s := &Server{cfg: c, conns: newConnTable(c.MaxConns, c.MaxConnsPerClient), shards: make(chan int, c.Workers)}
	var errs []error
	for _, addr := range c.Addrs {
		if err := s.bind(addr); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		s.Close()
		return nil, errors.Join(errs...)
	}
	for i := range c.Workers {
		s.shards <- len(s.udp) + i
	}
	return s, nil
}

// bind opens the sockets of one address.
func (s *Server) bind(addr netip.AddrPort) error {
	tries := 1
	if addr.Port() == 0 {
		tries = portTries
	}
	var err error
	for range tries {
		if err = s.bindOnce(addr); err == nil {
			return nil
		}
	}
	return fmt.Errorf("listen at %s: %w", addr, err)
}

// bindOnce opens one TCP socket and, at its port, the UDP sockets of all
// workers. What was opened is closed again if any of them fails.
func (s *Server) bindOnce(addr netip.AddrPort) error {
	tcp, err := bindTCP(addr)
	if err != nil {
		return err
	}
	addr = netip.AddrPortFrom(addr.Addr(), tcp.port)
	var socks []*udpSocket
	for range s.cfg.Workers {
		u, err := bindUDP(addr, s.cfg.SocketBuffer)
		if err != nil {
			for _, u := range socks {
				u.close()
			}
			tcp.close()
			return err
		}
		socks = append(socks, u)
	}
	s.udp = append(s.udp, socks...)
	s.tcp = append(s.tcp, tcp)
	s.addrs = append(s.addrs, addr)
	return nil
}

// socket opens and binds a socket of the given kind at addr.
func socket(addr netip.AddrPort, kind int) (int, error) {
	family, sa, err := sockaddr(addr)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil && kind == unix.SOCK_DGRAM {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err == nil && kind == unix.SOCK_STREAM {
		// A restart must not wait for connections in TIME-WAIT.
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, sa); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// sockaddr returns the family and the kernel's form of addr.
func sockaddr(addr netip.AddrPort) (family int, sa unix.Sockaddr, err error) {
	a := addr.Addr()
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}, nil
	}
	zone := 0
	if z := a.Zone(); z != "" {
		if zone, err = zoneIndex(z); err != nil {
			return 0, nil, err
		}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(addr.Port()), Addr: a.As16(), ZoneId: uint32(zone)}, nil
}

func zoneIndex(zone string) (int, error) {
	if n, err := strconv.Atoi(zone); err == nil {
		return n, nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", zone, err)
	}
	return ifi.Index, nil
}

// boundPort returns the port that a socket is bound to.
func boundPort(fd int) (uint16, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port), nil
	case *unix.SockaddrInet6:
		return uint16(sa.Port), nil
	}
	return 0, errors.New("not an internet socket")
}
