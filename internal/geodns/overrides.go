package geodns

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/internal/metrics"
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

// overrideMetrics returns what Prometheus is told about overrides.
func overrideMetrics(l *Loaded, b *health.Board, now time.Time) metrics.Overrides {
	out := metrics.Overrides{Sites: make([]metrics.SiteShare, l.Sites.Len())}
	for i := range int32(l.Sites.Len()) {
		site := l.Sites.At(i)
		st := metrics.SiteShare{Site: site.Name, Kept: len(b.KeptBy(site.Name)) > 0}
		for _, a := range site.Addrs {
			held, _ := b.Held(health.Target{Site: site.Name, Addr: a.Addr})
			st.Held = st.Held || held
		}
		if len(site.Addrs) == 0 {
			st.Held, _ = b.Held(health.Target{Site: site.Name})
		}
		load, fresh, keeps := b.Load(site.Name, now)
		if st.Capacity = b.Rules(site.Name).Capacity; st.Capacity == 0 {
			st.Capacity = math.Inf(1)
		}
		if st.Load = load; !fresh {
			st.Load = math.NaN()
		}
		st.Share = part(health.Entry{Share: b.Limit(health.Target{Site: site.Name}, now).Share, Spill: health.FullShare - keeps}.Keeps())
		out.Sites[i] = st
	}
	for _, p := range b.Overrides() {
		o := overrideStatus(p, now)
		out.InForce = append(out.InForce, metrics.Override{Policy: o.Policy, Site: o.Site, Address: o.Address, State: o.State})
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
