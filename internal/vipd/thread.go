package vipd

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// defaultRTPriority is the real-time priority of the threads that hold
// instances; vrrp_rt_priority sets another. It is low: above all ordinary
// work, below everything that another person made real-time.
const defaultRTPriority = 5

// ownThread gives the calling goroutine a thread of its own, of real-time
// priority where that is permitted (CAP_SYS_NICE), and reports the error if it
// is not. What the thread starts is of ordinary priority again. The goroutine
// must end without unlocking: the thread ends with it.
func ownThread(priority int) error {
	runtime.LockOSThread()
	if priority <= 0 {
		priority = defaultRTPriority
	}
	attr := unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: uint32(priority),
	}
	return unix.SchedSetAttr(0, &attr, 0)
}
