package vipd

import (
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// A change counts once it has lasted; one that is taken back never counts.
func TestLinkChangesMustLast(t *testing.T) {
	var d linkDelays
	d.set([]keepalived.InterfaceDelay{{Interface: "eth0", Down: 2 * time.Second, Up: 5 * time.Second}})
	for i, step := range []struct {
		at   time.Duration
		up   bool
		want bool
		next time.Duration // -1: nothing is held back
	}{
		{0, true, true, -1},
		{10, false, true, 2},
		{11, true, true, -1}, // it flapped
		{20, false, true, 2},
		{21, false, true, 1},
		{22, false, false, -1},
		{30, true, false, 5},
		{34, true, false, 1},
		{35, true, true, -1},
	} {
		now := step.at * time.Second
		up, why := d.settle("eth0", step.up, "eth0 is down", now)
		in, held := d.next(now)
		if !held {
			in = -time.Second
		}
		if up != step.want || in != step.next*time.Second {
			t.Errorf("step %d: up %v (%s), next look in %v; want %v, %v", i, up, why, in, step.want, step.next*time.Second)
		}
		if up != step.up && !strings.Contains(why, "for less than") {
			t.Errorf("step %d: it is not said that a change is held back: %s", i, why)
		}
	}
	if up, _ := d.settle("eth1", false, "eth1 is down", 0); up {
		t.Error("an interface without a delay is held back")
	}
}
