package stalltest

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that this process has used, that of the kernel
// on its behalf included. What only computes is held to this and not to the
// clock: beside others that compute too it takes longer without being slower.
func CPU() time.Duration {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		panic("stalltest: getrusage: " + err.Error())
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
