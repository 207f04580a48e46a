package geodns

import (
	"container/heap"
	"context"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
)

// scheduled is a watch and when its next probe starts.
type scheduled struct {
	*target
	due     time.Time
	index   int // in the queue, -1 while a probe is under way
	started time.Time
	recent  latencies
}

// schedule rebuilds the queue; a watch with an unchanged interval keeps its
// next start.
func (c *checker) schedule(watches []target, now time.Time) {
	old := c.watches
	c.watches = make(map[health.Key]*scheduled, len(watches))
	c.queue = c.queue[:0]
	for i := range watches {
		w := &watches[i]
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
		s.recent = before.memory()
		c.watches[w.Key] = s
		if before != nil && before.index < 0 && !before.started.IsZero() {
			// A probe is under way; its result puts the watch back.
			s.due = before.due
			continue
		}
		heap.Push(&c.queue, s)
	}
}

// startEvery is how far apart starts of probes are at least. Probes that would
// start in between start together: it spares a wake-up for each where there
// are thousands a second.
const startEvery = 5 * time.Millisecond

// arm sets the timer to the next start, or to when something is to be
// published.
func (c *checker) arm(timer *time.Timer) {
	next := time.Now().Add(time.Hour)
	if len(c.queue) > 0 {
		next = c.queue[0].due
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
	for len(c.queue) > 0 && !c.queue[0].due.After(now) {
		s := heap.Pop(&c.queue).(*scheduled)
		s.started = s.due
		s.due = health.Next(s.due, s.Spec.Interval, now)
		c.begun = now
		if probe.Lean(s.prober) && c.hasLoop(ctx) {
			c.jobs = append(c.jobs, jobOf(*s.target))
			continue
		}
		c.alone(ctx, *s.target)
	}
	if len(c.jobs) > 0 && !c.loop.Start(c.jobs...) {
		for _, j := range c.jobs { // the loop has failed
			c.alone(ctx, *c.watches[j.Key].target)
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
