package geodns

import (
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// boardRules returns what the files say about how checks are folded.
func (l *Loaded) boardRules() boardRules {
	return boardRules{things: l.Sites, sites: l.Steering.Rules(), guards: l.guards, followers: l.followers, horizons: l.countsDown()}
}

// countsDown reports whether the TTL of some answer depends on how soon a state
// can change.
func (l *Loaded) countsDown() bool {
	for _, z := range l.Zones {
		for i := range z.Steers {
			if z.Steers[i].MinTTL != z.Steers[i].TTL {
				return true
			}
		}
	}
	return false
}

// guardsOf returns the guards of compiled policies as the board takes them.
func guardsOf(guards []policy.Guard, sites *policy.Sites) []health.Guard {
	out := make([]health.Guard, 0, len(guards))
	for _, g := range guards {
		h := health.Guard{Number: g.Number, Name: g.Policy, MinSites: g.MinSites, MaxRemoved: g.MaxRemoved, Ways: map[string][][]health.Target{}}
		for _, i := range g.Sites {
			h.Sites = append(h.Sites, sites.At(i).Name)
			h.Ways[sites.At(i).Name] = g.Ways[i]
		}
		out = append(out, h)
	}
	return out
}

// followers says by name which sites take the clients of a site next, and beyond
// which do if those have no room.
type followers struct{ next, beyond map[string][]string }

func followersOf(c *policy.Compiler, sites *policy.Sites) followers {
	named := func(lists [][]int32) map[string][]string {
		out := map[string][]string{}
		for i, list := range lists {
			name := sites.At(int32(i)).Name
			for _, n := range list {
				out[name] = append(out[name], sites.At(n).Name)
			}
		}
		return out
	}
	next, beyond := c.Successors()
	return followers{named(next), named(beyond)}
}

// hasCapacity reports whether a site has a bound on its load.
func hasCapacity(rules map[string]health.Rules) bool {
	for _, r := range rules {
		if r.Capacity > 0 {
			return true
		}
	}
	return false
}
