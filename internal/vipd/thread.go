package vipd

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// defaultRTPriority is the real-time priority of the threads that hold
// instances; vrrp_rt_priority sets another. It is low: above all ordinary
// work, below everything that another person made real-time.
const defaultRTPriority = 5

// processors guards the number of Go's processors, see ownThread.
var processors sync.Mutex

// ownThread gives the calling goroutine a thread of its own, of real-time
// priority where that is permitted (CAP_SYS_NICE), and reports the error if it
// is not. What the thread starts is of ordinary priority again. The goroutine
// must end without unlocking: the thread ends with it.
//
// Go runs at most GOMAXPROCS threads at a time, besides those that wait in the
// kernel. One that comes back from there may find all places taken, by threads
// of ordinary priority that a busy machine does not run at the moment; so each
// of ours brings a place of its own, which release takes back. Once it is set,
// Go no longer follows changes of the CPU quota of a cgroup.
func ownThread(priority int) (release func(), err error) {
	addProcessors(1)
	release = func() { addProcessors(-1) }
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
	return release, unix.SchedSetAttr(0, &attr, 0)
}

func addProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
