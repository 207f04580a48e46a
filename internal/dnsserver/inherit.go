package dnsserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// inherited holds duplicates of the sockets of a former process until they are
// taken.
type inherited struct {
	fds map[socketKey][]int
}

type socketKey struct {
	kind int // SOCK_DGRAM, SOCK_STREAM
	addr netip.AddrPort
	zone uint32 // index of the interface of a link-local address
}

func newSocketKey(kind int, a netip.AddrPort, zone uint32) socketKey {
	return socketKey{kind, netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()), zone}
}

// sortInherited sorts files by what they are bound to, and closes them. Files
// that are no sockets are left out.
func sortInherited(files []*os.File) *inherited {
	in := &inherited{fds: make(map[socketKey][]int)}
	for _, f := range files {
		if fd, err := duplicate(f); err == nil {
			in.add(fd)
		}
		f.Close()
	}
	return in
}

// duplicate returns a descriptor of our own for f. It leaves the flags of the
// socket alone, which the former process still reads with.
func duplicate(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	ctlErr := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(ctlErr, err)
}

func (in *inherited) add(fd int) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		unix.Close(fd)
		return
	}
	a, zone, err := sockName(fd)
	if err != nil {
		unix.Close(fd)
		return
	}
	k := newSocketKey(kind, a, zone)
	in.fds[k] = append(in.fds[k], fd)
}

// take returns the descriptors of one address; they are the caller's now.
func (in *inherited) take(kind int, a netip.AddrPort) []int {
	zone, err := zoneIndex(a.Addr().Zone())
	if err != nil {
		return nil
	}
	k := newSocketKey(kind, a, zone)
	fds := in.fds[k]
	delete(in.fds, k)
	return fds
}

// close closes what nobody took.
func (in *inherited) close() {
	for _, fds := range in.fds {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}

// Files returns duplicates of all sockets, to be handed to a process that takes
// over ([Config.Inherited]) while this one still reads. What is queued in a
// socket is read by either process, never lost.
func (s *Server) Files() ([]*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("dnsserver: closed")
	}
	fds := make([]int, 0, len(s.udp)+len(s.tcp))
	for _, u := range s.udp {
		fds = append(fds, u.fd)
	}
	for _, t := range s.tcp {
		fds = append(fds, t.fd)
	}
	files := make([]*os.File, 0, len(fds))
	for _, fd := range fds {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, os.NewSyscallError("fcntl", err)
		}
		files = append(files, os.NewFile(uintptr(dup), "dns"))
	}
	return files, nil
}

// sockName returns what fd is bound to, and the interface's index of a
// link-local address.
func sockName(fd int) (netip.AddrPort, uint32, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, 0, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), 0, nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)), sa.ZoneId, nil
	}
	return netip.AddrPort{}, 0, fmt.Errorf("getsockname: %T is no Internet address", sa)
}

// zoneIndex returns the index of the interface that a zone names or numbers;
// 0 for none.
func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", zone, err)
	}
	return uint32(ifi.Index), nil
}
