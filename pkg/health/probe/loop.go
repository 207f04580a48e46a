package probe

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Plain probes, over TCP and over HTTP/1.1 without TLS, spend their time
// waiting. In goroutines of their own each of them costs some 10 KiB while it
// waits, and a wake-up of a thread at each step. A Loop waits for all of them at
// once, with some 300 bytes for each.
//
// It decides nothing that the blocking client does not: as soon as a response
// looks complete, or nothing more will come, what came is read by the same
// code that reads from a connection (see replay).

// Job is a probe to be made: of Key.Addr, by a prober for which [Lean] is true.
type Job struct {
	Key     health.Key
	Prober  Prober
	Timeout time.Duration // from the start of the probe to the last byte read
}

// Outcome is the result of a job.
type Outcome struct {
	Key    health.Key
	Result health.Result
}

// Loop makes any number of lean probes at once, in the one goroutine that calls
// [Loop.Run].
type Loop struct {
	poll int // epoll
	bell int // eventfd: something is in pending

	lowPort, highPort uint16 // between which local ports are handed out

	mu      sync.Mutex
	pending []Job     // handed in, not begun
	strays  []Outcome // of probes made aside
	rung    bool      // the bell
	stopped bool      // Run is ending: no more jobs are taken

	// Owned by Run's goroutine.
	ctx      context.Context
	flights  []*flight // by descriptor
	spare    []*flight
	due      deadlines
	out      []Outcome // not delivered yet
	flushAt  time.Time // when they are; means something with some in out
	scratch  *scratch
	in       []byte
	events   []unix.EpollEvent
	aside    sync.WaitGroup
	lastMark uint32
	busy     bool      // events come often
	awoken   time.Time // when await returned last
}

const (
	// flushAfter is how long a result may wait for others, so that the
	// receiver is not woken for each. The time in the result is that of the
	// probe's end.
	flushAfter = 5 * time.Millisecond
	readSize   = 32 << 10
	maxSpare   = 1024
)

// NewLoop returns a loop without work. Run must be called, or the descriptors
// of the loop stay open.
func NewLoop() (*Loop, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(poll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(bell)}
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, bell, &ev); err != nil {
		unix.Close(poll)
		unix.Close(bell)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	low, high := localPorts()
	return &Loop{
		poll: poll, bell: bell, lowPort: low, highPort: high,
		scratch: newScratch(), in: make([]byte, readSize), events: make([]unix.EpollEvent, 256),
	}, nil
}

// Lean reports whether a [Loop] can make the probes of p: TCP and HTTP/1.1
// without TLS, redirects, kept connections, or a name to look up.
func Lean(p Prober) bool {
	switch p := p.(type) {
	case *HTTP:
		return p.c.Scheme == "http" && p.h2 == nil && p.c.Redirects == 0 && !p.c.KeepAlive && p.c.Via.isPlain()
	case *TCP:
		return p.tls == nil && p.c.Via.isPlain()
	}
	return false
}

// Start hands in jobs; it may be called from any goroutine and waits for
// nothing. It reports false, and takes none, once Run is ending; each job that
// was taken is delivered.
func (l *Loop) Start(jobs ...Job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.pending = append(l.pending, jobs...)
	l.ring()
	return true
}

// ring wakes Run; l.mu is held.
func (l *Loop) ring() {
	if !l.rung {
		l.rung = true
		one := [8]byte{1} // any number that is not 0
		_, _ = unix.Write(l.bell, one[:])
	}
}

// Run makes the probes handed in until ctx ends; what is under way then ends
// without a verdict. deliver is called with the results of several probes at a
// time, at most some milliseconds after each has ended; it must neither block
// nor keep the slice.
func (l *Loop) Run(ctx context.Context, deliver func([]Outcome)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.ctx = ctx
	defer l.close()
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.stopped {
			l.ring()
		}
	})()
	var err error
	for err == nil && ctx.Err() == nil {
		err = l.turn()
		now := time.Now()
		l.expire(now)
		if len(l.out) > 0 && !now.Before(l.flushAt) {
			l.flush(deliver)
		}
	}
	if err != nil {
		cancel() // what is made aside
	}
	l.land()
	l.flush(deliver)
	return err
}

// land takes no more jobs and ends those taken.
func (l *Loop) land() {
	l.mu.Lock()
	l.stopped = true
	jobs := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, j := range jobs {
		r := health.Result{Err: "stopped while " + string(connecting), At: time.Now()}
		l.finish(Outcome{j.Key, r})
	}
	for _, f := range l.flights {
		if f != nil {
			f.leave()
			f.end(&ownError{"stopped"})
		}
	}
	l.aside.Wait()
	l.takeStrays()
}

// turn waits for the next thing to happen and does what is to be done about
// all that has.
func (l *Loop) turn() error {
	wait := l.patience(time.Now())
	for {
		n, err := l.await(wait)
		if err == unix.EINTR {
			return nil
		}
		if err != 0 {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, ev := range l.events[:n] {
			if int(ev.Fd) == l.bell {
				l.begin()
				continue
			}
			// A descriptor may have been closed and opened again since.
			if f := l.flights[ev.Fd]; f != nil && f.mark == uint32(ev.Pad) {
				f.step(ev.Events)
			}
		}
		if n < len(l.events) {
			return nil
		}
		wait = 0 // there may be answers to those whose time is over
	}
}

// patience returns for how many milliseconds to wait at most.
func (l *Loop) patience(now time.Time) int {
	next := now.Add(time.Minute)
	if f := l.due.first(); f != nil {
		next = f.a.deadline
	}
	if len(l.out) > 0 && l.flushAt.Before(next) {
		next = l.flushAt
	}
	// Rounded up: awake too early would mean to go round and round.
	return int(max(0, next.Sub(now)+time.Millisecond-1) / time.Millisecond)
}

// begin starts what was handed in.
func (l *Loop) begin() {
	var buf [8]byte
	_, _ = unix.Read(l.bell, buf[:])
	l.takeStrays()
	l.mu.Lock()
	l.rung = false
	jobs := l.pending
	l.pending = nil
	l.mu.Unlock()
	for i := range jobs {
		l.launch(jobs[i])
	}
}

func (l *Loop) takeStrays() {
	l.mu.Lock()
	strays := l.strays
	l.strays = nil
	l.mu.Unlock()
	for _, o := range strays {
		l.finish(o)
	}
}

// expire ends the probes whose time is over.
func (l *Loop) expire(now time.Time) {
	for f := l.due.first(); f != nil && !f.a.deadline.After(now); f = l.due.first() {
		f.close(os.ErrDeadlineExceeded)
	}
}

func (l *Loop) finish(o Outcome) {
	if len(l.out) == 0 {
		l.flushAt = o.Result.At.Add(flushAfter)
	}
	l.out = append(l.out, o)
}

func (l *Loop) flush(deliver func([]Outcome)) {
	if len(l.out) > 0 {
		deliver(l.out)
	}
	clear(l.out)
	l.out = l.out[:0]
}

// close lets go of the descriptors.
func (l *Loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	unix.Close(l.bell)
	unix.Close(l.poll)
}

// retry makes a probe over again in a goroutine, in the time that it has left:
// what happens too rarely to be done in the loop.
func (l *Loop) retry(job Job, start, deadline time.Time) {
	l.aside.Go(func() {
		ctx, cancel := between(l.ctx, start, deadline)
		defer cancel()
		r := job.Prober.Probe(ctx, job.Key.Addr)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.strays = append(l.strays, Outcome{job.Key, r})
		if !l.stopped {
			l.ring()
		}
	})
}
