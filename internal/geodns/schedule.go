package geodns

import (
	"context"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
)

// scheduled is a watch and when its next probe starts. It is kept small, since
// there may be tens of thousands: TestCheckIsSmall.
type scheduled struct {
	*target
	due    instant
	index  int32 // in the queue, or one of the following
	series int32 // by which it is counted
	recent latencies
}

// What stands in place of an index in the queue.
const (
	underWay   int32 = -1 // a probe is
	calculated int32 = -2 // there are no probes
)

// instant is a time, counted from the epoch of the checker: a third of the
// memory of a [time.Time].
type instant time.Duration

func (c *checker) instant(t time.Time) instant { return instant(t.Sub(c.epoch)) }
func (c *checker) time(m instant) time.Time    { return c.epoch.Add(time.Duration(m)) }

// find returns the watch of k, or nil.
func (c *checker) find(k health.Key) *scheduled {
	if at, ok := c.board.Place(k); ok && at < len(c.watches) {
		return &c.watches[at]
	}
	return nil
}

// places returns where each of the targets stands now, -1 if nowhere.
func (c *checker) places(targets []target) []int32 {
	out := make([]int32, len(targets))
	for i := range targets {
		at, _ := c.board.Place(targets[i].Key)
		if out[i] = int32(at); at >= len(c.watches) {
			out[i] = -1
		}
	}
	return out
}

// schedule rebuilds the queue for what the board watches now, given the places
// of before; a watch with an unchanged interval keeps its next start.
func (c *checker) schedule(watches []target, places []int32, now time.Time) {
	old := c.watches
	c.watches = make([]scheduled, c.board.Len())
	c.queue = make(queue, 0, len(c.watches))
	series := c.setSeries(watches)
	for i := range watches {
		w := &watches[i]
		at, _ := c.board.Place(w.Key)
		s := &c.watches[at]
		*s = scheduled{target: w, index: calculated, series: series[i]}
		if w.prober == nil {
			continue
		}
		s.due = c.instant(now.Add(health.Phase(w.Key, w.Spec.Spread())))
		if places[i] >= 0 && old[places[i]].prober != nil {
			before := &old[places[i]]
			s.recent = before.recent
			if before.Spec.Interval == w.Spec.Interval || before.index == underWay {
				s.due = before.due
			}
			if before.index == underWay {
				s.index = underWay // its result puts the watch back
				continue
			}
		}
		c.queue = append(c.queue, int32(at))
	}
	c.initQueue()
}

// setSeries tells who counts what there is to be counted.
func (c *checker) setSeries(watches []target) []int32 {
	if c.count == nil {
		return make([]int32, len(watches))
	}
	keys := make([]*health.Key, len(watches))
	for i := range watches {
		keys[i] = &watches[i].Key
	}
	return c.count.SetChecks(keys)
}

// startEvery is how far apart starts of probes are at least. Probes that would
// start in between start together: it spares a wake-up for each where there
// are thousands a second.
const startEvery = 10 * time.Millisecond

// arm sets the timer to the next start, or to when something is to be
// published.
func (c *checker) arm(timer *time.Timer) {
	next := time.Now().Add(time.Hour)
	if len(c.queue) > 0 {
		next = c.time(c.watches[c.queue[0]].due)
		if earliest := c.begun.Add(startEvery); next.Before(earliest) {
			next = earliest
		}
	}
	if !c.wake.IsZero() && c.wake.Before(next) {
		next = c.wake
	}
	timer.Reset(max(0, time.Until(next)))
}

// start begins every probe that is due.
func (c *checker) start(ctx context.Context, now time.Time) {
	for len(c.queue) > 0 && !c.time(c.watches[c.queue[0]].due).After(now) {
		s := &c.watches[c.pop()]
		s.due = c.instant(health.Next(c.time(s.due), s.Spec.Interval, now))
		c.begun = now
		if probe.Lean(s.prober) && c.hasLoop(ctx) {
			c.jobs = append(c.jobs, jobOf(*s.target))
			continue
		}
		c.alone(ctx, *s.target)
	}
	if len(c.jobs) > 0 && !c.loop.Start(c.jobs...) {
		for _, j := range c.jobs { // the loop has failed
			c.alone(ctx, *c.find(j.Key).target)
		}
	}
	clear(c.jobs)
	c.jobs = c.jobs[:0]
}

// alone makes a probe in a goroutine of its own.
func (c *checker) alone(ctx context.Context, w target) {
	c.probes.Go(func() { c.results.put(keyedResult{w.Key, attempt(ctx, w)}) })
}

func jobOf(w target) probe.Job {
	return probe.Job{Key: w.Key, Prober: w.prober, Timeout: w.Spec.Timeout}
}

// hasLoop reports whether there is a loop for the lean probes, and makes it
// when the first of them comes. Without a descriptor for it they are made one
// by one.
func (c *checker) hasLoop(ctx context.Context) bool {
	if c.loop != nil {
		return true
	}
	loop, err := probe.NewLoop()
	if err != nil {
		return false
	}
	c.loop = loop
	c.probes.Go(func() {
		err := loop.Run(ctx, func(batch []probe.Outcome) {
			for i := range batch {
				c.results.put(keyedResult{batch[i].Key, batch[i].Result})
			}
		})
		if err != nil {
			c.log.Error("plain checks are made one by one", "err", err)
		}
	})
	return true
}
