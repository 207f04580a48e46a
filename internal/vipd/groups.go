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
	hook  func(g *keepalived.SyncGroup, hook vrrp.Hook)

	mu     sync.Mutex
	ending bool                  // the daemon ends
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
	now := s.state.State()
	if hook, ok := groupHooks[now]; ok && now != before && !g.ending {
		g.hook(s.cfg, hook)
	}
}

// groupHooks are the hooks of a group by the state that it enters.
var groupHooks = map[vrrp.State]vrrp.Hook{
	vrrp.Backup: vrrp.HookBackup, vrrp.Master: vrrp.HookMaster, vrrp.Fault: vrrp.HookFault,
}

// end says that members which stop from now on do so with the daemon: on the
// way there a group is in no state of its own.
func (g *groups) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending = true
}

// stopped runs the hooks of the end, once all members have stopped.
func (g *groups) stopped() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.groups {
		g.hook(s.cfg, vrrp.HookStop)
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
