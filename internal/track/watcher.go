package track

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// watcher holds a descriptor of each process that matches. It waits for all of
// them in one blocking call of one thread: if that has real-time priority, no
// other thread must run before an end is known.
type watcher struct {
	p      *Process
	held   map[int]int // pid → pidfd
	bell   int         // eventfd that rings when the context ends
	silent func()      // takes the bell away
	polled []unix.PollFd
	took   time.Duration // the last scan

	nameless map[int]*namelessness // of those held
}

// namelessness is how long a process has had no command line.
type namelessness struct {
	since time.Time
	looks int
}

const (
	// nameTime is how long a process that was one of those wanted may be without a
	// command line: it is no reason to fail over that it executes its program anew.
	nameTime = time.Second
	// nameLooks is how often it must have been found so: where the whole machine
	// stood still, one long time says nothing.
	nameLooks = 10
	nameScan  = 5 * time.Millisecond // between looks
)

func newWatcher(ctx context.Context, p *Process) (*watcher, error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(rung)
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(bell, one[:])
	})
	silent := func() {
		if !stop() {
			<-rung
		}
		unix.Close(bell)
	}
	return &watcher{p: p, held: map[int]int{}, nameless: map[int]*namelessness{}, bell: bell, silent: silent}, nil
}

func (w *watcher) close() {
	for pid := range w.held {
		w.drop(pid)
	}
	w.silent()
}

func (w *watcher) drop(pid int) {
	unix.Close(w.held[pid])
	delete(w.held, pid)
	delete(w.nameless, pid)
}

// wait returns when a process has ended, which is then no longer held, the
// context ends, or after limit; if that is negative there is no limit.
func (w *watcher) wait(limit time.Duration) {
	w.polled = append(w.polled[:0], unix.PollFd{Fd: int32(w.bell), Events: unix.POLLIN})
	for _, fd := range w.held {
		w.polled = append(w.polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if soon := max(nameScan, scanShare*w.took); len(w.nameless) > 0 && (limit < 0 || limit > soon) {
		limit = soon
	}
	ms := -1
	if limit >= 0 {
		ms = int((limit + time.Millisecond - 1) / time.Millisecond)
	}
	// An error is an interruption: whoever looks again finds nothing new.
	_, _ = unix.Poll(w.polled, ms)
	for pid, fd := range w.held {
		if slices.ContainsFunc(w.polled, func(p unix.PollFd) bool { return int(p.Fd) == fd && p.Revents != 0 }) {
			w.drop(pid)
		}
	}
}

// scan looks for processes that match, and lets go of those that have ended or
// by exec have become something else.
func (w *watcher) scan() {
	began := time.Now()
	defer func() { w.took = time.Since(began) }()
	running := w.p.find()
	for pid := range w.held {
		if slices.Contains(running, pid) {
			delete(w.nameless, pid)
		} else if !w.stays(pid, began) {
			w.drop(pid)
		}
	}
	for _, pid := range running {
		if _, ok := w.held[pid]; !ok {
			w.hold(pid)
		}
	}
}

// stays reports whether a process that no longer matches may be about to.
func (w *watcher) stays(pid int, now time.Time) bool {
	if !w.p.nameless(pid) {
		return w.p.matches(pid) // perhaps it has its command line since
	}
	n := w.nameless[pid]
	if n == nil {
		n = &namelessness{since: now}
		w.nameless[pid] = n
	}
	n.looks++
	return now.Sub(n.since) < nameTime || n.looks < nameLooks
}

// hold keeps a descriptor of a process.
func (w *watcher) hold(pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return // it has ended meanwhile
	}
	// It may be another process by that number, or may be ending: one whose
	// descriptor is ready already would be waited for in a busy loop.
	ready, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	if ready != 0 || !w.p.matches(pid) {
		unix.Close(fd)
		return
	}
	w.held[pid] = fd
}
