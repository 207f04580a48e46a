package policy

import (
	"testing"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// A site that works, but is open to a part of the clients, serves all when
// nothing else works: nobody is sent to a dead site, or away.
func TestWhatWorksServesAllWhenNothingElseDoes(t *testing.T) {
	sites := letters()
	dead := health.Entry{Share: health.FullShare, Horizon: health.NoHorizon}
	for _, share := range []float64{0.001, 0.3, 0.99} {
		snap := with(sites, with(sites, nil, "a", dead), "b", open(share))
		held := with(sites, with(sites, nil, "a", dead), "b", health.Entry{Up: true, Held: true, Share: open(share).Share, Horizon: health.NoHorizon})
		for _, spec := range []*Spec{list(KindFailover, site("a"), site("b")), weigh(9, site("a"), 1, site("b"))} {
			for _, allDown := range []AllDown{Serve, ServeNoData, ServeServFail} {
				spec.AllDown = allDown
				p := compile(t, sites, spec)
				for client := range networks(200) {
					for _, s := range []*health.Snapshot{snap, held} {
						if got := siteOf(t, p, client, s, nil); got != "b" {
							t.Fatalf("%v, all_down %v, share %v: client %v has %s, and only b works", spec, allDown, share, client, got)
						}
					}
				}
			}
		}
	}
}
