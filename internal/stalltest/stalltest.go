// Package stalltest tells a program that is slow from a machine that stood
// still. A test that holds a program to a time runs a [Watch] beside it and
// allows for what was lost: a busy neighbour or a suspended virtual machine
// then fails no test, and a program that is late still does.
package stalltest

import (
	"sync"
	"testing"
	"time"
)

const (
	nap = time.Millisecond
	// usual is by how much timers are late on a machine that is not busy.
	usual = 3 * time.Millisecond
)

// Watch measures how long this process was ready and did not run. Its methods
// may be called from any goroutine.
type Watch struct {
	mu    sync.Mutex
	due   time.Time // when the nap should end
	lost  time.Duration
	worst time.Duration

	ended chan struct{} // closed when it stops
}

// Start begins to watch, until the test ends.
func Start(t testing.TB) *Watch {
	w, stop := StartAlways()
	t.Cleanup(stop)
	return w
}

// StartAlways begins to watch, until stop is called: for a TestMain.
func StartAlways() (w *Watch, stop func()) {
	w = &Watch{due: time.Now().Add(nap), ended: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-w.ended:
				return
			case <-time.After(nap):
			}
			w.look()
		}
	}()
	return w, func() { close(w.ended); <-done }
}

// look notes how late it is, and begins anew. Whoever asks does so too: after a
// stall it may run before the watching goroutine does.
func (w *Watch) look() (lost, worst time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if late := now.Sub(w.due); late > usual {
		w.lost += late
		w.worst = max(w.worst, late)
	}
	w.due = now.Add(nap)
	return w.lost, w.worst
}

// Lost returns the sum of all stalls since the start. A time measured since
// then may be longer by as much.
func (w *Watch) Lost() time.Duration {
	lost, _ := w.look()
	return lost
}

// TakeWorst returns the longest stall since it was last called: what was
// measured meanwhile is no more exact than that.
func (w *Watch) TakeWorst() time.Duration {
	_, worst := w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worst = 0
	return worst
}

// After returns a channel that is closed when limit has passed, not counting
// stalls, or when the watch stops.
func (w *Watch) After(limit time.Duration) <-chan struct{} {
	over := make(chan struct{})
	before, begin := w.Lost(), time.Now()
	go func() {
		defer close(over)
		for {
			left := limit + w.Lost() - before - time.Since(begin)
			if left <= 0 {
				return
			}
			select {
			case <-time.After(left):
			case <-w.ended:
				return
			}
		}
	}()
	return over
}
