package vrrp

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var simSteps = flag.Int("steps", 1_000_000, "steps of the simulated network")

// simConfigs returns three nodes of one virtual router.
func simConfigs(seed uint64) []*Config {
	interval := []time.Duration{100 * time.Millisecond, time.Second, 50 * time.Millisecond, 300 * time.Millisecond}[seed%4]
	priorities := [][3]uint8{{150, 100, 50}, {100, 100, 100}, {254, 253, 1}, {255, 100, 100}}[seed/4%4]
	var configs []*Config
	for i := range 3 {
		c := &Config{
			Rules: Rules{Version: V3, VRID: 51, Local: addr(fmt.Sprintf("10.0.0.%d", 1+(i+int(seed/7))%3))},
			Name:  fmt.Sprint("node", i), Interval: interval, Priority: priorities[i],
			VIPs: addrs("10.0.0.100"), Announce: 5, AnnounceDelay: 5 * time.Second, AnnounceLower: 5, AnnounceLowerDelay: 5 * time.Second,
			NoPreempt: seed%3 == 1 && priorities[i] != 255,
			Trackers:  []Tracker{{Kind: "script", Name: "chk", Weight: -20}},
		}
		if seed%5 == 2 {
			c.Unicast = true
		}
		configs = append(configs, c)
	}
	for _, c := range configs {
		for _, d := range configs {
			if c != d {
				c.Peers = append(c.Peers, Peer{Addr: d.Local})
			}
		}
		if !c.Unicast {
			c.Peers = nil
		}
	}
	return configs
}

// TestOneMaster drives three routers through a network that loses, delays and
// partitions, with crashes, stops, pauses, faults and drains; then everything
// is calm, and after as long as the theory allows there is one Master, the
// best, and stays the only one, and it was the last that announced itself. Then the Master goes, in different ways, and
// the gap and the overlap are measured against the theory.
func TestOneMaster(t *testing.T) {
	steps := *simSteps
	if testing.Short() {
		steps = 50_000
	}
	total, rounds := 0, 0
	for seed := uint64(0); total < steps; seed++ {
		w := newWorld(t, seed, simConfigs(seed)...)
		s := &scenario{world: w, interval: w.nodes[0].r.cfg.Interval}
		w.delay = s.interval / 10
		for _, n := range w.nodes {
			n.mute = seed%7 == 3
			w.start(n)
			w.step(n, Track{At: w.now, Kind: "script", Name: "chk", Up: true})
		}
		for range 12 {
			s.chaos()
			s.calm()
			s.loseMaster()
			rounds++
		}
		total += w.steps
	}
	t.Logf("%d steps, %d rounds", total, rounds)
}

type scenario struct {
	*world
	interval time.Duration
}

// down is the longest master-down interval that any node can have.
func (s *scenario) down() time.Duration { return MasterDownInterval(V3, 1, s.interval, 3) }

// chaos lets bad things happen for a while.
func (s *scenario) chaos() {
	s.loss = []float64{0, 0.05, 0.3, 0.9}[s.rng.IntN(4)]
	s.watch = func() {}
	for range s.rng.IntN(30) {
		n := s.nodes[s.rng.IntN(len(s.nodes))]
		s.mischief(n)
		s.run(s.now + time.Duration(s.rng.Int64N(int64(2*s.interval))))
		if s.rng.IntN(8) == 0 {
			s.run(s.now + 10*time.Second)
		}
	}
}

func (s *scenario) mischief(n *simNode) {
	switch what := s.rng.IntN(9); {
	case what == 0:
		other := s.nodes[s.rng.IntN(len(s.nodes))]
		s.cut[n.name][other.name] = !s.cut[n.name][other.name] // one way only, until the other way is cut too
	case !n.running:
		s.revive(n)
	case n.paused:
		s.resume(n)
	case what == 1:
		s.pause(n)
	case what == 2:
		s.crash(n)
	case what == 3:
		s.stop(n)
	case what == 4:
		s.step(n, Link{s.now, s.rng.IntN(2) == 0, "no carrier"})
	case what == 5:
		s.step(n, Track{At: s.now, Kind: "script", Name: "chk", Up: s.rng.IntN(2) == 0})
	case what == 6:
		s.step(n, Drain{At: s.now, On: s.rng.IntN(2) == 0, Force: true})
	case what == 7:
		s.step(n, AddressLost{s.now, addr("10.0.0.100")})
	case what == 8:
		s.step(n, PacketRefused{At: s.now, From: addr("10.0.0.66"), Reason: DropTTL})
	}
}

func (s *scenario) revive(n *simNode) {
	s.start(n)
	s.step(n, Track{At: s.now, Kind: "script", Name: "chk", Up: true})
}

// calm ends all trouble and checks what must follow.
func (s *scenario) calm() {
	s.loss, s.cut = 0, [maxSimNodes][maxSimNodes]bool{}
	for _, n := range s.nodes {
		switch {
		case !n.running:
			s.revive(n)
		case n.paused:
			s.resume(n)
		}
		s.step(n, Link{At: s.now, Up: true})
		s.step(n, Track{At: s.now, Kind: "script", Name: "chk", Up: true})
		s.step(n, Drain{At: s.now})
	}
	begin := s.now
	var overlap, gap meter
	s.watch = func() {
		// A Master may be cut off no longer than it takes to hear the other;
		// its addresses can only be in a kernel that no longer runs a Router.
		if s.now > begin+2*s.interval+3*s.delay {
			overlap.see(s.now, s.masters() > 1)
		}
		if s.now > begin+s.down()+s.delay {
			gap.see(s.now, s.holders() == 0)
		}
	}
	s.run(begin + 2*s.down() + AddressLifetime + 5*s.interval)
	if overlap.longest > 2*s.delay {
		s.fail("two masters for %v in the calm, %v allowed", overlap.longest, 2*s.delay)
	}
	if gap.longest > 0 || gap.on {
		s.fail("no master for %v in the calm", gap.longest)
	}
	s.onlyBest()
}

// onlyBest checks that one node is Master, and no better one would preempt it.
func (s *scenario) onlyBest() {
	if s.masters() != 1 || s.holders() != 1 {
		s.fail("%d masters, addresses in %d kernels", s.masters(), s.holders())
	}
	m := s.master()
	if s.arp[0] != m.name {
		s.fail("node %d is master, but node %d announced itself last", m.name, s.arp[0])
	}
	for _, n := range s.nodes {
		if n.r.priority > m.r.priority && (!n.r.cfg.NoPreempt || n.r.priority == PriorityOwner) {
			s.fail("node %d (%d) is master although node %d (%d) preempts", m.name, m.r.priority, n.name, n.r.priority)
		}
		if n != m && n.r.master != m.addr {
			s.fail("node %d takes %v for the master", n.name, n.r.master)
		}
	}
}

func (s *scenario) master() *simNode {
	for _, n := range s.nodes {
		if n.r.state == Master {
			return n
		}
	}
	s.fail("no master")
	return nil
}

// loseMaster takes the Master away in one of several ways and measures.
func (s *scenario) loseMaster() {
	m := s.master()
	best := s.bestBut(m)
	allowed := MasterDownInterval(V3, best.r.priority, s.interval, 3) + s.delay
	var gap, overlap meter
	s.watch = func() {
		gap.see(s.now, s.masters() == 0)
		overlap.see(s.now, s.holders() > 1)
	}
	kind := s.rng.IntN(5)
	// Two that wait nearly equally long may both claim, and are told so: three ways.
	overlapAllowed := 3 * s.delay
	switch kind {
	case 0:
		s.crash(m)
		overlapAllowed = AddressLifetime // the kernel ends it, no later
	case 1:
		s.pause(m)
		overlapAllowed = AddressLifetime
	case 2:
		s.stop(m)
		allowed = s.handover(m, best)
	case 3:
		s.step(m, Drain{At: s.now, On: true, Force: m.mute})
		allowed = s.handover(m, best)
	case 4:
		s.step(m, Link{At: s.now, Why: "no carrier"})
	}
	s.run(s.now + allowed + s.interval + AddressLifetime)
	if gap.longest > allowed {
		s.fail("no master for %v after way %d of losing it, %v allowed", gap.longest, kind, allowed)
	}
	if overlap.longest > overlapAllowed {
		s.fail("addresses on two nodes for %v after way %d, %v allowed", overlap.longest, kind, overlapAllowed)
	}
	if s.masters() != 1 {
		s.fail("%d masters after way %d", s.masters(), kind)
	}
}

// handover returns how long nobody may be Master after one that released: the
// hellos are known by now, so that the successor was named; where there are
// none it waits its skew.
func (s *scenario) handover(m, best *simNode) time.Duration {
	if m.mute {
		return SkewTime(V3, best.r.priority, s.interval) + s.delay
	}
	return s.delay
}

// bestBut returns the node that should follow m.
func (s *scenario) bestBut(m *simNode) *simNode {
	var best *simNode
	for _, n := range s.nodes {
		if n != m && (best == nil || n.r.priority > best.r.priority) {
			best = n
		}
	}
	return best
}
