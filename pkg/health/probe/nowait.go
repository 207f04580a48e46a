package probe

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of a [Loop]. None but await can wait, so that Go's scheduler
// need not be told of them: each time it is told while nothing else runs, its
// monitor wakes up, and looks around every 20 µs for a while. At 3000 checks a
// second that was a fifth of their cost.

const (
	// oftenEnough is the time between two waits below which the next is not told
	// to the scheduler either: there are many checks.
	oftenEnough = time.Millisecond
	// shortWait bounds, in milliseconds, a wait that it does not know of. The
	// signal by which the collector stops a thread ends it sooner: epoll_wait
	// is never restarted (signal(7)).
	shortWait = 5
)

// await waits for events, at most for that many milliseconds, and returns how
// many there are.
func (l *Loop) await(milliseconds int) (int, unix.Errno) {
	var n uintptr
	var errno unix.Errno
	poll, room := uintptr(l.poll), uintptr(len(l.events))
	if l.busy {
		milliseconds = min(milliseconds, shortWait)
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, poll, uintptr(unsafe.Pointer(&l.events[0])), room, uintptr(milliseconds), 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, poll, uintptr(unsafe.Pointer(&l.events[0])), room, uintptr(milliseconds), 0, 0)
	}
	if errno != 0 {
		n = 0
	}
	now := time.Now()
	l.busy = n > 0 && now.Sub(l.awoken) < oftenEnough
	l.awoken = now
	return int(n), errno
}

// addToPoll has poll watch fd.
func addToPoll(poll, fd int, ev *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(poll), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// startConnect begins to connect a socket that does not wait.
func startConnect(fd int, to netip.AddrPort) error {
	var errno unix.Errno
	if to.Addr().Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	} else {
		sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	}
	if errno != 0 && errno != unix.EINPROGRESS {
		return errno
	}
	return nil
}

func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

func readNow(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func writeNow(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func closeNow(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }
