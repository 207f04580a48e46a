package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inherited are the listeners of a former process until they are taken.
type inherited []net.Listener

// inherit makes listeners of descriptors, which belong to it. Those that are
// none are closed.
func inherit(fds []int) (in inherited) {
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "admin")
		if ln, err := net.FileListener(f); err == nil {
			in = append(in, ln)
		}
		f.Close()
	}
	return in
}

// take returns the listener at an address of a network, or nil.
func (in *inherited) take(network, addr string) net.Listener {
	for i, ln := range *in {
		if ln.Addr().Network() == network && sameAddr(network, ln.Addr().String(), addr) {
			*in = append((*in)[:i:i], (*in)[i+1:]...)
			return ln
		}
	}
	return nil
}

// sameAddr reports whether a listener at have is what asking for want gives.
// There is one Unix socket, whatever path the former process knew it by.
func sameAddr(network, have, want string) bool {
	if network != "tcp" {
		return true
	}
	a, errA := net.ResolveTCPAddr(network, have)
	b, errB := net.ResolveTCPAddr(network, want)
	if errA != nil || errB != nil || a.Port != b.Port || a.Zone != b.Zone {
		return false
	}
	return a.IP.Equal(b.IP) || a.IP.IsUnspecified() && (b.IP == nil || b.IP.IsUnspecified())
}

// close closes those that nobody took.
func (in inherited) close() {
	for _, ln := range in {
		ln.Close()
	}
}

// Descriptors returns duplicates of the listeners' descriptors, for a process
// that takes over. They are the caller's.
func (s *Server) Descriptors() (fds []int, err error) {
	for _, ln := range s.listeners {
		fd, dupErr := duplicate(ln)
		if dupErr != nil {
			err = errors.Join(err, fmt.Errorf("admin: %w", dupErr))
			continue
		}
		fds = append(fds, fd)
	}
	if err != nil {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, err
	}
	return fds, nil
}

func duplicate(ln net.Listener) (fd int, err error) {
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T has no descriptor", ln)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	ctlErr := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(ctlErr, err)
}

// HandOver says whether the path of the Unix socket is another process's from
// now on, which must outlive this server.
func (s *Server) HandOver(theirs bool) { s.theirs.Store(theirs) }
