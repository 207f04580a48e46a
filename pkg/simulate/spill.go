package simulate

import (
	"maps"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of playing how sites send clients on.
const (
	mostRounds  = 120       // looks of the server with few clients
	fineRounds  = 12        // and then with all
	fewClients  = 8000      // about
	leastPlayed = 200       // clients at the least
	mostPicks   = 4_000_000 // clients times policies times rounds, about

	tolerance = 0.005 // by which a load may be beyond a capacity, since clients are sampled
)

// Spill is a site that is over its capacity after the change, and where the
// excess goes. Loads are in the unit of the capacity.
type Spill struct {
	Site     string             `json:"site"`
	Capacity float64            `json:"capacity"`
	Load     float64            `json:"load"`  // if nothing were sent on
	Left     float64            `json:"left"`  // when what is too much is sent on
	Keeps    float64            `json:"keeps"` // part of its clients that it keeps, 0 to 1; those whom nobody takes stay too
	To       map[string]float64 `json:"to"`    // load that goes to each site
}

// Settle returns the cases with the Before sides as the server would leave them
// once sites over their capacity have sent clients on. The trial is the state of
// those sides, and Options.Load that of the sites in it.
func (s *Simulation) Settle(cases []Case, trial *health.Trial) []Case {
	load := maps.Clone(s.opts.Load)
	snap := s.play(cases, before, trial, load, s.silent())
	if snap == nil {
		return cases
	}
	then := func(c Case) Side { return Side{c.Before.Policy, snap} }
	s.opts.Load, _ = flows(s.pop, cases, s.opts.Family, before, then).move(load)
	for site := range load {
		s.opts.Load[site] += 0 // who serves nobody is known to
	}
	return withHealth(cases, func(c *Case) { c.Before.Health = snap })
}

// Play lets the sites that are over their capacity after the change send clients
// on, as the server would look after look, until nothing moves any more. The
// trial is the state of the After sides. It returns the cases with those sides as
// they are then, and tells in the result where the excess went and what nobody
// has room for.
func (s *Simulation) Play(cases []Case, trial *health.Trial) []Case {
	load, unknown := flows(s.pop, cases, s.opts.Family, before, after).move(s.opts.Load)
	maps.Copy(unknown, s.silent())
	snap := s.play(cases, after, trial, load, unknown)
	if snap == nil {
		return cases
	}
	s.played = true
	then := func(c Case) Side { return Side{c.After.Policy, snap} }
	s.tell(flows(s.pop, cases, s.opts.Family, after, then), load, unknown, keeps(cases, snap))
	return withHealth(cases, func(c *Case) { c.After.Health = snap })
}

// silent returns the sites of whose load the server is told nothing.
func (s *Simulation) silent() map[string]bool {
	out := map[string]bool{}
	for site := range s.opts.Capacity {
		if _, known := s.opts.Load[site]; !known {
			out[site] = true
		}
	}
	return out
}

func withHealth(cases []Case, set func(*Case)) []Case {
	out := slices.Clone(cases)
	for i := range out {
		set(&out[i])
	}
	return out
}

// play returns the health in which it ends, or nil if no site is over its
// capacity and none sends clients on.
func (s *Simulation) play(cases []Case, base sideOf, trial *health.Trial, load map[string]float64, unknown map[string]bool) *health.Snapshot {
	snap := trial.Snapshot()
	over := snap.Spilling()
	for site, capacity := range s.opts.Capacity {
		over = over || load[site] > capacity
	}
	if !over {
		return nil
	}
	few := s.pop.thin(min(fewClients, max(leastPlayed, mostPicks/(mostRounds/4*max(1, len(cases))))))
	for _, part := range []struct {
		rounds int
		pop    *Population
	}{{mostRounds, few}, {fineRounds, s.pop}} {
		for range part.rounds {
			now := func(c Case) Side { return Side{base(c).Policy, snap} }
			loads, more := flows(part.pop, cases, s.opts.Family, base, now).move(load)
			if !trial.Tell(s.reports(loads, more, unknown)) {
				break
			}
			snap = trial.Snapshot()
		}
	}
	return snap
}

// reports returns what the server would be told. Of a site to which more may
// come than is known it is told nothing, so that it takes nothing, unless what
// is known is too much already.
func (s *Simulation) reports(loads map[string]float64, unknown ...map[string]bool) map[string]float64 {
	out := map[string]float64{}
	for site, capacity := range s.opts.Capacity {
		missing := slices.ContainsFunc(unknown, func(m map[string]bool) bool { return m[site] })
		if !missing || loads[site] > capacity {
			out[site] = loads[site]
		}
	}
	return out
}

// tell puts into the result what became of the excess.
func (s *Simulation) tell(t traffic, load map[string]float64, unknown map[string]bool, keeps func(string) float64) {
	left, _ := t.move(load)
	for _, site := range slices.Sorted(maps.Keys(s.opts.Capacity)) {
		capacity := s.opts.Capacity[site]
		over := left[site] > capacity*(1+tolerance)
		sp := Spill{site, capacity, round(load[site]), round(left[site]), round(keeps(site)), t.leaving(site, load[site])}
		if over || len(sp.To) > 0 {
			s.result.Spills = append(s.result.Spills, sp)
		}
		switch {
		case !over:
		case len(sp.To) == 0:
			s.warnLoad(site, left[site], unknown[site], "no other site has room for what is too much")
		default:
			s.warnLoad(site, left[site], unknown[site], "no other site has room for the rest")
		}
	}
}

// keeps returns how to find the part of its clients that a site keeps.
func keeps(cases []Case, snap *health.Snapshot) func(string) float64 {
	return func(site string) float64 {
		for _, c := range cases {
			if c.After.Policy == nil {
				continue
			}
			sites := c.After.Policy.Sites()
			if i, ok := sites.Find(site); ok {
				return 1 - float64(snap.At(sites.At(i).ID).Spill)/health.FullShare
			}
		}
		return 1
	}
}

// thin returns a population of about so many of the clients, each country with
// the weight it had.
func (p *Population) thin(n int) *Population {
	have := 0
	for i := range p.Countries {
		have += len(p.Countries[i].Clients)
	}
	if have <= n {
		return p
	}
	out := &Population{}
	for _, c := range p.Countries {
		every := max(1, min(have/n, len(c.Clients)/4))
		few := Country{Code: c.Code, Weight: c.Weight}
		var sum float64
		for i := every / 2; i < len(c.Clients); i += every {
			few.Clients = append(few.Clients, c.Clients[i])
			sum += c.Clients[i].Weight
		}
		for i := range few.Clients {
			few.Clients[i].Weight *= c.Weight / sum
		}
		out.Countries = append(out.Countries, few)
	}
	return out
}
