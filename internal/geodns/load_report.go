package geodns

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// reportLoad takes the load that a site reports.
func (s *Server) reportLoad(site string, load float64) error {
	l := s.live.Load()
	if _, known := l.Sites.Find(site); !known {
		var names []string
		for i := range int32(l.Sites.Len()) {
			names = append(names, l.Sites.At(i).Name)
		}
		return &control.Refusal{Status: http.StatusNotFound, Text: noSuch("site", site, names)}
	}
	taken := false
	ran := s.checker.do(context.Background(), func(context.Context) {
		now := time.Now()
		taken = s.checker.board.ReportLoad(site, load, now)
		s.checker.wakeForNext(now)
	})
	switch {
	case !ran:
		return &control.Refusal{Status: http.StatusServiceUnavailable, Text: "the server is ending"}
	case !taken:
		return &control.Refusal{Status: http.StatusConflict, Text: fmt.Sprintf("site %q has no capacity: a load says nothing about it", site)}
	}
	return nil
}

// addresses returns those of a site; of one that has none the invalid one, under
// which it is checked as a whole.
func (c *checker) addresses(site string) []netip.Addr {
	at, ok := int32(0), false
	if c.things != nil {
		at, ok = c.things.Find(site)
	}
	if !ok || len(c.things.At(at).Addrs) == 0 {
		return []netip.Addr{{}}
	}
	var out []netip.Addr
	for _, a := range c.things.At(at).Addrs {
		out = append(out, a.Addr)
	}
	return out
}

// passLoad gives the board the load of a site of which a probe told: the sum
// over its addresses. It must run in the board's goroutine.
func (c *checker) passLoad(r keyedResult) {
	if !r.res.HasLoad || c.board.Rules(r.key.Site).Capacity == 0 {
		return
	}
	sum := 0.0
	for _, addr := range c.addresses(r.key.Site) {
		if t, ok := c.board.Tracker(health.Key{Site: r.key.Site, Addr: addr, Check: r.key.Check}); ok && t.Last.HasLoad {
			sum += t.Last.Load
		}
	}
	now := time.Now()
	c.board.ReportLoad(r.key.Site, sum, now)
	c.wakeForNext(now)
}
