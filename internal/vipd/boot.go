package vipd

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/vrrpnet"
)

// bootNow returns the time since boot on the clock that counts suspension.
func bootNow() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("vipd: CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// wallNow returns the time since 1970.
func wallNow() time.Duration { return time.Duration(time.Now().UnixNano()) }

// wallOf returns the wall-clock time of a time since boot.
func wallOf(at time.Duration) time.Time {
	boot, wall := vrrpnet.Clocks()
	return time.Unix(0, int64(wall+at-boot))
}

// alarmClock is a timer on CLOCK_BOOTTIME that can be polled: it fires at once
// after a suspension that went over its time.
type alarmClock struct{ fd int }

func newAlarmClock() (alarmClock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return alarmClock{}, fmt.Errorf("timer: %w", err)
	}
	return alarmClock{fd}, nil
}

// set makes the clock fire at a time since boot; 0 stops it.
func (c alarmClock) set(at time.Duration) {
	spec := unix.ItimerSpec{}
	if at > 0 {
		spec.Value = unix.NsecToTimespec(int64(at))
	}
	if err := unix.TimerfdSettime(c.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		panic(fmt.Sprintf("vipd: timer at %v: %v", at, err))
	}
}

// fired reports whether the clock has fired since it was last asked.
func (c alarmClock) fired() bool { return readCount(c.fd) > 0 }

func (c alarmClock) close() { unix.Close(c.fd) }

// bell wakes a thread that polls it; ringing never blocks.
type bell struct{ fd int }

func newBell() (bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return bell{}, fmt.Errorf("eventfd: %w", err)
	}
	return bell{fd}, nil
}

func (b bell) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(b.fd, one[:]) // full: it rings already
}

func (b bell) hush() { readCount(b.fd) }

func (b bell) close() { unix.Close(b.fd) }

// readCount takes the number out of a timerfd or eventfd, 0 if there is none.
func readCount(fd int) uint64 {
	var n [8]byte
	if got, err := unix.Read(fd, n[:]); err != nil || got != len(n) {
		return 0
	}
	return binary.NativeEndian.Uint64(n[:])
}

// pollAny waits until one of the descriptors can be read, at most for limit.
// It blocks the thread on purpose: the kernel wakes a thread of real-time
// priority directly, while Go's own poller would have to be scheduled first.
//
// A goroutine that never lets another run looks to Go's monitor like one that
// hangs: it is interrupted, its processor is taken away while it sleeps here,
// and the monitor then wakes every 20 µs. With adverts every 10 ms that was two
// thirds of all that vipd did. So others are let run first, at the one moment
// when nothing is to be done.
func pollAny(fds []unix.PollFd, limit time.Duration) {
	for i := range fds {
		fds[i].Events, fds[i].Revents = unix.POLLIN, 0
	}
	runtime.Gosched()
	_, err := unix.Poll(fds, int(limit/time.Millisecond))
	if err != nil && err != unix.EINTR && err != unix.EAGAIN {
		panic("vipd: poll: " + err.Error())
	}
}
