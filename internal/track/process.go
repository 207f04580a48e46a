package track

import (
	"context"
	"fmt"
	"time"
)

// processScan is how often /proc is read while too few, or possibly too many,
// processes run. While enough run nothing is read: their ends are told by
// the kernel.
const processScan = 100 * time.Millisecond

// scanShare keeps the part of our time that goes into reading /proc below one in
// so many, however many processes there are.
const scanShare = 10

// Process is a number of processes that must be running.
type Process struct {
	Name string
	// Args are the command and its parameters. Without Full and Match only the
	// name of the command counts, as `ps -e` shows it.
	Args       []string
	Full       bool   // the whole first word of the command line
	Match      string // "", exact, partial or initial: how parameters are compared
	Quorum     int
	QuorumMax  int // -1: no limit
	ForkDelay  time.Duration
	LeaveDelay time.Duration // terminate_delay

	// Thread is called first by Run, on its goroutine: it may give it a thread
	// of its own, until release. nil: none.
	Thread func() (release func())

	proc string // instead of /proc, for tests
}

// Run watches until ctx ends. The end of a process is known at once, by pidfd;
// a new one within [processScan].
func (p *Process) Run(ctx context.Context, tell Tell) {
	if p.Thread != nil {
		defer p.Thread()()
	}
	w, err := newWatcher(ctx, p)
	if err != nil {
		tell(News{Kind: KindProcess, Name: p.Name, Text: err.Error()})
		return
	}
	defer w.close()
	w.scan()
	up := p.enough(len(w.held))
	tell(p.news(up, len(w.held)))
	var turnAt time.Time // when a change has lasted long enough; zero: none
	for ctx.Err() == nil {
		switch now := p.enough(len(w.held)); {
		case now == up:
			turnAt = time.Time{}
		case turnAt.IsZero() && p.delay(now) > 0:
			turnAt = time.Now().Add(p.delay(now))
		case turnAt.IsZero() || !time.Now().Before(turnAt):
			up, turnAt = now, time.Time{}
			tell(p.news(up, len(w.held)))
		}
		wait := time.Duration(-1)
		if !up || !turnAt.IsZero() || p.QuorumMax >= 0 {
			wait = max(processScan, scanShare*w.took)
		}
		if !turnAt.IsZero() {
			wait = min(wait, max(time.Until(turnAt), 0))
		}
		w.wait(wait)
		w.scan() // another may have taken the place of one that ended
	}
}

func (p *Process) enough(n int) bool {
	return n >= p.Quorum && (p.QuorumMax < 0 || n <= p.QuorumMax)
}

func (p *Process) delay(up bool) time.Duration {
	if up {
		return p.ForkDelay
	}
	return p.LeaveDelay
}

func (p *Process) news(up bool, n int) News {
	text := fmt.Sprintf("%d running, %d wanted", n, p.Quorum)
	if p.QuorumMax >= 0 {
		text = fmt.Sprintf("%d running, %d to %d wanted", n, p.Quorum, p.QuorumMax)
	}
	return News{Kind: KindProcess, Name: p.Name, Up: up, Text: text}
}
