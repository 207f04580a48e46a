// Package track owns how the things that an instance depends on are watched:
// checks that are tried again and again, files that hold a number, and
// processes that must be running.
//
// It does not know what a check does (an Attempt is handed in), nor what
// follows from its news: pkg/vrrp weighs them. The entry points are [Check.Run],
// [File.Run] and [Process.Run]; each blocks until its context ends and tells
// its first finding as soon as there is one.
package track

import (
	"context"
	"fmt"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Kinds of tracked things, as pkg/vrrp names them.
const (
	KindScript    = "script"
	KindProbe     = "probe"
	KindFile      = "file"
	KindProcess   = "process"
	KindInterface = "interface"
)

// News is what was found of a tracked thing.
type News struct {
	Kind, Name string
	Up         bool
	Value      int    // of a file
	Text       string // what was found: "exit status 1"
}

// Tell takes news. It must not block.
type Tell func(News)

// Check is something that is tried again and again.
type Check struct {
	Kind, Name string
	Interval   time.Duration // from start to start; a try that takes longer delays the next
	Timeout    time.Duration
	Rise, Fall int
	// InitFail: it counts as failed until Rise successes were seen.
	InitFail bool
	// Attempt is one try; its context ends at the timeout.
	Attempt func(ctx context.Context) health.Result
}

// Run tries until ctx ends, and tells each change and the first verdict.
func (c *Check) Run(ctx context.Context, tell Tell) {
	spec := health.Spec{Interval: c.Interval, Timeout: c.Timeout, Rise: c.Rise, Fall: c.Fall}
	var t health.Tracker
	if c.InitFail {
		t = health.Tracker{Known: true}
		tell(News{Kind: c.Kind, Name: c.Name, Text: "not tried yet (init_fail)"})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		r := c.try(ctx)
		if ctx.Err() != nil {
			return
		}
		var changed bool
		if t, changed = t.Step(r, spec); changed {
			tell(News{Kind: c.Kind, Name: c.Name, Up: t.Up, Text: c.text(&t)})
		}
		due = health.Next(due, c.Interval, time.Now())
		timer.Reset(time.Until(due))
	}
}

func (c *Check) try(ctx context.Context) health.Result {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.Attempt(ctx)
}

// text says what made the check change.
func (c *Check) text(t *health.Tracker) string {
	if t.Up {
		if t.PassRun > 1 {
			return fmt.Sprintf("passed %d times", t.PassRun)
		}
		return "passed"
	}
	if t.FailRun > 1 {
		return fmt.Sprintf("%s, %d times in a row", t.Last.Err, t.FailRun)
	}
	return t.Last.Err
}
