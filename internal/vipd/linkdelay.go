package vipd

import (
	"fmt"
	"time"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// linkDelays holds back changes of interfaces that must last before they count
// (interface_up_down_delays). It belongs to the goroutine of the daemon.
type linkDelays struct {
	delays map[string]keepalived.InterfaceDelay
	states map[string]settledLink
}

// settledLink is what counts of an interface.
type settledLink struct {
	up      bool
	pending bool          // it has been different since
	since   time.Duration // time since boot
}

// set takes the delays of a configuration.
func (d *linkDelays) set(list []keepalived.InterfaceDelay) {
	d.delays = map[string]keepalived.InterfaceDelay{}
	for _, i := range list {
		d.delays[i.Interface] = i
	}
	if d.states == nil {
		d.states = map[string]settledLink{}
	}
}

// settle returns what counts of an interface that is now up or not, and why it
// is not up. The first look counts at once.
func (d *linkDelays) settle(name string, up bool, why string, now time.Duration) (bool, string) {
	delay, ok := d.delays[name]
	if !ok {
		return up, why
	}
	s, known := d.states[name]
	wait := delay.Up
	if !up {
		wait = delay.Down
	}
	switch {
	case !known || s.up == up || s.pending && now-s.since >= wait:
		s = settledLink{up: up}
	case !s.pending:
		s.pending, s.since = true, now
	}
	d.states[name] = s
	switch {
	case s.up == up:
		return up, why
	case s.up:
		return true, fmt.Sprintf("%s, for less than %v", why, wait)
	}
	return false, fmt.Sprintf("%s has been up for less than %v", name, wait)
}

// next returns how long from now the first change that is held back counts;
// ok is false if there is none.
func (d *linkDelays) next(now time.Duration) (in time.Duration, ok bool) {
	for name, s := range d.states {
		delay, set := d.delays[name]
		if !s.pending || !set {
			continue
		}
		wait := delay.Up
		if s.up {
			wait = delay.Down
		}
		if left := max(0, s.since+wait-now); !ok || left < in {
			in, ok = left, true
		}
	}
	return in, ok
}
