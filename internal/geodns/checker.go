package geodns

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// prober makes one attempt at a check; pkg/health/probe has the real ones.
type prober interface {
	Probe(ctx context.Context, addr netip.Addr) health.Result
}

// target is a check of an address, with how to probe it.
type target struct {
	Key health.Key
	*method
}

// method is what the addresses of a check have in common; there may be tens of
// thousands of them.
type method struct {
	Spec    health.Spec
	Formula *health.Formula
	prober  prober // nil for a calculated check
}

// watch returns the target as the board knows it.
func (t target) watch() health.Watch {
	return health.Watch{Key: t.Key, Spec: t.Spec, Formula: t.Formula}
}

// counter counts results by series; it must not block.
type counter interface {
	SetChecks(keys []*health.Key) (series []int32)
	ObserveCheck(series int32, k health.Key, r health.Result)
}

// checker runs the checks. Its one goroutine (Run) owns the board and the
// schedule; everything else reaches them through do.
type checker struct {
	log   *slog.Logger
	count counter   // nil: nobody counts
	epoch time.Time // from which moments are counted

	calls   chan func(context.Context)
	results inbox
	probes  sync.WaitGroup
	ended   chan struct{} // closed when Run returns

	// Owned by Run's goroutine; before Run, by whoever made the checker.
	board   *health.Board
	watches []scheduled // by the places of the board
	queue   queue
	begun   time.Time   // when probes were started last
	loop    *probe.Loop // makes the lean probes; nil until there is one
	jobs    []probe.Job // for the loop, while probes are started
	scratch stepScratch
	publish func(*health.Board, []health.Subject) // makes and swaps in the snapshot
	wake    time.Time                             // when to publish next: the board changes by itself, or something waits; zero if never
	rest    time.Time                             // before then nothing is published that a result changed
	last    transitions
	round   *roundLog // while first verdicts are collected; else nil

	ownFaults map[string]time.Time // when a check's own faults were told last

	things   *policy.Sites // whose state is published; nil: there are none
	horizons bool
	changed  func() // told that the board holds something new to be kept; may be called often
}

// boardRules are what a configuration says about how the board folds its
// checks.
type boardRules struct {
	things    *policy.Sites
	sites     map[string]health.Rules
	guards    []health.Guard
	followers followers
	horizons  bool // some answer depends on how soon a state can change
}

func newChecker(log *slog.Logger, count counter) *checker {
	return &checker{
		log:       log,
		count:     count,
		epoch:     time.Now(),
		calls:     make(chan func(context.Context)),
		results:   newInbox(),
		ended:     make(chan struct{}),
		board:     health.NewBoard(nil),
		ownFaults: map[string]time.Time{},
		publish:   func(*health.Board, []health.Subject) {},
		changed:   func() {},
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

// plain returns the targets as the board knows them.
func plain(targets []target) []health.Watch {
	out := make([]health.Watch, len(targets))
	for i, t := range targets {
		out[i] = t.watch()
	}
	return out
}

// configure makes the checker run exactly the given watches from now on:
// those that it ran before keep state and schedule. first are the results of a
// first round over fresh. publish takes over; it is called before configure
// returns. It must run in the owner's goroutine.
func (c *checker) configure(watches, fresh []target, first []health.Result, rules boardRules, publish func(*health.Board, []health.Subject)) {
	c.board.SetRules(rules.sites)
	c.board.SetGuards(rules.guards)
	c.board.SetSuccessors(rules.followers.next, rules.followers.beyond)
	c.things, c.horizons = rules.things, rules.horizons
	retired := c.probers(watches)
	c.adopt(watches)
	before := c.places(watches)
	c.board.Rebuild(plain(watches))
	c.schedule(watches, before, time.Now())
	c.beginRound(len(fresh))
	for i, w := range fresh {
		if w.prober != nil {
			c.step(keyedResult{w.Key, first[i]})
		}
	}
	c.endRound(len(fresh))
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

// restFactor bounds the part of the time that goes into publishing: with tens
// of thousands of sites a snapshot takes milliseconds, and where there are that
// many some change all the time.
const restFactor = 4

// republish does what has become due with time and publishes the state of
// now. It must run in the owner's goroutine.
func (c *checker) republish(now time.Time) {
	began := time.Now()
	subjects := c.subjects()
	events := c.board.Settle(subjects, now)
	for _, e := range events {
		c.note(e)
	}
	c.publish(c.board, subjects)
	c.wake, _ = c.board.Next(now)
	c.changed()
	ended := time.Now()
	c.rest = ended.Add(restFactor * ended.Sub(began))
}

// wakeBy has something published at t at the latest.
func (c *checker) wakeBy(t time.Time) {
	if c.wake.IsZero() || t.Before(c.wake) {
		c.wake = t
	}
}

// wakeForNext is for what the board has been told beside a result that is
// published. What is due already, and waits for the timer, stays due.
func (c *checker) wakeForNext(now time.Time) {
	if next, ok := c.board.Next(now); ok {
		c.wakeBy(next)
	}
}

// subjects returns everything whose state is published.
func (c *checker) subjects() []health.Subject {
	if c.things == nil {
		return nil
	}
	return c.things.Subjects()
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
		before := c.find(w.Key)
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
		if p, ok := closerOf(w.prober); ok {
			used[p] = true
		}
	}
	var out []closer
	for i := range c.watches {
		if p, ok := closerOf(c.watches[i].prober); ok && !used[p] {
			used[p] = true
			out = append(out, p)
		}
	}
	return out
}

// closer is a prober that holds connections or a process from one probe to the
// next.
type closer interface{ Close() }

// closerOf returns what is to be closed when a prober is not used any more:
// itself, or the program that it has in common with those of other sites.
func closerOf(p prober) (closer, bool) {
	if shared, ok := p.(interface{ Program() *probe.KeptExec }); ok {
		return shared.Program(), true
	}
	c, ok := p.(closer)
	return c, ok
}

// Run probes until ctx ends and returns when no probe is under way any more.
func (c *checker) Run(ctx context.Context) error {
	defer close(c.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			c.probes.Wait()
			for _, p := range c.probers(nil) {
				p.Close()
			}
			return nil
		case f := <-c.calls:
			f(ctx)
		case <-c.results.bell:
			c.handle()
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
