package vrrp

import "time"

// DefaultDownAdverts is how many intervals without an advertisement make a
// Master down (RFC 9568, Section 6.1).
const DefaultDownAdverts = 3

// SkewTime returns how much longer than the others a Backup of this priority
// waits, so that the best one is first. master is the Master's interval.
//
// Version 2: (256 − priority) / 256 seconds, whatever the interval (RFC 3768,
// Section 6.1). Version 3: (256 − priority) · interval / 256 (RFC 9568,
// Section 6.1), the interval in whole hundredths. Both are cut to whole
// microseconds, as keepalived cuts them, so that nodes of equal priority wait
// equally long.
func SkewTime(version, priority uint8, master time.Duration) time.Duration {
	rest := 256 - time.Duration(priority)
	if version == V2 {
		return rest * 1_000_000 / 256 * time.Microsecond
	}
	hundredths := master / centisecond
	return rest * hundredths * 625 / 16 * time.Microsecond
}

// MasterDownInterval returns how long after the last advertisement a Backup
// declares the Master down: adverts intervals and the skew (RFC 9568,
// Section 6.1: Active_Down_Interval). adverts is [DefaultDownAdverts] unless
// the operator says otherwise.
func MasterDownInterval(version, priority uint8, master time.Duration, adverts int) time.Duration {
	return time.Duration(adverts)*master + SkewTime(version, priority, master)
}
