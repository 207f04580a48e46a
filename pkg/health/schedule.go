package health

import (
	"math/bits"
	"time"
)

// Phase returns where in [0, interval) the first probe of a check starts, so
// that the probes of many checks with one interval spread evenly over it. It
// depends on the key alone: a restart or a reload moves no check.
func Phase(k Key, interval time.Duration) time.Duration {
	mustBePositive(interval)
	// The high word of hash × interval is uniform over the interval, without
	// the bias and the division of a remainder.
	hi, _ := bits.Mul64(k.hash(), uint64(interval))
	return time.Duration(hi)
}

// Next returns when the probe after the one that was due at start is due: one
// interval later, so that neither the time that probes take nor a late timer
// adds up. A time in the past means at once. If now is two intervals or more
// after start, as when the machine was suspended, the missed probes are left
// out and the next moment after now in the same phase is returned: no check
// catches up, and many checks do not start all at once.
func Next(start time.Time, interval time.Duration, now time.Time) time.Time {
	mustBePositive(interval)
	late := now.Sub(start)
	if late < 2*interval {
		return start.Add(interval)
	}
	return start.Add((late/interval + 1) * interval)
}

func mustBePositive(interval time.Duration) {
	if interval <= 0 {
		panic("health: interval must be positive")
	}
}

// hash returns 64 well mixed bits: FNV-1a over the parts, then the finalizer
// of MurmurHash3, since FNV alone barely moves the high bits for a last byte.
func (k Key) hash() uint64 {
	h := uint64(14695981039346656037)
	add := func(c byte) { h = (h ^ uint64(c)) * 1099511628211 }
	for i := range len(k.Site) {
		add(k.Site[i])
	}
	add(0)
	for _, c := range k.Addr.As16() {
		add(c)
	}
	for i := range len(k.Check) {
		add(k.Check[i])
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
