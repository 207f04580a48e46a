package geodns

import (
	"container/heap"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// prober makes one attempt at a check; pkg/health/probe has the real ones.
type prober interface {
	Probe(ctx context.Context, addr netip.Addr) health.Result
}

// target is a check of an address, with how to probe it.
type target struct {
	health.Watch
	prober prober // nil for a calculated check
}

// observer is told of every result; it must not block.
type observer func(k health.Key, r health.Result)

// maxFirstRound bounds how many probes of a first round are under way at once,
// so that descriptors do not run out.
const maxFirstRound = 4096

// firstRound probes each of the watches once, all at the same time, and
// returns the results in their order. It takes as long as the longest timeout.
func firstRound(ctx context.Context, watches []target) []health.Result {
	out := make([]health.Result, len(watches))
	slots := make(chan struct{}, maxFirstRound)
	var wg sync.WaitGroup
	for i, w := range watches {
		if w.prober == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i] = attempt(ctx, w)
		})
	}
	wg.Wait()
	return out
}

// attempt makes one probe within its timeout.
func attempt(ctx context.Context, w target) health.Result {
	ctx, cancel := context.WithTimeout(ctx, w.Spec.Timeout)
	defer cancel()
	return w.prober.Probe(ctx, w.Key.Addr)
}

// checker runs the checks. Its one goroutine (Run) owns the board and the
// schedule; everything else reaches them through do.
type checker struct {
	log     *slog.Logger
	observe observer

	calls   chan func(context.Context)
	results chan keyedResult
	probes  sync.WaitGroup
	ended   chan struct{} // closed when Run returns

	// Owned by Run's goroutine; before Run, by whoever made the checker.
	board   *health.Board
	watches map[health.Key]*scheduled
	queue   queue
	publish func(*health.Board) // makes and swaps in the snapshot
	wake    time.Time           // when the board next changes by itself; zero if it does not
	last    transitions

	subjects []health.Subject
	horizons bool
	changed  func() // told that the board holds something new to be kept; may be called often
}

// boardRules are what a configuration says about how the board folds its
// checks.
type boardRules struct {
	subjects   []health.Subject
	sites      map[string]health.Rules
	guards     []health.Guard
	successors map[string][]string
	horizons   bool // some answer depends on how soon a state can change
}

type keyedResult struct {
	key health.Key
	res health.Result
}

// scheduled is a watch and when its next probe starts.
type scheduled struct {
	target
	due     time.Time
	index   int // in the queue, -1 while a probe is under way
	started time.Time
}

func newChecker(log *slog.Logger, observe observer) *checker {
	return &checker{
		log:     log,
		observe: observe,
		calls:   make(chan func(context.Context)),
		results: make(chan keyedResult, 256),
		ended:   make(chan struct{}),
		board:   health.NewBoard(nil),
		watches: map[health.Key]*scheduled{},
		publish: func(*health.Board) {},
		changed: func() {},
	}
}

// do runs f in the goroutine that owns the board and waits for it; it reports
// false if ctx or Run ended first.
func (c *checker) do(ctx context.Context, f func(context.Context)) bool {
	done := make(chan struct{})
	select {
	case c.calls <- func(run context.Context) { defer close(done); f(run) }:
		<-done
		return true
	case <-c.ended:
	case <-ctx.Done():
	}
	return false
}

// unknown returns those of the watches that the board does not have; it must
// run in the owner's goroutine.
func (c *checker) unknown(watches []target) []target {
	var out []target
	for _, w := range watches {
		if _, ok := c.board.Tracker(w.Key); !ok {
			out = append(out, w)
		}
	}
	return out
}

// configure makes the checker run exactly the given watches from now on:
// those that it ran before keep state and schedule. first are the results of a
// first round over fresh. publish takes over; it is called before configure
// returns. It must run in the owner's goroutine.
func (c *checker) configure(watches, fresh []target, first []health.Result, rules boardRules, publish func(*health.Board)) {
	c.board.SetRules(rules.sites)
	c.board.SetGuards(rules.guards)
	c.board.SetSuccessors(rules.successors)
	c.subjects, c.horizons = rules.subjects, rules.horizons
	retired := c.probers(watches)
	c.adopt(watches)
	plain := make([]health.Watch, len(watches))
	for i, w := range watches {
		plain[i] = w.Watch
	}
	c.board.Rebuild(plain)
	c.schedule(watches, time.Now())
	for i, w := range fresh {
		if w.prober != nil {
			c.step(keyedResult{w.Key, first[i]})
		}
	}
	c.publish = publish
	c.republish(time.Now())
	for _, p := range retired {
		p.Close()
	}
}

// save returns what the board must not forget, also after Run has ended.
func (c *checker) save() (saved health.Saved) {
	save := func(context.Context) { saved = c.board.Save(time.Now()) }
	if !c.do(context.Background(), save) {
		save(nil) // nobody owns the board any more
	}
	return saved
}

// republish does what has become due with time and publishes the state of
// now. It must run in the owner's goroutine.
func (c *checker) republish(now time.Time) {
	events := c.board.Settle(c.subjects, now)
	for _, e := range events {
		c.note(e)
	}
	c.publish(c.board)
	c.wake, _ = c.board.Next(now)
	c.changed()
}

// note tells the log of a change and keeps it among the last ones.
func (c *checker) note(e health.Event) {
	c.last.add(e)
	c.log.Info("state change", "policy", e.Target.Policy, "site", e.Target.Site, "target", e.Target.Addr,
		"from", e.From, "to", e.To, "reason", e.Reason)
}

// adopt hands what was reported on to the push checks that follow those in
// use.
func (c *checker) adopt(next []target) {
	for _, w := range next {
		before := c.watches[w.Key]
		if before == nil {
			continue
		}
		old, ok1 := before.prober.(*pushed)
		p, ok2 := w.prober.(*pushed)
		if ok1 && ok2 {
			p.adopt(old)
		}
	}
}

// probers returns those of the probers in use that have something to close
// and are not among the next ones.
func (c *checker) probers(next []target) []closer {
	used := map[closer]bool{}
	for _, w := range next {
		if p, ok := w.prober.(closer); ok {
			used[p] = true
		}
	}
	var out []closer
	for _, w := range c.watches {
		if p, ok := w.prober.(closer); ok && !used[p] {
			used[p] = true
			out = append(out, p)
		}
	}
	return out
}

// closer is a prober that holds connections or a process from one probe to the
// next.
type closer interface{ Close() }

// schedule rebuilds the queue; a watch with an unchanged interval keeps its
// next start.
func (c *checker) schedule(watches []target, now time.Time) {
	old := c.watches
	c.watches = make(map[health.Key]*scheduled, len(watches))
	c.queue = c.queue[:0]
	for _, w := range watches {
		if w.prober == nil {
			continue
		}
		s := &scheduled{target: w, index: -1}
		before := old[w.Key]
		switch {
		case before == nil || before.Spec.Interval != w.Spec.Interval:
			s.due = now.Add(health.Phase(w.Key, w.Spec.Spread()))
		default:
			s.due, s.started = before.due, before.started
		}
		c.watches[w.Key] = s
		if before != nil && before.index < 0 && !before.started.IsZero() {
			// A probe is under way; its result puts the watch back.
			s.due = before.due
			continue
		}
		heap.Push(&c.queue, s)
	}
}

// Run probes until ctx ends and returns when no probe is under way any more.
func (c *checker) Run(ctx context.Context) error {
	defer close(c.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			c.drain()
			for _, p := range c.probers(nil) {
				p.Close()
			}
			return nil
		case f := <-c.calls:
			f(ctx)
		case r := <-c.results:
			c.handle(r)
		case <-timer.C:
			now := time.Now()
			c.start(ctx, now)
			if !c.wake.IsZero() && !c.wake.After(now) {
				c.republish(now)
			}
		}
		c.arm(timer)
	}
}

// arm sets the timer to the next start, or to when the board next changes by
// itself.
func (c *checker) arm(timer *time.Timer) {
	next := time.Now().Add(time.Hour)
	if len(c.queue) > 0 {
		next = c.queue[0].due
	}
	if !c.wake.IsZero() && c.wake.Before(next) {
		next = c.wake
	}
	timer.Reset(max(0, time.Until(next)))
}

// start begins every probe that is due.
func (c *checker) start(ctx context.Context, now time.Time) {
	for len(c.queue) > 0 && !c.queue[0].due.After(now) {
		s := heap.Pop(&c.queue).(*scheduled)
		s.started = s.due
		s.due = health.Next(s.due, s.Spec.Interval, now)
		w := s.target
		c.probes.Go(func() {
			r := keyedResult{w.Key, attempt(ctx, w)}
			select {
			case c.results <- r:
			case <-ctx.Done():
			}
		})
	}
}

// handle takes a result and all others that wait, and publishes once.
func (c *checker) handle(r keyedResult) {
	changed := c.finish(r)
	for {
		select {
		case r := <-c.results:
			changed = c.finish(r) || changed
			continue
		default:
		}
		break
	}
	if changed {
		c.republish(time.Now())
	}
}

// finish puts the watch back into the queue and steps its tracker.
func (c *checker) finish(r keyedResult) (changed bool) {
	s := c.watches[r.key]
	if s == nil {
		return false // gone in a reload
	}
	if s.index < 0 {
		s.started = time.Time{}
		heap.Push(&c.queue, s)
	}
	return c.step(r)
}

// step feeds a result to the board, and tells the log of a change.
func (c *checker) step(r keyedResult) bool {
	touched := append(c.board.Above(r.key), r.key)
	before := make([]health.Tracker, len(touched))
	for i, k := range touched {
		before[i], _ = c.board.Tracker(k)
	}
	changed := c.board.Step(r.key, r.res)
	c.observe(r.key, r.res)
	c.logWarning(r, before[len(before)-1].Last)
	c.passLoad(r)
	if !changed {
		// A run that grows or breaks brings a change nearer or farther.
		after, _ := c.board.Tracker(r.key)
		was := before[len(before)-1]
		return c.horizons && (after.Up && after.FailRun != was.FailRun || !after.Up && after.PassRun != was.PassRun)
	}
	for i, k := range touched {
		after, _ := c.board.Tracker(k)
		if before[i].Known == after.Known && before[i].Up == after.Up {
			continue
		}
		c.log.Info("state change", "site", k.Site, "target", k.Addr, "check", k.Check,
			"from", stateName(before[i]), "to", stateName(after), "reason", reason(after))
		if before[i].Known {
			c.last.add(health.Event{At: r.res.At, Target: health.Target{Site: k.Site, Addr: k.Addr},
				From: stateName(before[i]), To: stateName(after), Reason: "check " + k.Check + ": " + reason(after)})
		}
	}
	return true
}

// logWarning tells a warning once, when it begins or changes.
func (c *checker) logWarning(r keyedResult, before health.Result) {
	if w := r.res.Warning; w != "" && (before.Warning == "" || before.Verdict != health.Pass) {
		c.log.Warn("check warns", "site", r.key.Site, "target", r.key.Addr, "check", r.key.Check, "warning", w)
	}
}

func stateName(t health.Tracker) string {
	switch {
	case !t.Known:
		return "unknown"
	case t.Up:
		return "up"
	}
	return "down"
}

func reason(t health.Tracker) string {
	if t.Up {
		return "probe passed"
	}
	return t.LastErr
}

// drain waits for the probes under way, whose context has ended.
func (c *checker) drain() {
	done := make(chan struct{})
	go func() { c.probes.Wait(); close(done) }()
	for {
		select {
		case <-c.results:
		case <-done:
			return
		}
	}
}

// queue is a heap of watches by their next start.
type queue []*scheduled

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	s := x.(*scheduled)
	s.index = len(*q)
	*q = append(*q, s)
}

func (q *queue) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	s.index = -1
	return s
}
