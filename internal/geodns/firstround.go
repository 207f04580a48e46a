package geodns

import (
	"context"
	"sync"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
)

// maxFirstRound bounds how many probes of a first round are under way at once,
// so that descriptors do not run out.
const maxFirstRound = 4096

// attempt makes one probe within its timeout.
func attempt(ctx context.Context, w target) health.Result {
	ctx, cancel := probe.Within(ctx, w.Spec.Timeout)
	defer cancel()
	return w.prober.Probe(ctx, w.Key.Addr)
}

// firstRound probes each of the watches once, all at the same time, and
// returns the results in their order. It takes as long as the longest timeout.
func firstRound(ctx context.Context, watches []target) []health.Result {
	r := round{
		results: make([]health.Result, len(watches)),
		slots:   make(chan struct{}, maxFirstRound),
	}
	end := r.runLoop(ctx, watches)
	defer end()
	for i, w := range watches {
		if w.prober == nil {
			continue
		}
		r.slots <- struct{}{}
		r.probes.Add(1)
		if r.loop != nil && probe.Lean(w.prober) && r.loop.Start(jobOf(w)) {
			continue
		}
		go func() { r.finish(i, attempt(ctx, w)) }()
	}
	r.probes.Wait()
	return r.results
}

// round is a first round under way.
type round struct {
	results []health.Result
	slots   chan struct{}
	probes  sync.WaitGroup
	loop    *probe.Loop        // nil if no probe is lean
	numbers map[health.Key]int // of the lean probes
}

func (r *round) finish(i int, res health.Result) {
	r.results[i] = res
	<-r.slots
	r.probes.Done()
}

// runLoop makes the loop for the lean probes, if there are any, and returns a
// function that ends it.
func (r *round) runLoop(ctx context.Context, watches []target) (end func()) {
	r.numbers = map[health.Key]int{}
	for i, w := range watches {
		if probe.Lean(w.prober) {
			r.numbers[w.Key] = i
		}
	}
	if len(r.numbers) == 0 {
		return func() {}
	}
	loop, err := probe.NewLoop()
	if err != nil {
		return func() {} // one by one, then
	}
	r.loop = loop
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		// A loop that fails ends its probes without a verdict.
		_ = loop.Run(ctx, func(batch []probe.Outcome) {
			for _, o := range batch {
				r.finish(r.numbers[o.Key], o.Result)
			}
		})
	})
	return func() { cancel(); running.Wait() }
}
