package answer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// The TTL of a range is how soon a check could change the answer, also by one
// that is down now and could come back.
func TestTheTTLOfARangeFollowsTheHorizon(t *testing.T) {
	w := load(t, exampleZone+`www 60/10 STEER web
one 60    STEER web
`)
	set := func(site string, up bool, horizon uint16) {
		for _, s := range w.sites.Subjects() {
			if s.Site == site && s.Addr.IsValid() {
				snap := w.state.Health.Load()
				w.state.Health.Store(snap.With(s.ID, health.Entry{Up: up, Share: health.FullShare, Horizon: horizon}))
			}
		}
	}
	ttl := func(name string) string {
		for line := range strings.SplitSeq(w.ask(t, name+".example.com A"), "\n") {
			if strings.HasPrefix(line, "answer") {
				return strings.Fields(line)[2]
			}
		}
		return "none"
	}
	for _, c := range []struct {
		up      bool
		horizon uint16
		want    int
	}{{true, health.NoHorizon, 60}, {true, 100, 60}, {true, 33, 33}, {true, 2, 10}, {false, 20, 20}, {false, 0, 10}} {
		set("fra", c.up, c.horizon) // second in the policy for nobody in particular
		set("iad", c.up, c.horizon)
		if got := ttl("www"); got != fmt.Sprint(c.want) {
			t.Errorf("up %v, horizon %d: TTL %s, want %d", c.up, c.horizon, got, c.want)
		}
		if got := ttl("one"); got != "60" {
			t.Errorf("a TTL without range became %s", got)
		}
	}
	set("iad", true, 50)
	set("fra", false, 15)
	if got := ttl("www"); got != "50" {
		t.Errorf("first is up: TTL %s, want 50: the other one cannot change it", got)
	}
	set("iad", false, 50)
	set("fra", true, 40)
	if got := ttl("www"); got != "40" {
		t.Errorf("second is up: TTL %s, want 40, the lesser", got)
	}
}
