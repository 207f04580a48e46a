package geodns

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// OverrideStatus is an override in force.
type OverrideStatus struct {
	Policy  string     `json:"policy"`  // whose target it is alone; "" for all
	Site    string     `json:"site"`    // or the policy that is the target
	Address string     `json:"address"` // "" for the whole
	State   string     `json:"state"`   // drained, draining, returning, forced up or forced down
	Share   float64    `json:"share"`   // part of its clients that it has now, 0 to 1
	Set     *time.Time `json:"set"`
	Who     string     `json:"who"`
	Reason  string     `json:"reason"`
	DoneAt  *time.Time `json:"done_at"` // when a drain or return by degrees has arrived; null if it is not under way
	Until   *time.Time `json:"until"`   // when it ends by itself; null if it does not
}

// overrideStatus describes an override at a moment.
func overrideStatus(p health.Placed, now time.Time) OverrideStatus {
	o := OverrideStatus{
		Policy: p.Target.Policy, Site: p.Target.Site, Address: addrText(p.Target.Addr),
		Share: 1, Set: stampWall(p.Set, now), Who: p.Who, Reason: p.Reason, Until: stampWall(p.Until, now),
	}
	if p.Kind == health.Force {
		o.State = "forced " + p.Forced.String()
		return o
	}
	o.Share = part(p.Ramp.At(now))
	arriving := p.Ramp.End().After(now)
	if arriving {
		o.DoneAt = stampWall(p.Ramp.End(), now)
	}
	switch {
	case p.Kind == health.Return:
		o.State = "returning"
	case arriving:
		o.State = "draining"
	default:
		o.State = "drained"
	}
	return o
}

// Text says what the override does, in a few words.
func (o OverrideStatus) Text() string {
	text := o.State
	if o.DoneAt != nil {
		text += fmt.Sprintf(" (%.0f%% of its clients, done at %s)", 100*o.Share, o.DoneAt.Format(time.RFC3339))
	}
	if o.Until != nil {
		text += " until " + o.Until.Format(time.RFC3339)
	}
	if o.Who != "" {
		text += ", by " + o.Who
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// overridesOf returns the overrides of one target.
func overridesOf(b *health.Board, t health.Target, now time.Time) []OverrideStatus {
	out := []OverrideStatus{}
	for _, p := range b.Overrides() {
		if p.Target == t {
			out = append(out, overrideStatus(p, now))
		}
	}
	return out
}

// addrText returns an address as text, "" for none.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// part returns a share as a fraction.
func part(share uint16) float64 { return float64(share) / health.FullShare }

// stampWall returns a time for JSON as the clock on the wall names it now,
// which may have been set since; null if it never was.
func stampWall(t, now time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return stamp(now.Round(0).Add(t.Sub(now)))
}
