package vrrpnet

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now returns the time since boot, with suspension (CLOCK_BOOTTIME).
func Now() time.Duration { return read(unix.CLOCK_BOOTTIME) }

func read(clock int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		panic("vrrpnet: no clock: " + err.Error()) // every Linux since 2.6.39 has it
	}
	return time.Duration(ts.Nano())
}

// sinceBoot turns the kernel's time of receipt, which it has by the wall clock
// only, into time since boot. If the wall clock is set while the packet waits,
// the result is off by as much, but never later than now.
func sinceBoot(wall time.Duration) time.Duration {
	now := Now()
	if wall == 0 {
		return now
	}
	waited := read(unix.CLOCK_REALTIME) - wall
	return now - min(max(waited, 0), now)
}
