package geodns

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/statuspage"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// ExplainOffline answers a question from files alone, by the evaluator that
// answers the wire: unknown health counts as up, and that is said.
func ExplainOffline(l *Loaded, req control.ExplainRequest) (*answer.Explanation, error) {
	st := l.State(answer.Cookies{})
	e, err := l.explain(st, func(health.ID) string { return "" }, req)
	if err == nil {
		e.Notes = append(e.Notes, "from files alone: health is not known and counts as up")
	}
	return e, err
}

// explainLive answers a question from what is served now.
func (s *Server) explainLive(req control.ExplainRequest) (any, error) {
	l := s.live.Load()
	return l.explain(l.state, s.reasons(l.Loaded), req)
}

// reasons returns what is known just now of why things are up or down.
func (s *Server) reasons(l *Loaded) func(health.ID) string {
	var reasons map[health.ID]string
	s.checker.do(context.Background(), func(context.Context) { reasons = why(l, s.checker.board, time.Now()) })
	return func(id health.ID) string { return reasons[id] }
}

// explain puts a question to a state, with the sites of req.Down taken as
// failing their checks.
func (l *Loaded) explain(st *answer.State, reasons func(health.ID) string, req control.ExplainRequest) (*answer.Explanation, error) {
	q, err := parseQuestion(req)
	if err != nil {
		return nil, &control.BadRequest{Text: err.Error()}
	}
	taken, err := l.takeDown(st.Health.Load(), req.Down)
	if err != nil {
		return nil, &control.BadRequest{Text: err.Error()}
	}
	if len(req.Down) > 0 {
		st = st.WithHealth(taken.snapshot)
	}
	q.Why = func(id health.ID) string {
		if taken.ids[id] {
			return "taken as down for this question"
		}
		return reasons(id)
	}
	q.Draw = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return answer.Explain(st, q)
}

// parseQuestion reads the parts of a question as a person types them.
func parseQuestion(req control.ExplainRequest) (q answer.Question, err error) {
	if req.Name == "" {
		return q, fmt.Errorf("no name: say which, such as www.example.com")
	}
	if q.Name, err = dnswire.ParseName(req.Name); err != nil {
		return q, fmt.Errorf("name %q: %w", req.Name, err)
	}
	var known bool
	if q.Type, known = dnswire.ParseType(strings.ToUpper(cmp.Or(req.Type, "A"))); !known {
		return q, fmt.Errorf("type %q is not known: such as A, AAAA, MX or TYPE65", req.Type)
	}
	if req.Client == "" {
		return q, nil
	}
	if q.Client, err = ParseClient(req.Client); err != nil {
		return q, err
	}
	return q, nil
}

// ParseClient reads a client as ADDR or ADDR/LEN; a whole address has the
// length of its family.
func ParseClient(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, fmt.Errorf("client %q is no prefix: such as 192.0.2.0/24", s)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("client %q is no address: such as 192.0.2.1, 2001:db8::1 or 192.0.2.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// takenDown is a snapshot in which some sites fail, and whose numbers those
// are.
type takenDown struct {
	snapshot *health.Snapshot
	ids      map[health.ID]bool
}

// takeDown returns the snapshot with all checks of the named sites failing. A
// site that is forced up fails too: the question is what if it were gone.
func (l *Loaded) takeDown(snap *health.Snapshot, names []string) (takenDown, error) {
	out := takenDown{snapshot: snap, ids: map[health.ID]bool{}}
	var known []string
	for i := range int32(l.Sites.Len()) {
		known = append(known, l.Sites.At(i).Name)
	}
	for _, name := range names {
		i, ok := l.Sites.Find(name)
		if !ok {
			if near := diag.Nearest(name, known); near != "" {
				return out, fmt.Errorf("no site %q: did you mean %q?", name, near)
			}
			return out, fmt.Errorf("no site %q: one of %s", name, strings.Join(known, ", "))
		}
		site := l.Sites.At(i)
		for _, id := range append([]health.ID{site.ID}, addressIDs(l, i)...) {
			e := out.snapshot.At(id)
			if e.Forced == health.ForcedUp {
				e.Forced = health.NotForced
			}
			e.Up = id == site.ID && len(site.Addrs) > 0 // such a site as a whole has no checks
			out.snapshot = out.snapshot.With(id, e)
			out.ids[id] = !e.Up
		}
	}
	return out, nil
}

func addressIDs(l *Loaded, site int32) []health.ID {
	var out []health.ID
	for _, a := range l.Sites.At(site).Addrs {
		out = append(out, a.ID)
	}
	return out
}

// routes are what the admin listener serves.
func (s *Server) routes() control.Routes {
	return control.Routes{
		Status:   s.status,
		Explain:  s.explainLive,
		Policies: s.policies,
		Simulate: s.simulateLive,
		Change:   s.change,
		Report:   s.reports,
		Load:     s.reportLoad,
		Metrics:  s.metrics.Handler(),
		Page:     statuspage.Handler(),
	}
}
