package geo

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime returns the processor time that this process has used, which other
// work on the machine stretches much less than the wall clock's.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
