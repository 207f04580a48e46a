package geodns

import (
	"context"
	"fmt"
	"net/http"
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
		s.checker.wake, _ = s.checker.board.Next(now)
	})
	switch {
	case !ran:
		return &control.Refusal{Status: http.StatusServiceUnavailable, Text: "the server is ending"}
	case !taken:
		return &control.Refusal{Status: http.StatusConflict, Text: fmt.Sprintf("site %q has no capacity: a load says nothing about it", site)}
	}
	return nil
}

// passLoad gives the board the load of a site of which a probe told: the sum
// over its addresses. It must run in the board's goroutine.
func (c *checker) passLoad(r keyedResult) {
	if !r.res.HasLoad || c.board.Rules(r.key.Site).Capacity == 0 {
		return
	}
	sum := 0.0
	for _, s := range c.subjects {
		if s.Policy != "" || s.Site != r.key.Site {
			continue
		}
		if t, ok := c.board.Tracker(health.Key{Site: s.Site, Addr: s.Addr, Check: r.key.Check}); ok && t.Last.HasLoad {
			sum += t.Last.Load
		}
	}
	now := time.Now()
	c.board.ReportLoad(r.key.Site, sum, now)
	c.wake, _ = c.board.Next(now)
}
