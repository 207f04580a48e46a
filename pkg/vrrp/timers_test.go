package vrrp

import (
	"testing"
	"time"
)

func TestTimers(t *testing.T) {
	const us, s = time.Microsecond, time.Second
	for _, c := range []struct {
		version, priority uint8
		interval          time.Duration
		adverts           int
		skew, down        time.Duration
	}{
		{V2, 100, s, 3, 609375 * us, 3609375 * us},
		{V2, 100, 2 * s, 3, 609375 * us, 6609375 * us}, // v2: the skew does not grow with the interval
		{V2, 150, s, 3, 414062 * us, 3414062 * us},
		{V2, 254, s, 3, 7812 * us, 3007812 * us},
		{V2, 255, s, 3, 3906 * us, 3003906 * us},
		{V2, 1, s, 3, 996093 * us, 3996093 * us},
		{V3, 100, s, 3, 609375 * us, 3609375 * us},
		{V3, 100, s / 10, 3, 60937 * us, 360937 * us},
		{V3, 100, s / 100, 3, 6093 * us, 36093 * us},
		{V3, 255, s / 100, 3, 39 * us, 30039 * us},
		{V3, 1, MaxInterval, 3, 40790039 * us, 163640039 * us},
		{V3, 100, s, 5, 609375 * us, 5609375 * us},
	} {
		if got := SkewTime(c.version, c.priority, c.interval); got != c.skew {
			t.Errorf("skew v%d %d %v: got %v, want %v", c.version, c.priority, c.interval, got, c.skew)
		}
		if got := MasterDownInterval(c.version, c.priority, c.interval, c.adverts); got != c.down {
			t.Errorf("master down v%d %d %v ×%d: got %v, want %v", c.version, c.priority, c.interval, c.adverts, got, c.down)
		}
	}
}

func TestBetterBackupWaitsLess(t *testing.T) {
	for _, version := range []uint8{V2, V3} {
		for _, interval := range []time.Duration{10 * time.Millisecond, time.Second, 40 * time.Second} {
			for p := uint8(1); p < 255; p++ {
				if SkewTime(version, p, interval) <= SkewTime(version, p+1, interval) {
					t.Fatalf("v%d %v: priority %d does not wait longer than %d", version, interval, p, p+1)
				}
			}
		}
	}
}

func TestEffectivePriority(t *testing.T) {
	for _, c := range []struct {
		base uint8
		sum  int
		want uint8
	}{
		{100, 0, 100}, {100, 2, 102}, {100, -20, 80}, {100, -100, 1}, {100, -254, 1},
		{100, 154, 254}, {100, 1000, 254}, {254, 1, 254}, {255, -254, 255}, {255, 10, 255}, {1, 0, 1},
	} {
		if got := EffectivePriority(c.base, c.sum); got != c.want {
			t.Errorf("%d%+d: got %d, want %d", c.base, c.sum, got, c.want)
		}
	}
}

func TestTrackers(t *testing.T) {
	up, down := tracked{known: true, up: true}, tracked{known: true}
	value := func(v int) tracked { return tracked{known: true, value: v} }
	for _, c := range []struct {
		tracker Tracker
		state   tracked
		delta   int
		fault   bool
	}{
		{Tracker{Weight: 2}, up, 2, false},
		{Tracker{Weight: 2}, down, 0, false},
		{Tracker{Weight: -20}, up, 0, false},
		{Tracker{Weight: -20}, down, -20, false},
		{Tracker{}, up, 0, false},
		{Tracker{}, down, 0, true},
		{Tracker{Reverse: true}, up, 0, true},
		{Tracker{Reverse: true}, down, 0, false},
		{Tracker{Weight: 5, Reverse: true}, up, -5, false},
		{Tracker{Weight: 5, Reverse: true}, down, 0, false},
		{Tracker{Weight: -5, Reverse: true}, down, 5, false},
		{Tracker{}, tracked{}, 0, false}, // not known yet
		{Tracker{Weight: 2, PerValue: true}, value(3), 6, false},
		{Tracker{Weight: 2, PerValue: true, Reverse: true}, value(3), -6, false},
		{Tracker{Weight: 254, PerValue: true}, value(254), 254, false},
		{Tracker{Weight: 1, PerValue: true}, value(-254), -254, true},
		{Tracker{PerValue: true}, value(0), 0, false},
		{Tracker{PerValue: true}, value(1), 0, true},
	} {
		if d, f := c.tracker.delta(c.state), c.tracker.fault(c.state); d != c.delta || f != c.fault {
			t.Errorf("%+v %+v: got %d, %v, want %d, %v", c.tracker, c.state, d, f, c.delta, c.fault)
		}
	}
}
