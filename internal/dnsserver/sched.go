package dnsserver

import (
	"runtime"
	"time"
)

// maxTurn is how long a UDP worker runs before it lets Go's scheduler have a
// look. It must be well below the 10 ms after which the scheduler's monitor
// takes a goroutine for a hog, signals its thread, and wakes up every 20 µs for
// a while to watch what comes of it; a yield with nothing else to run costs a
// fraction of a microsecond.
const maxTurn = 4 * time.Millisecond

// oftenEnough is the time between two batches below which the next one is waited
// for without telling the scheduler; well below the 10 ms above.
const oftenEnough = time.Millisecond

// addProcessors raises GOMAXPROCS by one for each UDP worker and TCP loop and
// returns what takes that back. A worker that waits in the kernel keeps the scheduler's
// processor that it ran on only as long as another one is idle; otherwise the
// monitor takes it away after 20 µs, wakes a thread to run nothing on it, and
// the worker has to find one again at the next query. Once it is set, Go no
// longer follows changes of the CPU quota of a cgroup.
func (s *Server) addProcessors() (undo func()) {
	n := len(s.udp) + len(s.runningLoops())
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	return func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - n) }
}
