package track

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processScan is how often /proc is read while too few, or possibly too many,
// processes run. While enough run nothing is read: their ends are told by
// the kernel.
const processScan = 100 * time.Millisecond

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

	proc string // instead of /proc, for tests
}

// Run watches until ctx ends. The end of a process is known at once, by pidfd;
// a new one within [processScan].
func (p *Process) Run(ctx context.Context, tell Tell) {
	w := watcher{p: p, gone: make(chan int, 16), held: map[int]func(){}}
	defer w.close()
	w.scan(ctx)
	up := p.enough(len(w.held))
	tell(p.news(up, len(w.held)))
	var (
		turn    = time.NewTimer(time.Hour) // when a change has lasted long enough
		turning bool
	)
	defer turn.Stop()
	for {
		switch now := p.enough(len(w.held)); {
		case now == up:
			turning = false
		case p.delay(now) == 0:
			up, turning = now, false
			tell(p.news(up, len(w.held)))
		case !turning:
			turning = true
			turn.Reset(p.delay(now))
		}
		var rescan <-chan time.Time
		if !up || turning || p.QuorumMax >= 0 {
			rescan = time.After(processScan)
		}
		select {
		case <-ctx.Done():
			return
		case pid := <-w.gone:
			w.drop(pid)
			w.scan(ctx) // another may have taken its place
		case <-rescan:
			w.scan(ctx)
		case <-turn.C:
			if turning {
				up, turning = !up, false
				tell(p.news(up, len(w.held)))
			}
		}
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

// watcher holds a descriptor of each process that matches.
type watcher struct {
	p    *Process
	gone chan int
	held map[int]func() // pid → stop watching
}

func (w *watcher) close() {
	for _, stop := range w.held {
		stop()
	}
}

func (w *watcher) drop(pid int) {
	if stop, ok := w.held[pid]; ok {
		stop()
		delete(w.held, pid)
	}
}

// scan looks for processes that match, and lets go of those that by exec have
// become something else.
func (w *watcher) scan(ctx context.Context) {
	running := w.p.find()
	for pid := range w.held {
		if !slices.Contains(running, pid) {
			w.drop(pid)
		}
	}
	for _, pid := range running {
		if _, ok := w.held[pid]; !ok {
			w.hold(ctx, pid)
		}
	}
}

// hold waits for the end of a process in a goroutine of its own.
func (w *watcher) hold(ctx context.Context, pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return // it has ended meanwhile
	}
	if !w.p.matches(pid) { // another process by that number
		unix.Close(fd)
		return
	}
	// A pipe wakes the poll when we no longer care.
	var ends [2]int
	if unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		unix.Close(fd)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w.held[pid] = func() { cancel(); unix.Close(ends[1]) }
	go func() {
		defer unix.Close(fd)
		defer unix.Close(ends[0])
		if !waitEnd(fd, ends[0]) {
			return
		}
		select {
		case w.gone <- pid:
		case <-ctx.Done():
		}
	}()
}

// waitEnd blocks until the process of fd ends, which it reports, or stop is
// closed.
func waitEnd(fd, stop int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		return err == nil && fds[1].Revents == 0
	}
}

// find returns the processes that match now.
func (p *Process) find() []int {
	entries, err := os.ReadDir(p.root())
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && p.matches(pid) {
			out = append(out, pid)
		}
	}
	return out
}

func (p *Process) root() string {
	if p.proc != "" {
		return p.proc
	}
	return "/proc"
}

// matches reports whether a process is alive and one of those wanted.
func (p *Process) matches(pid int) bool {
	name, alive := p.stat(pid)
	if !alive {
		return false
	}
	if !p.Full && p.Match == "" {
		return name == cut15(filepath.Base(p.Args[0]))
	}
	data, err := os.ReadFile(filepath.Join(p.root(), strconv.Itoa(pid), "cmdline"))
	if err != nil || len(data) == 0 {
		return false
	}
	argv := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if p.Full && argv[0] != p.Args[0] || !p.Full && filepath.Base(argv[0]) != filepath.Base(p.Args[0]) {
		return false
	}
	return p.matchesParams(argv[1:])
}

// matchesParams compares parameters: all of them, the first ones, or the first
// ones with the last one cut short (keepalived: exact, partial, initial).
func (p *Process) matchesParams(have []string) bool {
	want := p.Args[1:]
	switch p.Match {
	case "":
		return true
	case "exact":
		return slices.Equal(have, want)
	case "partial":
		return len(have) >= len(want) && slices.Equal(have[:len(want)], want)
	}
	if len(want) == 0 {
		return true
	}
	last := len(want) - 1
	return len(have) >= len(want) && slices.Equal(have[:last], want[:last]) && strings.HasPrefix(have[last], want[last])
}

// stat returns the short name of a process and whether it has not ended.
func (p *Process) stat(pid int) (name string, alive bool) {
	data, err := os.ReadFile(filepath.Join(p.root(), strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", false
	}
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open || end+2 >= len(data) {
		return "", false
	}
	state := data[end+2]
	return string(data[open+1 : end]), state != 'Z' && state != 'X'
}

// cut15 cuts a name to what the kernel keeps of it.
func cut15(s string) string {
	if len(s) > 15 {
		return s[:15]
	}
	return s
}
