package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// KeptExec runs one process of a program that answers for all addresses of a
// check, for many checks that would cost a process each.
//
// The process reads a line for each probe on its standard input,
//
//	ID SITE ADDRESS MILLISECONDS
//
// and writes, in any order and at any time until then, a line
//
//	ID up|down|unknown [load=N] [why]
//
// A line with an ID that nobody waits for is passed over. No answer in time is
// a failure. When the process ends, or writes a line longer than 4 KiB, the
// probes under way get no verdict, and a later probe starts it again, at most
// once in a second. Its standard error goes nowhere.
type KeptExec struct {
	c ExecConfig

	mu      sync.Mutex
	proc    *process // nil: none runs
	started time.Time
	ended   string // why none runs; "" before the first start
	closed  bool
}

// NewKeptExec returns a runner; nothing is started before the first probe.
// Close must be called when it is no longer used.
func NewKeptExec(c ExecConfig) *KeptExec { return &KeptExec{c: c} }

// For returns the prober for the addresses of a site.
func (k *KeptExec) For(site string) Prober { return keptSite{k, site} }

type keptSite struct {
	*KeptExec
	site string
}

// Program returns the runner that probes for all sites of its check.
func (k keptSite) Program() *KeptExec { return k.KeptExec }

// maxLine is the longest line of an answer, in octets; restartAfter is the
// least time between two starts.
const (
	maxLine      = 4 << 10
	restartAfter = time.Second
)

var errProgramGone = &ownError{"the program ended"}

// Probe asks the process for addr.
func (k keptSite) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, Via{})
	defer cancel()
	return a.end(k.attempt(a))
}

const replying stage = "waiting for the program's answer"

func (k keptSite) attempt(a *attempt) error {
	if err := a.readyHere(); err != nil {
		return err
	}
	p, err := k.running()
	if err != nil {
		return err
	}
	a.stage = replying
	id, answer := p.expect()
	defer p.forget(id)
	line := fmt.Sprintf("%d %s %s %d\n", id, k.site, addressText(a.addr), a.deadline.Sub(a.start).Milliseconds())
	select {
	case p.requests <- line:
	case <-p.gone:
		return p.epitaph()
	case <-a.ctx.Done():
		return a.ctx.Err() // it does not read
	}
	select {
	case text := <-answer:
		return a.judgeWord("the program", text)
	case <-p.gone:
		return p.epitaph()
	case <-a.ctx.Done():
		return a.ctx.Err()
	}
}

// running returns the process, started if need be.
func (k *KeptExec) running() (*process, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, errProgramGone
	}
	if k.proc != nil {
		select {
		case <-k.proc.gone:
			k.ended, k.proc = k.proc.epitaph().text, nil
		default:
			return k.proc, nil
		}
	}
	if since := time.Since(k.started); !k.started.IsZero() && since < restartAfter {
		return nil, &ownError{k.ended}
	}
	k.started = time.Now()
	p, err := startProcess(k.c)
	if err != nil {
		k.ended = err.Error()
		return nil, &ownError{k.ended}
	}
	k.proc = p
	return p, nil
}

// Close ends the process and waits for it. Probes under way get no verdict.
func (k *KeptExec) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.proc != nil {
		k.proc.kill()
	}
}

// process is one run of the program.
type process struct {
	cmd      *exec.Cmd
	requests chan string
	gone     chan struct{} // closed when it has ended
	stop     context.CancelFunc
	parts    sync.WaitGroup
	end      error // of the process; to be read once gone is closed

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan string
}

func startProcess(c ExecConfig) (*process, error) {
	ctx, stop := context.WithCancel(context.Background())
	p := &process{requests: make(chan string), gone: make(chan struct{}), stop: stop, waiting: map[uint64]chan string{}}
	p.cmd = exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	p.cmd.Env = append(environment(c.Check, 0), c.Env...)
	p.cmd.Dir = "/"
	ownGroup(p.cmd)
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, p.cmd.Start()); err != nil {
		stop()
		return nil, err
	}
	p.parts.Go(func() { p.write(ctx, in) })
	p.parts.Go(func() {
		p.read(out)
		stop() // kills it, if it has only closed its output
		p.end = p.cmd.Wait()
		_ = killGroup(p.cmd)
		close(p.gone)
	})
	return p, nil
}

// epitaph says how the process ended; gone must be closed. A process that has
// only closed its output is killed here, which is no news.
func (p *process) epitaph() *ownError {
	var exit *exec.ExitError
	if !errors.As(p.end, &exit) {
		return errProgramGone
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return errProgramGone
	}
	return &ownError{"the program ended: " + exit.Error()}
}

// kill ends the process and waits for it.
func (p *process) kill() {
	p.stop()
	p.parts.Wait()
}

// write hands the requests to the process. A process that does not read stops
// them; each then runs into its own time-out.
func (p *process) write(ctx context.Context, in io.WriteCloser) {
	defer in.Close()
	for {
		select {
		case line := <-p.requests:
			if _, err := io.WriteString(in, line); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// read hands out the answers until the process ends or writes nonsense.
func (p *process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 512), maxLine)
	for lines.Scan() {
		id, text, ok := parseAnswer(lines.Text())
		if !ok {
			continue
		}
		p.mu.Lock()
		answer := p.waiting[id]
		delete(p.waiting, id)
		p.mu.Unlock()
		if answer != nil {
			answer <- text // has room for the one that it gets
		}
	}
}

// parseAnswer cuts a line into ID and the rest.
func parseAnswer(line string) (id uint64, text string, ok bool) {
	number, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	id, err := strconv.ParseUint(number, 10, 64)
	return id, strings.ToValidUTF8(text, "?"), err == nil
}

// expect returns a new ID and where its answer comes.
func (p *process) expect() (uint64, <-chan string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	answer := make(chan string, 1)
	p.waiting[p.next] = answer
	return p.next, answer
}

func (p *process) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}
