package vrrp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestGroup tells a group what its members report and compares its orders.
func TestGroup(t *testing.T) {
	for _, c := range []struct{ name, reports, want string }{
		{"one wants: nothing", "a wants", ""},
		{"both want", "a wants, b wants", "a promote b promote"},
		{"one wants no longer", "a wants, a content, b wants", ""},
		{"one gives way", "a wants, b wants, a master, b master, a backup", "a promote b promote b demote"},
		{"the demoted one reports too", "a wants, b wants, a master, b master, a backup, b backup", "a promote b promote b demote"},
		{"a fault holds the others", "a fault, b wants", "b fault"},
		{"… until it ends", "a fault, a healthy", "b fault b clear"},
		{"two faults", "a fault, b fault, a healthy, b healthy", "b fault a fault b clear a clear"},
		{"a fault of a master", "a wants, b wants, a master, b master, b fault", "a promote b promote a fault"},
		{"stopped in fault", "a fault, a stopped", "b fault b clear"},
		{"back to backup is no giving way", "a backup, b backup", ""},
		{"promoted, but cannot", "a wants, b wants, a master, b backup", "a promote b promote a demote"},
		{"stranger", "x wants, x fault", ""},
	} {
		g := NewGroup("G", "a", "b")
		var got []string
		for _, rep := range strings.Split(c.reports, ", ") {
			member, kind, _ := strings.Cut(rep, " ")
			var orders []Order
			g, orders = g.Step(Report{Member: member, Kind: reportKind(t, kind), Text: "why"})
			for _, o := range orders {
				got = append(got, o.Member+" "+o.Kind.String())
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %q, want %q", c.name, s, c.want)
		}
	}
}

func reportKind(t *testing.T, text string) ReportKind {
	t.Helper()
	for k, s := range reportTexts {
		if s == text {
			return ReportKind(k)
		}
	}
	t.Fatalf("no report %q", text)
	return 0
}

func TestGroupState(t *testing.T) {
	g := NewGroup("G", "a", "b")
	for _, c := range []struct {
		rep  Report
		want State
	}{
		{Report{Member: "a", Kind: ReportBackup}, Backup},
		{Report{Member: "a", Kind: ReportWants}, Backup},
		{Report{Member: "b", Kind: ReportWants}, Master},
		{Report{Member: "b", Kind: ReportFault, Text: "why"}, Fault},
		{Report{Member: "b", Kind: ReportHealthy}, Backup},
	} {
		if g, _ = g.Step(c.rep); g.State() != c.want {
			t.Errorf("after %v: got %v, want %v", c.rep, g.State(), c.want)
		}
	}
}

// TestGroupStepIsPure steps one value twice.
func TestGroupStepIsPure(t *testing.T) {
	g, _ := NewGroup("G", "a", "b").Step(Report{Member: "a", Kind: ReportWants})
	_, first := g.Step(Report{Member: "b", Kind: ReportWants})
	_, second := g.Step(Report{Member: "b", Kind: ReportWants})
	if len(first) != 2 || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("got %v, then %v", first, second)
	}
}

// TestGroupsStayTogether has two machines with two interfaces each. Whatever
// happens to one interface, in the end both virtual routers are on the same
// machine.
func TestGroupsStayTogether(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 100
	}
	for seed := range uint64(rounds) {
		w := newGroupWorld(t, seed)
		interval := w.nodes[0].r.cfg.Interval
		for range w.rng.IntN(12) {
			n := w.nodes[w.rng.IntN(4)]
			switch w.rng.IntN(4) {
			case 0:
				a, b := w.rng.IntN(4), w.rng.IntN(4)
				w.cut[a][b] = !w.cut[a][b]
			case 1:
				w.step(n, Link{w.now, w.rng.IntN(2) == 0, "no carrier"})
			case 2:
				w.loss = w.rng.Float64() / 2
			case 3:
				w.step(n, Drain{At: w.now, On: w.rng.IntN(2) == 0, Force: true})
			}
			w.run(w.now + time.Duration(w.rng.Int64N(int64(5*interval))))
		}
		w.loss, w.cut = 0, [maxSimNodes][maxSimNodes]bool{}
		for _, n := range w.nodes {
			w.step(n, Link{At: w.now, Up: true})
			w.step(n, Drain{At: w.now})
		}
		w.run(w.now + 20*interval)
		w.together()
	}
}

// newGroupWorld returns machines {0, 1} and {2, 3} on nets 0 and 1.
func newGroupWorld(t *testing.T, seed uint64) *world {
	var configs []*Config
	for i := range 4 {
		c := *simConfigs(0)[0]
		c.Name, c.Grouped, c.Trackers = fmt.Sprint("VI_", i%2), true, nil
		c.Local, c.Priority = addr(fmt.Sprintf("10.0.%d.%d", i%2, 1+i/2)), uint8(150-50*(i/2))
		c.VRID = uint8(51 + i%2)
		configs = append(configs, &c)
	}
	w := newWorld(t, seed, configs...)
	w.delay = configs[0].Interval / 10
	for i := range 2 {
		h := &simHost{group: NewGroup("G", "VI_0", "VI_1"), members: w.nodes[2*i : 2*i+2]}
		for j, n := range h.members {
			n.host, n.net = h, j
		}
	}
	for _, n := range w.nodes {
		w.start(n)
	}
	return w
}

func (w *world) together() {
	states := make([]State, len(w.nodes))
	for i, n := range w.nodes {
		states[i] = n.r.state
	}
	if states[0] != Master || states[1] != Master || states[2] != Backup || states[3] != Backup {
		w.fail("the better machine has %v, the other %v", states[:2], states[2:])
	}
	if w.nodes[0].host.group.State() != Master || w.nodes[2].host.group.State() != Backup {
		w.fail("groups are %v and %v", w.nodes[0].host.group.State(), w.nodes[2].host.group.State())
	}
}
