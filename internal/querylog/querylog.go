// Package querylog owns the file or the Unix socket that answered questions are
// logged to, and the way from the workers there. A worker never waits: what cannot
// be written is dropped and counted.
//
// It does not decide what is logged, nor in which form (pkg/querylog). The entry
// points are [New], [Log.Add] and [Log.Run].
package querylog

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/geodns-vipd/geodns/pkg/querylog"
)

// Config says where to and how. Target must be set.
type Config struct {
	Target   string // path of a file, or "unix:" and the path of a socket
	Dnstap   bool   // else JSON
	Workers  int
	Identity string // of this node, for dnstap
	Version  string
	Log      *slog.Logger
}

const (
	// look is how often what the workers put is written, and the clock set that
	// they take the time from.
	look = 10 * time.Millisecond
	// again is the time from a failure to the next attempt.
	again = time.Second
	// complain is the least time between two lines of the log about failures.
	complain = time.Minute
	// patience is how long a reader of the socket may let us wait.
	patience = time.Second
)

// Log is a query log. Add may be called by each worker at any time.
type Log struct {
	cfg     Config
	rings   []ring
	clock   atomic.Int64
	reopen  chan struct{}
	written atomic.Uint64
	failed  atomic.Uint64 // entries that could not be written

	out        *output // nil while there is none
	notBefore  time.Time
	complained time.Time
	frame, buf []byte
	pending    uint64 // entries in buf
}

// New returns a log; Run writes it.
func New(cfg Config) *Log {
	l := &Log{cfg: cfg, rings: make([]ring, cfg.Workers), reopen: make(chan struct{}, 1)}
	l.clock.Store(time.Now().UnixNano())
	return l
}

// Add logs an entry of a worker; its time is set here, to 10 ms. The entry is copied.
func (l *Log) Add(worker int, e *querylog.Entry) { l.rings[worker].add(l.clock.Load(), e) }

// Reopen makes Run open the file anew, as after logrotate has renamed it.
func (l *Log) Reopen() {
	select {
	case l.reopen <- struct{}{}:
	default:
	}
}

// Counts returns how many entries were written and how many dropped.
func (l *Log) Counts() (written, dropped uint64) {
	dropped = l.failed.Load()
	for i := range l.rings {
		dropped += l.rings[i].dropped.Load()
	}
	return l.written.Load(), dropped
}

// Run writes until ctx ends, and then what is left.
func (l *Log) Run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.flush(time.Now())
			l.close()
			return nil
		case <-l.reopen:
			l.flush(time.Now())
			l.close()
			l.notBefore = time.Time{}
		case now := <-ticker.C:
			l.clock.Store(now.UnixNano())
			l.flush(now)
		}
	}
}

// flush writes what the workers have put.
func (l *Log) flush(now time.Time) {
	if l.out == nil && now.After(l.notBefore) {
		l.open(now)
	}
	for i := range l.rings {
		l.rings[i].drain(func(e *querylog.Entry) {
			l.pending++
			if l.out == nil {
				return // counted below
			}
			if l.cfg.Dnstap {
				l.frame = querylog.AppendDnstap(l.frame[:0], e, l.cfg.Identity, l.cfg.Version)
				l.buf = querylog.AppendData(l.buf, l.frame)
			} else {
				l.buf = querylog.AppendJSON(l.buf, e)
			}
			if len(l.buf) > 64<<10 {
				l.write(now)
			}
		})
	}
	l.write(now)
}

// write writes the buffer and counts what was in it.
func (l *Log) write(now time.Time) {
	if l.pending == 0 {
		return
	}
	if l.out != nil {
		if err := l.out.write(l.buf); err != nil {
			l.complain(now, err)
			l.close()
			l.notBefore = now.Add(again)
			l.failed.Add(l.pending)
		} else {
			l.written.Add(l.pending)
		}
	} else {
		l.failed.Add(l.pending)
	}
	l.buf, l.pending = l.buf[:0], 0
}

func (l *Log) open(now time.Time) {
	out, err := openOutput(l.cfg.Target, l.cfg.Dnstap, now)
	if err != nil {
		l.complain(now, err)
		l.notBefore = now.Add(again)
		return
	}
	l.out = out
}

func (l *Log) close() {
	if l.out != nil {
		l.out.close()
		l.out = nil
	}
}

// complain logs a failure, at most once a minute.
func (l *Log) complain(now time.Time, err error) {
	if now.Sub(l.complained) < complain {
		return
	}
	l.complained = now
	l.cfg.Log.Warn("queries are not logged", "to", strings.TrimPrefix(l.cfg.Target, unixPrefix), "err", err)
}
