package health

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

// town is a simulation: clients of several sites in a failover ring, whose load
// follows the shares with a delay, as resolvers keep answers.
type town struct {
	b        *Board
	subjects []Subject
	order    []string
	demand   map[string]float64 // load of those whose first site it is
	seen     map[string]float64 // load that has arrived by now
	now      time.Time
	lag      float64 // part of the way that the load goes in a second
}

func newTown(capacity float64, names ...string) *town {
	t := &town{b: NewBoard(nil), order: names, demand: map[string]float64{}, seen: map[string]float64{}, now: epoch, lag: 1. / 20}
	rules, next := map[string]Rules{}, map[string][]string{}
	for i, n := range names {
		rules[n] = Rules{Capacity: capacity}
		next[n] = []string{names[(i+1)%len(names)]}
		t.subjects = append(t.subjects, Subject{ID: ID(i), Site: n})
	}
	t.b.SetRules(rules)
	t.b.SetSuccessors(next)
	return t
}

// offered returns the load that the shares give each site: what a site does not
// keep of its own and of what it is sent goes to the next.
func (t *town) offered() map[string]float64 {
	out := map[string]float64{}
	snap := t.b.Snapshot(t.subjects, t.now)
	for i, n := range t.order {
		rest := t.demand[n]
		for hop := 0; hop < len(t.order) && rest > 0; hop++ {
			to := (i + hop) % len(t.order)
			keep := rest * float64(snap.At(ID(to)).Share) / FullShare
			out[t.order[to]] += keep
			rest -= keep
		}
	}
	return out
}

// run lets time pass, second by second, with reports every five, and returns
// the highest load that each site ever had.
func (t *town) run(d time.Duration) map[string]float64 {
	most := map[string]float64{}
	for end := t.now.Add(d); t.now.Before(end); {
		t.now = t.now.Add(time.Second)
		want := t.offered()
		for _, n := range t.order {
			t.seen[n] += (want[n] - t.seen[n]) * t.lag
			most[n] = max(most[n], t.seen[n])
			if t.now.Unix()%5 == 0 {
				t.b.ReportLoad(n, t.seen[n], t.now)
			}
		}
		t.b.Settle(t.subjects, t.now)
	}
	return most
}

func (t *town) share(site string) float64 {
	_, _, share := t.b.Load(site, t.now)
	return float64(share) / FullShare
}

func TestOnlyTheExcessMovesAndComesBack(t *testing.T) {
	w := newTown(100, "a", "b")
	w.demand["a"], w.demand["b"] = 60, 30
	w.run(5 * time.Minute)
	if w.share("a") != 1 {
		t.Fatalf("share %v without need", w.share("a"))
	}
	w.demand["a"] = 140
	most := w.run(10 * time.Minute)
	if a := w.seen["a"]; a > 101 || a < 75 {
		t.Errorf("a has %v, want a little below its capacity of 100", a)
	}
	if most["b"] > 100 {
		t.Errorf("b had %v: it was tipped over", most["b"])
	}
	w.demand["a"] = 60
	w.run(15 * time.Minute)
	if w.share("a") != 1 {
		t.Errorf("share %v long after the rush", w.share("a"))
	}
}

// TestNoDominoFalls overloads one of four sites whose successors are nearly
// full. With the bound none of the others ever has more than its capacity, and
// the load that nobody has room for stays. The same town with sites that know
// no capacity but the first, as a controller without the bound would act,
// drives the second over.
func TestNoDominoFalls(t *testing.T) {
	play := func(bound bool) (map[string]float64, *town) {
		w := newTown(100, "a", "b", "c", "d")
		if !bound {
			w.b.SetRules(map[string]Rules{"a": {Capacity: 100}})
		}
		for _, n := range w.order {
			w.demand[n] = 80
			w.seen[n] = 80
		}
		w.demand["a"] = 200
		return w.run(20 * time.Minute), w
	}
	most, w := play(true)
	for _, n := range w.order[1:] {
		if most[n] > 100 {
			t.Errorf("%s was tipped over: it had %.1f", n, most[n])
		}
	}
	if w.seen["a"] > 195 {
		t.Errorf("nothing was moved although there was some room: a has %.1f", w.seen["a"])
	}
	if most, _ := play(false); most["b"] < 120 {
		t.Errorf("without the bound b had %.1f only: the test shows nothing", most["b"])
	}
}

func TestMovesAreBounded(t *testing.T) {
	w := newTown(100, "a", "b")
	w.b.SetRules(map[string]Rules{"a": {Capacity: 100}}) // b takes anything
	w.demand["a"] = 10000
	before := 1.0
	for range 60 {
		w.run(SpillInterval)
		now := w.share("a")
		if step := math.Abs(before - now); step > 0.1001 {
			t.Fatalf("a step of %.3f", step)
		}
		before = now
	}
	if before < 0.009 || before > 0.02 {
		t.Errorf("share %v, want a hundredth: a site keeps something", before)
	}
}

func TestStaleReportsFreezeThenRelease(t *testing.T) {
	w := newTown(100, "a", "b")
	w.demand["a"] = 150
	w.run(5 * time.Minute)
	share := w.share("a")
	if share > 0.8 {
		t.Fatalf("share %v", share)
	}
	look := func(after time.Duration) float64 {
		for end := w.now.Add(after); w.now.Before(end); {
			w.now = w.now.Add(time.Second)
			w.b.Settle(w.subjects, w.now)
		}
		return w.share("a")
	}
	look(LoadTTL)
	share = w.share("a")
	if got := look(LoadForgotten - LoadTTL - 15*time.Second); got != share {
		t.Errorf("without reports the share went from %v to %v", share, got)
	}
	if got := look(2 * time.Minute); got != 1 {
		t.Errorf("long without reports: share %v", got)
	}
}

func TestNobodyHasRoom(t *testing.T) {
	for name, prepare := range map[string]func(*Board){
		"the other is full":      func(b *Board) { b.ReportLoad("b", 95, epoch) },
		"nothing is known of it": func(*Board) {},
		"its report is old":      func(b *Board) { b.ReportLoad("b", 0, epoch.Add(-LoadTTL)) },
		"there is no other":      func(b *Board) { b.SetSuccessors(nil) },
		"the other is drained":   func(b *Board) { b.ReportLoad("b", 0, epoch); b.Drain(Target{Site: "b"}, Order{}, epoch) },
	} {
		b := NewBoard(nil)
		b.SetRules(map[string]Rules{"a": {Capacity: 100}, "b": {Capacity: 100}})
		b.SetSuccessors(map[string][]string{"a": {"b"}})
		prepare(b)
		b.ReportLoad("a", 150, epoch)
		subjects := []Subject{{ID: 0, Site: "a"}, {ID: 1, Site: "b"}, {ID: 2, Site: "b", Addr: netip.MustParseAddr("192.0.2.1")}}
		b.nextLook = epoch
		events := b.Settle(subjects, epoch)
		if _, _, share := b.Load("a", epoch); share != FullShare || len(events) != 1 || events[0].To != "over capacity" {
			t.Errorf("%s: share %d, events %v", name, share, events)
		}
		if again := fmt.Sprint(b.Settle(subjects, epoch.Add(SpillInterval))); again != "[]" {
			t.Errorf("%s: told again: %s", name, again)
		}
	}
}
