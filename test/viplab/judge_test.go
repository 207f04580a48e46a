package viplab

import (
	"testing"
	"time"
)

// What is wanted of vipd. A busy machine is let off some of it in an ordinary
// test run, since there the figures are nobody's measurement.
const (
	plannedLimit = 20 * time.Millisecond   // a planned stop between two vipd
	bothLimit    = 2500 * time.Millisecond // a dead vipd's address beside the new master's
	processLimit = 50 * time.Millisecond   // from the end of a tracked process to the address on b
)

// slack is what the machine may add.
func slack(d time.Duration) time.Duration {
	if *whole {
		return d
	}
	return d + 500*time.Millisecond
}

// judge fails the test where vipd misses what is wanted of it.
func judge(t *testing.T, w *world, p pair, e *event, r *result) {
	t.Helper()
	if p.a != isVipd {
		return // keepalived is measured, not judged
	}
	least, longest := w.set.down()
	limit := func(what string, got, most time.Duration) {
		t.Helper()
		if got > slack(most) {
			t.Errorf("%s, %s, %s: %s %v, wanted at most %v", r.Setting, r.Pair, r.Event, what, got, most)
		}
	}
	twoVipd := p.b == isVipd
	if !e.stays && r.Moved < 0 {
		t.Errorf("%s, %s, %s: b did not take the address over\n%s\n%s", r.Setting, r.Pair, r.Event, w.a.said(), w.b.said())
		return
	}
	switch e.name {
	case "stop", "drain":
		if twoVipd {
			limit("client cut off for", r.Gap, plannedLimit)
		}
	case "power", "link":
		limit("client cut off for", r.Gap, longest+20*time.Millisecond)
		if r.Gap < least-20*time.Millisecond && (e.name == "power" || !twoVipd) {
			t.Errorf("%s, %s, %s: moved after %v, before the master can be known to be down (%v)", r.Setting, r.Pair, r.Event, r.Gap, least)
		}
	case "kill -9", "hang":
		limit("address on both nodes for", r.Both, bothLimit)
	case "process":
		if twoVipd {
			limit("address on the other node after", r.Moved, processLimit)
		}
	case "partition":
		most := max(w.set.advert, plannedLimit)
		if !twoVipd {
			most = 2500 * time.Millisecond
		}
		limit("client cut off after the heal for", r.BackGap, most)
	}
}
