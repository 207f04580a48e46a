package geodns

import (
	"context"
	"math"
	"time"

	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// healthMetrics returns what Prometheus is told about sites and overrides.
func (s *Server) healthMetrics(ctx context.Context) (out metrics.Health) {
	s.checker.do(ctx, func(context.Context) {
		now := time.Now()
		sites := s.live.Load().Sites
		out.Sites = make([]metrics.SiteHealth, sites.Len())
		out.Addresses = make([]metrics.AddressHealth, 0, sites.Len())
		for i := range int32(sites.Len()) {
			out.Sites[i] = siteMetrics(sites.At(i), s.checker.board, now, &out.Addresses)
		}
		for _, p := range s.checker.board.Overrides() {
			o := overrideStatus(p, now)
			out.InForce = append(out.InForce, metrics.Override{Policy: o.Policy, Site: o.Site, Address: o.Address, State: o.State})
		}
	})
	return out
}

// siteMetrics returns what is told about a site, and appends its addresses. A
// site is up if any of its addresses is; one without is judged as a whole.
func siteMetrics(site *policy.Site, b *health.Board, now time.Time, addrs *[]metrics.AddressHealth) metrics.SiteHealth {
	st := metrics.SiteHealth{Site: site.Name, Kept: len(b.KeptBy(site.Name)) > 0}
	for _, a := range site.Addrs {
		subject := health.Subject{Site: site.Name, Addr: a.Addr, Checks: site.Checks}
		up := b.Judge(subject).Up
		held, _ := b.Held(subject.Target())
		st.Up, st.Held = st.Up || up, st.Held || held
		*addrs = append(*addrs, metrics.AddressHealth{Site: site.Name, Address: a.Addr, Up: up})
	}
	if len(site.Addrs) == 0 {
		subject := health.Subject{Site: site.Name, Checks: site.Checks}
		st.Up = b.Judge(subject).Up
		st.Held, _ = b.Held(subject.Target())
	}
	load, fresh, keeps := b.Load(site.Name, now)
	if st.Capacity = b.Rules(site.Name).Capacity; st.Capacity == 0 {
		st.Capacity = math.Inf(1)
	}
	if st.Load = load; !fresh {
		st.Load = math.NaN()
	}
	st.Share = part(health.Entry{Share: b.Limit(health.Target{Site: site.Name}, now).Share, Spill: health.FullShare - keeps}.Keeps())
	return st
}
