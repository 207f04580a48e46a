package geodns

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// script is a prober that takes some time, fails when told to, and notes when
// each probe began.
type script struct {
	mu      sync.Mutex
	cost    time.Duration
	failing bool
	starts  []time.Time
	running int
	overlap bool
}

func (p *script) Probe(ctx context.Context, _ netip.Addr) health.Result {
	p.mu.Lock()
	p.starts = append(p.starts, time.Now())
	p.running++
	p.overlap = p.overlap || p.running > 1
	failing, cost := p.failing, p.cost
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.running--; p.mu.Unlock() }()
	select {
	case <-time.After(cost):
	case <-ctx.Done():
		if context.Cause(ctx) == context.Canceled {
			return health.Result{At: time.Now()} // no verdict: we are shutting down
		}
		return health.Result{Verdict: health.Fail, Err: "timeout", At: time.Now()}
	}
	if failing {
		return health.Result{Verdict: health.Fail, Err: "refused", At: time.Now()}
	}
	return health.Result{Verdict: health.Pass, At: time.Now()}
}

func (p *script) fail(v bool) { p.mu.Lock(); p.failing = v; p.mu.Unlock() }

// began returns when the probes began, and forgets it.
func (p *script) began() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.starts
	p.starts = nil
	return out
}

var second = health.Spec{Interval: time.Second, Timeout: 500 * time.Millisecond, Fall: 2, Rise: 3}

func watchOf(site string, spec health.Spec, p prober) target {
	return target{health.Key{Site: site, Addr: netip.MustParseAddr("192.0.2.1"), Check: "web"}, &method{Spec: spec, prober: p}}
}

// rig is a running checker with what it published.
type rig struct {
	*checker
	ctx       context.Context
	end       func()
	log       *strings.Builder
	published []string // up or down of the first watch, at each publication
}

// runChecker starts a checker with the given watches; the first round is over.
func runChecker(t *testing.T, watches ...target) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{ctx: ctx, log: new(strings.Builder)}
	r.checker = newChecker(slog.New(slog.NewTextHandler(r.log, nil)), nil)
	results := firstRound(ctx, watches)
	r.configure(watches, watches, results, boardRules{}, r.note(watches))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	r.end = func() { cancel(); <-done }
	return r
}

func (r *rig) note(watches []target) func(*health.Board, []health.Subject) {
	return func(b *health.Board, _ []health.Subject) {
		tr, _ := b.Tracker(watches[0].Key)
		r.published = append(r.published, stateName(tr))
	}
}

// reload configures other watches as the server does.
func (r *rig) reload(t *testing.T, watches ...target) {
	t.Helper()
	var fresh []target
	r.do(r.ctx, func(context.Context) { fresh = r.unknown(watches) })
	results := firstRound(r.ctx, fresh)
	if !r.do(r.ctx, func(context.Context) { r.configure(watches, fresh, results, boardRules{}, r.note(watches)) }) {
		t.Fatal("the checker did not take the new watches")
	}
}

func TestProbesStartAtTheirPhaseWhateverTheyCost(t *testing.T) {
	for _, cost := range []time.Duration{0, 300 * time.Millisecond, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p := &script{cost: cost}
			w := watchOf("a", second, p)
			r := runChecker(t, w)
			p.began() // the first round
			base := time.Now()
			time.Sleep(10*time.Second + time.Millisecond)
			r.end()
			starts := p.began()
			if len(starts) != 10 {
				t.Errorf("cost %v: %d probes in ten seconds", cost, len(starts))
			}
			for i, at := range starts {
				if want := health.Phase(w.Key, time.Second) + time.Duration(i)*time.Second; at.Sub(base) != want {
					t.Errorf("cost %v: probe %d after %v, want %v", cost, i, at.Sub(base), want)
				}
			}
			if p.overlap {
				t.Errorf("cost %v: two probes of one check at once", cost)
			}
		})
	}
}

func TestFirstRoundTakesTheLongestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var watches []target
		for i := range 50 {
			cost := time.Duration(i) * 20 * time.Millisecond // from 500 ms on, beyond the timeout
			watches = append(watches, watchOf(fmt.Sprint("s", i), second, &script{cost: cost}))
		}
		begin := time.Now()
		results := firstRound(t.Context(), watches)
		if took := time.Since(begin); took != second.Timeout {
			t.Errorf("took %v, want %v", took, second.Timeout)
		}
		for i, res := range results {
			if want := i < 25; (res.Verdict == health.Pass) != want && i != 25 {
				t.Errorf("%s: %v", watches[i].Key.Site, res.Verdict)
			}
		}
	})
}

func TestStateChangesByRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &script{}
		w := watchOf("a", second, p)
		r := runChecker(t, w)
		defer r.end()
		upFor := func(d time.Duration) (up bool) {
			time.Sleep(d)
			r.do(r.ctx, func(context.Context) { tr, _ := r.board.Tracker(w.Key); up = tr.Up })
			return up
		}
		time.Sleep(health.Phase(w.Key, time.Second) + time.Millisecond) // just after a probe
		p.fail(true)
		if !upFor(1100 * time.Millisecond) {
			t.Error("down after one failure")
		}
		if upFor(time.Second) {
			t.Error("up after two failures")
		}
		p.fail(false)
		if upFor(2 * time.Second) {
			t.Error("up after two successes")
		}
		if !upFor(time.Second) {
			t.Error("down after three successes")
		}
		if want := []string{"up", "down", "up"}; !slices.Equal(r.published, want) {
			t.Errorf("published %v, want %v: only changes", r.published, want)
		}
		if n := strings.Count(r.log.String(), "state change"); n != 3 {
			t.Errorf("%d lines about changes, want 3:\n%s", n, r.log)
		}
	})
}

// TestReloadKeepsStateAndPhase reloads at many moments, also while a probe is
// under way: the failures before still count, and the rhythm stays.
func TestReloadKeepsStateAndPhase(t *testing.T) {
	for at := range 10 {
		synctest.Test(t, func(t *testing.T) {
			p := &script{cost: 400 * time.Millisecond}
			w := watchOf("a", second, p)
			r := runChecker(t, w)
			defer r.end()
			base := time.Now()
			p.began()
			p.fail(true)
			time.Sleep(time.Duration(at)*100*time.Millisecond + health.Phase(w.Key, time.Second) + 50*time.Millisecond)
			for range 3 {
				r.reload(t, w, watchOf("other", second, &script{}))
				r.reload(t, w)
			}
			time.Sleep(3 * time.Second)
			for i, start := range p.began() {
				if want := health.Phase(w.Key, time.Second) + time.Duration(i)*time.Second; start.Sub(base) != want {
					t.Errorf("reload %d00 ms after a probe: probe %d after %v, want %v", at, i, start.Sub(base), want)
				}
			}
			if p.overlap {
				t.Errorf("reload %d00 ms after a probe: two probes at once", at)
			}
			var tr health.Tracker
			r.do(r.ctx, func(context.Context) { tr, _ = r.board.Tracker(w.Key) })
			if want := base.Add(health.Phase(w.Key, time.Second) + time.Second + p.cost); tr.Up || !tr.Since.Equal(want) {
				t.Errorf("reload %d00 ms after a probe: up = %v since %v, want down after the second failure at %v", at, tr.Up, tr.Since, want)
			}
		})
	}
}

func TestReloadWithAnotherIntervalTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &script{cost: 100 * time.Millisecond}
		r := runChecker(t, watchOf("a", second, p))
		defer r.end()
		time.Sleep(5 * time.Second)
		fast := second
		fast.Interval, fast.Timeout = 200*time.Millisecond, 200*time.Millisecond
		r.reload(t, watchOf("a", fast, p))
		time.Sleep(time.Second) // what was under way, and the new phase
		p.began()
		time.Sleep(2 * time.Second)
		if n := len(p.began()); n != 10 {
			t.Errorf("%d probes in two seconds, want 10", n)
		}
	})
}

func TestGoneWatchIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, stays := &script{cost: 900 * time.Millisecond}, &script{}
		slow := second
		slow.Timeout = time.Second
		r := runChecker(t, watchOf("stays", second, stays), watchOf("gone", slow, gone))
		defer r.end()
		time.Sleep(1500 * time.Millisecond) // a probe is under way
		r.reload(t, watchOf("stays", second, stays))
		gone.began()
		time.Sleep(5 * time.Second)
		if n := len(gone.began()); n != 0 {
			t.Errorf("%d probes of a check that is gone", n)
		}
		r.do(t.Context(), func(context.Context) {
			if n := len(r.watches); n != 1 || len(r.queue) != 1 {
				t.Errorf("%d watches, %d in the queue", n, len(r.queue))
			}
		})
	})
}

// TestNewWatchIsProbedBeforeThePublication adds a failing one.
func TestNewWatchIsProbedBeforeThePublication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runChecker(t, watchOf("a", second, &script{}))
		defer r.end()
		p := &script{cost: 100 * time.Millisecond, failing: true}
		added := watchOf("b", second, p)
		r.published = nil
		r.reload(t, added, watchOf("a", second, &script{}))
		if want := []string{"down"}; !slices.Equal(r.published, want) {
			t.Errorf("published %v, want %v at once", r.published, want)
		}
	})
}

// TestResultsThatWaitArePublishedTogether fills the queue of results.
func TestResultsThatWaitArePublishedTogether(t *testing.T) {
	c := newChecker(slog.New(slog.DiscardHandler), nil)
	var watches []target
	for i := range 200 {
		watches = append(watches, watchOf(fmt.Sprint("s", i), second, &script{}))
	}
	published := 0
	c.configure(watches, nil, nil, boardRules{}, func(*health.Board, []health.Subject) { published++ })
	published = 0
	for _, w := range watches {
		c.results.put(keyedResult{w.Key, health.Result{Verdict: health.Fail, Err: "refused"}})
	}
	c.handle()
	if published != 1 {
		t.Errorf("published %d times, want once", published)
	}
	if n := c.board.Unknown(); n != 0 {
		t.Errorf("%d checks have no verdict", n)
	}
	c.results.put(keyedResult{watches[0].Key, health.Result{Verdict: health.Fail, Err: "refused"}})
	c.handle()
	if published != 1 {
		t.Error("published although nothing changed")
	}
}

// TestEndWaitsForProbes ends while probes are under way. synctest fails the
// test if a goroutine is left.
func TestEndWaitsForProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := health.Spec{Interval: time.Minute, Timeout: time.Minute, Fall: 1, Rise: 1}
		p := &script{}
		w := watchOf("a", long, p)
		r := runChecker(t, w)
		p.mu.Lock()
		p.cost = 30 * time.Second
		p.mu.Unlock()
		time.Sleep(health.Phase(w.Key, time.Minute) + time.Second)
		begin := time.Now()
		r.end()
		if took := time.Since(begin); took > 0 {
			t.Errorf("the end took %v although probes obey", took)
		}
		if p.running != 0 {
			t.Error("a probe is still under way")
		}
		if tr, _ := r.board.Tracker(w.Key); !tr.Up {
			t.Error("ending made a site down")
		}
		if r.do(context.Background(), func(context.Context) { t.Error("ran") }) {
			t.Error("do claims to have run after the end")
		}
	})
}
