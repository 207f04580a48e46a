package dnsserver

import (
	"encoding/binary"
	"math"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// eventsAtOnce is how many events one system call carries at most.
	eventsAtOnce = 128
	// wakeMark is the number by which the descriptor that wakes a poller is
	// told from connections and listeners.
	wakeMark = math.MinInt32
	// shortWait bounds how long a thread waits without telling Go's scheduler,
	// so that its monitor need not interrupt it.
	shortWait = 5 * time.Millisecond
)

// poller is an epoll descriptor that one thread waits for.
//
// It does not wait by way of Go's poller. That would hold no thread, but each
// time it costs a second epoll_wait there, the parking of the goroutine, another
// time to wake up at, and often a thread that is woken to look for more work:
// twice the time of a query that comes alone.
type poller struct {
	fd, eventfd int
	events      [eventsAtOnce]unix.EpollEvent
	now         time.Time // when the last wait ended, or open was called
	busy        bool      // it was short: see batch.receive
}

// open makes the descriptors, or none.
func (p *poller) open() (err error) {
	p.now = time.Now()
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.eventfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(p.fd)
		return os.NewSyscallError("eventfd", err)
	}
	if err = unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.eventfd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeMark}); err != nil {
		p.close()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (p *poller) close() {
	unix.Close(p.eventfd)
	unix.Close(p.fd)
}

// wake ends a wait, or the next one. Any goroutine may call it before close.
func (p *poller) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.eventfd, one[:]) // it fails only if it is woken very often already
}

// wait returns what has happened, and whether wake was called; nothing, once
// until has come, or for no reason. The zero time means never. The events are
// valid until the next call.
func (p *poller) wait(until time.Time) (events []unix.EpollEvent, woken bool) {
	limit := time.Duration(-1)
	if !until.IsZero() {
		limit = max(0, until.Sub(p.now))
	}
	n, errno := p.epollWait(limit)
	now := time.Now()
	p.busy = errno == 0 && n > 0 && now.Sub(p.now) < oftenEnough
	p.now = now
	if errno != 0 {
		return nil, false // interrupted
	}
	events = p.events[:n]
	for i := range events {
		if events[i].Fd == wakeMark {
			var count [8]byte
			_, _ = unix.Read(p.eventfd, count[:])
			events[i] = events[n-1]
			return events[:n-1], true
		}
	}
	return events, false
}

// epollWait waits for as long as limit, or without end if that is negative. It
// does so as batch.receive does, and for its reasons: while events come often,
// without telling the scheduler. The signal that preempts a thread ends
// the call, since epoll_wait is never restarted (signal(7)).
func (p *poller) epollWait(limit time.Duration) (int, unix.Errno) {
	if p.busy {
		if limit < 0 || limit > shortWait {
			limit = shortWait
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), eventsAtOnce, uintptr(milliseconds(limit)), 0, 0)
		return int(n), errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), eventsAtOnce, uintptr(milliseconds(limit)), 0, 0)
	return int(n), errno
}

// milliseconds returns a time as epoll_wait takes it, rounded up; -1 for a
// negative one, which means without end.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}
