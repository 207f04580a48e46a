package geodns

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// addMembers tells from which checks k is calculated and how they stand, those
// included from which its members are; each stands once for each check that it
// belongs to.
func (c *CheckStatus) addMembers(b *health.Board, k health.Key) {
	c.Members = []MemberStatus{}
	f, is := b.Formula(k)
	if !is {
		return
	}
	c.Calculated, c.Needed = f.String(), f.Needs()
	todo := []health.Key{k}
	for i := 0; i < len(todo); i++ {
		f, _ := b.Formula(todo[i])
		for _, name := range f.Of {
			member := health.Key{Site: k.Site, Addr: k.Addr, Check: name}
			t, _ := b.Tracker(member)
			m := MemberStatus{Check: name, Of: todo[i].Check, State: stateName(t), Since: stamp(t.Since), LastError: t.LastErr,
				LatencyMS: float64(t.Last.Latency.Microseconds()) / 1000}
			if g, is := b.Formula(member); is {
				m.Calculated = g.String()
				if !slices.Contains(todo, member) {
					todo = append(todo, member)
				}
			}
			c.Members = append(c.Members, m)
		}
	}
}

// Up returns how many of the check's own members are up.
func (c *CheckStatus) Up() (n int) {
	for _, m := range c.Members {
		if m.Of == c.Check && m.State == "up" {
			n++
		}
	}
	return n
}
