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

// Clocks returns the time since boot and the wall clock, as the time since 1970,
// of one moment.
func Clocks() (boot, wall time.Duration) { return together(read) }

// sinceBoot turns the kernel's time of receipt, which it has by the wall clock
// only, into time since boot. If the wall clock is set while the packet waits,
// the result is off by as much, but never later than now.
func sinceBoot(wall time.Duration) time.Duration {
	if wall == 0 {
		return Now()
	}
	now, nowWall := Clocks()
	return now - min(max(nowWall-wall, 0), now)
}

// atOnce is how long reading two clocks takes at most where nothing intervenes.
const atOnce = 20 * time.Microsecond

// together returns the time since boot and the wall clock of one moment. They
// are two readings: whoever is kept from the processor between them would take
// a packet for older than it is, or an event for later, by all of that time. So the first is read
// again afterwards, and the closest of a few attempts counts. The time since
// boot is never the earlier of the two.
func together(read func(clock int32) time.Duration) (boot, wall time.Duration) {
	closest := time.Duration(-1)
	for range 8 {
		before := read(unix.CLOCK_BOOTTIME)
		w := read(unix.CLOCK_REALTIME)
		after := read(unix.CLOCK_BOOTTIME)
		if apart := after - before; closest < 0 || apart < closest {
			boot, wall, closest = after, w, apart
		}
		if closest <= atOnce {
			break
		}
	}
	return boot, wall
}
