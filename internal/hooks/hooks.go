// Package hooks owns when an operator's scripts run: in the order of what
// happened, one at a time per queue, the newest state first if they cannot keep
// up, and never in the way of anything else.
//
// It does not know how a program is run (that is handed in) nor which programs
// belong to which state: the runtime builds the jobs. The entry points are
// [New], [Queue.Run] and [Queue.Push], and [OpenFIFO] for the pipe.
package hooks

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limit is how long a hook may run before it is killed.
const Limit = 60 * time.Second

// StopLimit is how long all hooks of a stop may take before the daemon goes on
// to end.
const StopLimit = 5 * time.Second

// Job is one program to run.
type Job struct {
	What string   // "notify_master", for the log
	Argv []string // whole, arguments included
	Env  []string // NAME=value
	// Run runs it and returns how it ended, as text, and an error if it could
	// not run or was killed.
	Run func(ctx context.Context, job *Job) (string, error)
}

// Event is what happened: its jobs run in their order.
type Event struct {
	State string // "MASTER", for the log
	Jobs  []Job
	// Must is never skipped, however new the next event is: a stop.
	Must bool
	// Aside is no state (a lower master was heard): it replaces only another
	// one like it.
	Aside bool
}

// Queue runs the hooks of one instance or group.
type Queue struct {
	name string
	log  *slog.Logger

	mu      sync.Mutex
	pending []Event
	running string        // what runs now, "" if nothing
	idle    chan struct{} // closed when nothing runs or waits; nil then
	wake    chan struct{}
}

// New returns a queue for the hooks of an instance or group called name.
func New(name string, log *slog.Logger) *Queue {
	return &Queue{name: name, log: log, wake: make(chan struct{}, 1)}
}

// Push adds an event. It never blocks: while a hook runs, an older state that
// still waits gives way to a newer one.
func (q *Queue) Push(ev Event) {
	if len(ev.Jobs) == 0 && ev.Aside {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = slices.DeleteFunc(q.pending, func(old Event) bool {
		if old.Must || old.Aside != ev.Aside {
			return false
		}
		if len(old.Jobs) > 0 {
			q.log.Warn("hook skipped: a newer state came while another hook ran",
				"instance", q.name, "skipped", old.State, "newer", ev.State, "running", q.running)
		}
		return true
	})
	q.pending = append(q.pending, ev)
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run runs what is pushed until ctx ends, which kills a hook that runs.
func (q *Queue) Run(ctx context.Context) {
	for {
		ev, ok := q.take()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			}
			continue
		}
		for i := range ev.Jobs {
			if ctx.Err() != nil {
				return
			}
			q.runJob(ctx, &ev.Jobs[i], ev.State)
		}
	}
}

// Wait blocks until nothing runs or waits, or ctx ends, and reports which: true
// if all is done.
func (q *Queue) Wait(ctx context.Context) bool {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	if idle == nil {
		return true
	}
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}

// Running returns the hook that runs now, "" if none does.
func (q *Queue) Running() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running
}

func (q *Queue) take() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = ""
	if len(q.pending) == 0 {
		if q.idle != nil {
			close(q.idle)
			q.idle = nil
		}
		return Event{}, false
	}
	ev := q.pending[0]
	q.pending = slices.Delete(q.pending, 0, 1)
	return ev, true
}

func (q *Queue) runJob(ctx context.Context, job *Job, state string) {
	q.mu.Lock()
	q.running = job.What + " " + state
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	start := time.Now()
	text, err := job.Run(ctx, job)
	took := time.Since(start).Round(time.Millisecond)
	args := []any{"instance", q.name, "hook", job.What, "state", state, "took", took}
	switch {
	case err != nil:
		q.log.Error("hook did not end well", append(args, "err", err, "argv", strings.Join(job.Argv, " "))...)
	case text != "":
		q.log.Warn("hook failed", append(args, "end", text, "argv", strings.Join(job.Argv, " "))...)
	default:
		q.log.Info("hook done", args...)
	}
}
