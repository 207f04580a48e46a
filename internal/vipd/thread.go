package vipd

import (
	"runtime"
	"sync"
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
	return release, setRealtime(0, rtPriority(priority))
}

// rtPriority returns the priority of the threads that hold instances.
func rtPriority(configured int) int {
	if configured <= 0 {
		return defaultRTPriority
	}
	return configured
}

// below returns the priority of everything else in the process: the instances go
// first where there is room below them.
func below(priority int) int { return max(priority-1, 1) }

func addProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
