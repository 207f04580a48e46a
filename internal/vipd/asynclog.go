package vipd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// logQueue is how many lines may wait to be written.
const logQueue = 1024

// asyncLog hands log lines to a goroutine that writes them: a log that blocks (a
// full pipe, a disk that hangs) must not hold up an advertisement. When too
// many wait, lines are dropped and counted.
type asyncLog struct {
	slog.Handler
	lines *logLines
}

type logLines struct {
	queue   chan logLine
	dropped atomic.Uint64
	stop    sync.Once
	done    chan struct{}
}

type logLine struct {
	to     slog.Handler
	record slog.Record
}

// newAsyncLog returns a log that writes through h, and a function that writes
// what waits and ends it.
func newAsyncLog(h slog.Handler) (*slog.Logger, func()) {
	l := &logLines{queue: make(chan logLine, logQueue), done: make(chan struct{})}
	end := make(chan struct{})
	go func() {
		defer close(l.done)
		for {
			select {
			case line := <-l.queue:
				l.write(line)
			case <-end:
				for {
					select {
					case line := <-l.queue:
						l.write(line)
					default:
						return
					}
				}
			}
		}
	}()
	return slog.New(asyncLog{h, l}), func() {
		l.stop.Do(func() { close(end) })
		<-l.done
	}
}

func (l *logLines) write(line logLine) {
	if n := l.dropped.Swap(0); n > 0 {
		slog.New(line.to).Warn("log lines dropped: the log was too slow", "count", n)
	}
	_ = line.to.Handle(context.Background(), line.record) // nobody is left to tell
}

// Handle implements slog.Handler.
func (a asyncLog) Handle(_ context.Context, r slog.Record) error {
	select {
	case a.lines.queue <- logLine{a.Handler, r}:
	default:
		a.lines.dropped.Add(1)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (a asyncLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return asyncLog{a.Handler.WithAttrs(attrs), a.lines}
}

// WithGroup implements slog.Handler.
func (a asyncLog) WithGroup(name string) slog.Handler {
	return asyncLog{a.Handler.WithGroup(name), a.lines}
}
