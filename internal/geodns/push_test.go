package geodns

import (
	"net/netip"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestReportsStandForTheirTime(t *testing.T) {
	p := newPushed(30*time.Second, []byte("0123456789abcdef"))
	at := p.begun
	load := report{at: at, up: true, load: 3, hasLoad: true}
	for _, c := range []struct {
		name     string
		r        report
		reported bool
		after    time.Duration
		want     health.Verdict
		err      string
		hasLoad  bool
	}{
		{"none yet", report{}, false, 29 * time.Second, health.NoVerdict, "no report yet", false},
		{"none in time", report{}, false, 30 * time.Second, health.Fail, "no report for 30s", false},
		{"up", load, true, 30 * time.Second, health.Pass, "", true},
		{"too old", load, true, 31 * time.Second, health.Fail, "no report for 31s", false},
		{"down", report{at: at, reason: "upgrade"}, true, 0, health.Fail, "upgrade", false},
		{"down without reason", report{at: at}, true, 0, health.Fail, "reported down", false},
	} {
		got := p.judge(c.r, c.reported, at.Add(c.after))
		if got.Verdict != c.want || got.Err != c.err || got.HasLoad != c.hasLoad {
			t.Errorf("%s: %v %q load %v, want %v %q", c.name, got.Verdict, got.Err, got.HasLoad, c.want, c.err)
		}
	}
	next := newPushed(30*time.Second, nil)
	addr := netip.MustParseAddr("192.0.2.1")
	p.take(addr, load)
	next.adopt(p)
	if r := next.Probe(t.Context(), addr); r.Verdict != health.Pass || next.begun != p.begun {
		t.Errorf("after a reload: %+v", r)
	}
	if !p.mayReport("0123456789abcdef") || p.mayReport("0123456789abcdeF") || p.mayReport("") || next.mayReport("") {
		t.Error("the token is judged wrongly")
	}
}
