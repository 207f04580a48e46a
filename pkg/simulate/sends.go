package simulate

import (
	"maps"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Sending is a site that sends clients on before the change, because it has more
// load than capacity, and who has them. Parts are of the clients who would be
// its own if it had room, by all names together.
type Sending struct {
	Site  string             `json:"site"`
	Stays float64            `json:"stays"` // part that it has all the same
	To    map[string]float64 `json:"to"`    // part that each other site has
}

// Send tells in the result which sites send clients on in the Before sides, by
// asking who would serve those clients if no site did.
func (s *Simulation) Send(cases []Case) {
	calm, sending := map[*health.Snapshot]*health.Snapshot{}, map[string]bool{}
	for _, c := range cases {
		if c.Before.Policy == nil || !c.Before.Health.Spilling() || calm[c.Before.Health] != nil {
			continue
		}
		snap, sites := c.Before.Health.WithRefusals(), c.Before.Policy.Sites()
		for i := range int32(sites.Len()) {
			id := sites.At(i).ID
			if e := snap.At(id); e.Spill > 0 {
				sending[sites.At(i).Name] = true
				e.Spill = 0
				snap = snap.With(id, e)
			}
		}
		calm[c.Before.Health] = snap
	}
	if len(sending) == 0 {
		return
	}
	roomy := func(c Case) Side {
		if snap := calm[c.Before.Health]; snap != nil {
			return Side{c.Before.Policy, snap}
		}
		return c.Before
	}
	t := flows(s.pop, cases, s.opts.Family, roomy, before)
	for _, site := range slices.Sorted(maps.Keys(sending)) {
		to := t.leaving(site, 1)
		if len(to) == 0 {
			continue // nobody takes them, or nobody comes by these policies
		}
		stays := 1.0
		for _, part := range to {
			stays -= part
		}
		s.result.Sends = append(s.result.Sends, Sending{site, round(max(0, stays)), to})
	}
}
