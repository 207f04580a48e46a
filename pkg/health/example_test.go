package health_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// A board is fed results and asked for the state of what is served.
func ExampleBoard() {
	addr := netip.MustParseAddr("203.0.113.10")
	web := health.Key{Site: "fra", Addr: addr, Check: "web"}
	board := health.NewBoard([]health.Watch{{Key: web, Spec: health.Spec{}.WithDefaults()}})
	subjects := []health.Subject{{ID: 0, Site: "fra", Addr: addr, Checks: []string{"web"}}}

	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for _, r := range []health.Result{
		{Verdict: health.Pass, At: at},
		{Verdict: health.Fail, Err: "status 503, want 200-299", At: at.Add(2 * time.Second)},
		{Verdict: health.Fail, Err: "status 503, want 200-299", At: at.Add(4 * time.Second)},
	} {
		changed := board.Step(web, r)
		fmt.Println(r.Verdict, "changed:", changed, "up:", board.Snapshot(subjects, r.At).At(0).Up)
	}
	j := board.Judge(subjects[0])
	fmt.Printf("down since %s: %s: %s\n", j.Since.Format(time.TimeOnly), j.Check, j.Err)
	// Output:
	// pass changed: true up: true
	// fail changed: false up: true
	// fail changed: true up: false
	// down since 03:00:04: web: status 503, want 200-299
}
