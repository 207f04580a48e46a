package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// ExecConfig says how to run a program.
type ExecConfig struct {
	Check   string   // name, for the program's environment
	Command []string // absolute path and arguments; {site} and {address} in these stand for those probed
	Env     []string // NAME=value, beside those below
}

// Exec is a [Prober] that runs a program for each probe. Exit status 0 is a
// pass, any other a failure, but for 126 and 127, with which shells say that
// there was nothing to run: these, and a program that cannot be started, are
// no verdict. At the end of the time-out it is killed with all that it started
// in its process group, and has failed.
//
// The program finds in its environment PATH, HOME, LANG, SITE, ADDRESS, CHECK
// and TIMEOUT (seconds), and nothing of this process's own. It may print a line
// such as "disk full load=12.5": the reason of a failure, and the load.
type Exec struct {
	c    ExecConfig
	site string
}

// NewExec returns a prober for the addresses of a site.
func NewExec(c ExecConfig, site string) *Exec { return &Exec{c, site} }

// maxOutput is how much of a program's output is kept, in octets; the rest is
// read and dropped.
const maxOutput = 4 << 10

// Probe runs the program for addr.
func (p *Exec) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, Via{})
	defer cancel()
	return a.end(p.attempt(a))
}

const running stage = "running the program"

func (p *Exec) attempt(a *attempt) error {
	if err := a.readyHere(); err != nil {
		return err
	}
	a.stage = running
	fill := strings.NewReplacer("{site}", p.site, "{address}", addressText(a.addr))
	args := slices.Clone(p.c.Command[1:])
	for i := range args {
		args[i] = fill.Replace(args[i])
	}
	var out bounded
	cmd := exec.CommandContext(a.ctx, p.c.Command[0], args...)
	cmd.Env = append(environment(p.c.Check, a.deadline.Sub(a.start)), "SITE="+p.site, "ADDRESS="+addressText(a.addr))
	cmd.Env = append(cmd.Env, p.c.Env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &out, &out
	ownGroup(cmd)
	err := cmd.Start()
	if err != nil {
		return &ownError{err.Error()}
	}
	err = cmd.Wait()
	killGroup(cmd) // what it left behind in the background
	text := a.takeLoad(firstLine(out.data))
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	return judgeExit(err, text)
}

// environment returns what every program is given, whatever this process was.
func environment(check string, timeout time.Duration) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8",
		"CHECK=" + check, fmt.Sprintf("TIMEOUT=%.3f", timeout.Seconds()),
	}
}

// ownGroup makes the program the head of a process group, which is killed as
// a whole when the context ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	// A grandchild that has left the group may still hold the pipe open.
	cmd.WaitDelay = 200 * time.Millisecond
}

// killGroup kills what the program started; that nothing is left is no error.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// judgeExit turns how a program ended into the outcome of a probe.
func judgeExit(err error, text string) error {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case !errors.As(err, &exit):
		return &ownError{err.Error()}
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	switch code := status.ExitStatus(); {
	case status.Signaled():
		return fmt.Errorf("killed by signal %s", status.Signal())
	case code == 126 || code == 127:
		return &ownError{strings.TrimSpace(fmt.Sprintf("exit status %d: %s", code, text))}
	case text == "":
		return fmt.Errorf("exit status %d", code)
	default:
		return fmt.Errorf("exit status %d: %s", code, text)
	}
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return strings.ToValidUTF8(string(bytes.TrimSpace(line)), "?")
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ data []byte }

func (b *bounded) Write(data []byte) (int, error) {
	b.data = append(b.data, data[:min(len(data), maxOutput-len(b.data))]...)
	return len(data), nil
}

// addressText is how a program or a path is told the address probed: "-" for a
// site without addresses.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
