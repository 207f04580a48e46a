package geodns

import (
	"strings"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

type keyedResult struct {
	key health.Key
	res health.Result
}

// inbox holds the results that wait. Who puts one in waits for nobody; there
// are never more than probes under way.
type inbox struct {
	bell chan struct{} // holds something while results wait

	mu    sync.Mutex
	waits []keyedResult
	spare []keyedResult // for the next ones
}

// maxSpareResults bounds the memory that waits for the next results.
const maxSpareResults = 1024

func newInbox() inbox { return inbox{bell: make(chan struct{}, 1)} }

func (b *inbox) put(r keyedResult) {
	b.mu.Lock()
	b.waits = append(b.waits, r)
	b.mu.Unlock()
	select {
	case b.bell <- struct{}{}:
	default:
	}
}

// take returns what waits, to be handed back with done.
func (b *inbox) take() []keyedResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.waits
	b.waits, b.spare = b.spare, nil
	return out
}

func (b *inbox) done(taken []keyedResult) {
	if cap(taken) > maxSpareResults {
		return // of a moment when many came at once
	}
	clear(taken)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare = taken[:0]
}

// handle takes all results that wait, and publishes once: now, or when the
// rest after the last publication is over.
func (c *checker) handle() {
	changed := false
	taken := c.results.take()
	for i := range taken {
		changed = c.finish(taken[i]) || changed
	}
	c.results.done(taken)
	if !changed {
		return
	}
	now := time.Now()
	if !now.Before(c.rest) {
		c.republish(now)
	} else {
		c.wakeBy(c.rest)
	}
}

// finish puts the watch back into the queue and steps its tracker.
func (c *checker) finish(r keyedResult) (changed bool) {
	at, ok := c.board.Place(r.key)
	if !ok {
		return false // gone in a reload
	}
	if s := &c.watches[at]; s.index == underWay {
		if ended := c.instant(r.res.At); s.due < ended {
			// The probe outlasted the interval, by as much as its timeout was
			// noticed late. The next starts at once, and the interval counts
			// from there: lateness must not add up while a target hangs, only
			// to be made good by probes that are too close when it is back.
			s.due = ended
		}
		c.push(int32(at))
	}
	return c.step(r)
}

// stepScratch is the memory of [checker.step].
type stepScratch struct {
	touched []health.Key
	before  []health.Tracker
}

// step feeds a result to the board, and tells the log of a change.
func (c *checker) step(r keyedResult) bool {
	touched := append(append(c.scratch.touched[:0], c.board.Above(r.key)...), r.key)
	before := c.scratch.before[:0]
	for _, k := range touched {
		t, _ := c.board.Tracker(k)
		before = append(before, t)
	}
	c.scratch = stepScratch{touched, before}
	changed := c.board.Step(r.key, r.res)
	c.remember(r)
	was := &before[len(before)-1]
	c.logWarning(r, was.Last)
	c.logOwnFault(r)
	c.passLoad(r)
	if !changed {
		// A run that grows or breaks brings a change nearer or farther.
		after, _ := c.board.Tracker(r.key)
		return c.horizons && (after.Up && after.FailRun != was.FailRun || !after.Up && after.PassRun != was.PassRun)
	}
	for i, k := range touched {
		after, _ := c.board.Tracker(k)
		if before[i].Known != after.Known || before[i].Up != after.Up {
			c.tell(k, before[i], after, r.res.At)
		}
	}
	return true
}

// tell tells the log of a change of a check, and keeps it among the last ones
// unless it is the first verdict.
func (c *checker) tell(k health.Key, before, after health.Tracker, at time.Time) {
	if c.round != nil && !before.Known {
		c.round.add(after, func() { c.logChange(k, before, after) })
		return
	}
	c.logChange(k, before, after)
	if before.Known {
		c.last.add(health.Event{At: at, Target: health.Target{Site: k.Site, Addr: k.Addr},
			From: stateName(before), To: stateName(after), Reason: "check " + k.Check + ": " + reason(after)})
	}
}

func (c *checker) logChange(k health.Key, before, after health.Tracker) {
	c.log.Info("state change", "site", k.Site, "target", k.Addr, "check", k.Check,
		"from", stateName(before), "to", stateName(after), "reason", reason(after))
}

// logWarning tells a warning once, when it begins or changes.
func (c *checker) logWarning(r keyedResult, before health.Result) {
	if w := r.res.Warning; w != "" && (before.Warning == "" || before.Verdict != health.Pass) {
		c.log.Warn("check warns", "site", r.key.Site, "target", r.key.Addr, "check", r.key.Check, "warning", w)
	}
}

// ownFaultEvery is how often at most a check's own faults are told: a lost route
// makes them for every address at once.
const ownFaultEvery = 5 * time.Minute

// logOwnFault tells that probes say nothing about their target.
func (c *checker) logOwnFault(r keyedResult) {
	if r.res.Verdict != health.NoVerdict || !strings.HasPrefix(r.res.Err, "own fault") {
		return
	}
	if told, ok := c.ownFaults[r.key.Check]; ok && r.res.At.Sub(told) < ownFaultEvery {
		return
	}
	c.ownFaults[r.key.Check] = r.res.At
	c.log.Warn("a check gives no verdict by a fault on this side; the state stays as it is", "check", r.key.Check,
		"site", r.key.Site, "target", r.key.Addr, "reason", r.res.Err)
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
