package geodns

import (
	"cmp"
	"context"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// pushed is the prober of a push check for the addresses of a site: it probes
// nothing, but judges the last report.
type pushed struct {
	ttl   time.Duration
	begun time.Time // from when on a report could have come

	mu    sync.Mutex
	token []byte // of those who may report beside the operators; nil: nobody
	last  map[netip.Addr]report
}

// report is what somebody has said about an address.
type report struct {
	at      time.Time
	up      bool
	reason  string
	load    float64
	hasLoad bool
}

func newPushed(ttl time.Duration, token []byte) *pushed {
	return &pushed{ttl: ttl, begun: time.Now(), token: token, last: map[netip.Addr]report{}}
}

// Probe judges the last report about addr. Before the first there is no
// verdict for as long as a report stands, so that a restart does not declare
// down what will report soon.
func (p *pushed) Probe(_ context.Context, addr netip.Addr) health.Result {
	p.mu.Lock()
	r, ok := p.last[addr]
	p.mu.Unlock()
	return p.judge(r, ok, time.Now())
}

func (p *pushed) judge(r report, reported bool, now time.Time) health.Result {
	out := health.Result{At: now, Load: r.load, HasLoad: r.hasLoad}
	switch {
	case !reported && now.Sub(p.begun) < p.ttl:
		out.Err = "no report yet"
	case !reported:
		out.Verdict, out.Err = health.Fail, "no report for "+p.ttl.String()
	case now.Sub(r.at) > p.ttl:
		out.Verdict, out.Err = health.Fail, "no report for "+now.Sub(r.at).Truncate(time.Second).String()
		out.Load, out.HasLoad = 0, false
	case r.up:
		out.Verdict = health.Pass
	default:
		out.Verdict, out.Err = health.Fail, cmp.Or(r.reason, "reported down")
	}
	return out
}

// adopt takes over what was reported before a reload.
func (p *pushed) adopt(before *pushed) {
	if p == before {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = before.begun
	for addr, r := range before.last {
		p.last[addr] = r
	}
}

// take keeps a report.
func (p *pushed) take(addr netip.Addr, r report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[addr] = r
}

// mayReport reports whether token is that of the check.
func (p *pushed) mayReport(token string) bool {
	return len(p.token) > 0 && subtle.ConstantTimeCompare(p.token, []byte(token)) == 1
}

// report takes a report about one address of a site, or about all of them if
// addr is invalid, and lets it act at once. It must run in the owner's
// goroutine, and returns how many addresses it was about.
func (c *checker) report(check, site string, addr netip.Addr, r report) int {
	n, changed := 0, false
	for i := range c.watches {
		k := c.watches[i].Key
		p, ok := c.watches[i].prober.(*pushed)
		if !ok || k.Check != check || k.Site != site || addr.IsValid() && k.Addr != addr {
			continue
		}
		n++
		p.take(k.Addr, r)
		changed = c.step(keyedResult{k, p.judge(r, true, r.at)}) || changed
	}
	if changed {
		c.republish(time.Now())
	}
	return n
}

// reports takes a report from the API.
func (s *Server) reports(ctx context.Context, req control.ReportRequest) error {
	l := s.live.Load()
	check := l.Steering.Check(req.Check)
	if check == nil || check.Push == nil {
		return &control.BadRequest{Text: fmt.Sprintf("%q is no push check", req.Check)}
	}
	r := report{at: time.Now(), up: req.State == "up", reason: req.Reason}
	if req.Load != nil {
		r.load, r.hasLoad = *req.Load, true
	}
	n := 0
	allowed := req.Trusted
	s.checker.do(ctx, func(context.Context) {
		allowed = allowed || s.checker.mayReport(req.Check, req.Token)
		if allowed {
			n = s.checker.report(req.Check, req.Site, req.Address, r)
		}
	})
	switch {
	case !allowed:
		return control.ErrNotAllowed
	case n == 0:
		return &control.BadRequest{Text: fmt.Sprintf("check %s watches no such address of a site %q", req.Check, req.Site)}
	}
	return nil
}

// mayReport reports whether token is that of a push check.
func (c *checker) mayReport(check, token string) bool {
	for i := range c.watches {
		if p, ok := c.watches[i].prober.(*pushed); ok && c.watches[i].Key.Check == check {
			return p.mayReport(token)
		}
	}
	return false
}
