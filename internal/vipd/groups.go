package vipd

import (
	"sync"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// groups keeps the sync groups. Reports come from the goroutines of the
// instances; orders go into their mailboxes, in the order in which the group
// gave them.
type groups struct {
	// order delivers an order; hook runs the hooks of a group that changed its
	// state. Neither blocks.
	order func(vrrp.Order)
	hook  func(g *keepalived.SyncGroup, state vrrp.State)

	mu     sync.Mutex
	groups map[string]*syncGroup // by name of the group
	member map[string]*syncGroup // by name of the instance
}

type syncGroup struct {
	cfg   *keepalived.SyncGroup
	state vrrp.Group
}

// set takes the groups of a configuration. One whose members are the same
// keeps its state.
func (g *groups) set(cfg *keepalived.Config) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.groups
	g.groups, g.member = map[string]*syncGroup{}, map[string]*syncGroup{}
	for _, c := range cfg.Groups {
		s := old[c.Name]
		if s == nil || !same(s.cfg.Members, c.Members) {
			s = &syncGroup{state: vrrp.NewGroup(c.Name, c.Members...)}
		}
		s.cfg = c
		g.groups[c.Name] = s
		for _, m := range c.Members {
			g.member[m] = s
		}
	}
}

// report takes what a member says, and delivers what follows.
func (g *groups) report(r vrrp.Report) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.member[r.Member]
	if s == nil {
		return
	}
	before := s.state.State()
	var orders []vrrp.Order
	s.state, orders = s.state.Step(r)
	for _, o := range orders {
		g.order(o)
	}
	if now := s.state.State(); now != before && now != vrrp.Init {
		g.hook(s.cfg, now)
	}
}

// states returns the state of each group by name.
func (g *groups) states() map[string]vrrp.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]vrrp.State{}
	for name, s := range g.groups {
		out[name] = s.state.State()
	}
	return out
}
