package vrrpnet

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pause between two readings of clocks is no age of a packet.
func TestClocksAreReadTogether(t *testing.T) {
	const tick, start = time.Microsecond, 1000 * time.Hour // wall clock ahead of the time since boot
	for pauses := range 8 {
		for at := range 3 { // the reading before which the process stands still, in each of the first attempts
			var now time.Duration
			reads := 0
			boot, wall := together(func(clock int32) time.Duration {
				if now += tick; reads%3 == at && reads/3 < pauses {
					now += time.Second
				}
				reads++
				if clock == unix.CLOCK_REALTIME {
					return start + now
				}
				return now
			})
			if apart := boot - (wall - start); apart < 0 || apart > atOnce {
				t.Errorf("%d pauses before reading %d: the two are of moments %v apart", pauses, at, apart)
			}
		}
	}
}

func TestTimeOfReceiptIsNeverLaterThanNow(t *testing.T) {
	for _, ahead := range []time.Duration{-1000000 * time.Hour, -time.Second, 0, time.Second, time.Hour} {
		before := Now()
		got := sinceBoot(read(unix.CLOCK_REALTIME) + ahead)
		if got < 0 || got > Now() || ahead >= 0 && got < before {
			t.Errorf("stamped %v from now: received at %v since boot, now %v", ahead, got, before)
		}
	}
	if before, got := Now(), sinceBoot(0); got < before || got > Now() {
		t.Errorf("without a stamp: received at %v, now %v", got, before)
	}
}
