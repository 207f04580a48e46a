// Package command owns the running of other programs: as which user, with
// which environment, for how long, and that nothing of them is left over when
// their time is up.
//
// It does not know what the programs are for. The entry point is [Run].
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Grace is how long a program has between SIGTERM and SIGKILL.
const Grace = 500 * time.Millisecond

// maxOutput is how much of what a program prints is kept for the log.
const maxOutput = 2048

// Spec is a program to run.
type Spec struct {
	Argv    []string
	Account *Account // nil: as vipd itself
	Env     []string // further NAME=value; PATH, HOME and LANG are always given, nothing else is
	// Hard kills by SIGKILL at once, without a grace.
	Hard bool
}

// Result is how a program ended.
type Result struct {
	Exit   int    // exit status; 128 and the number if a signal ended it
	Output string // the last line that it printed, cut to what a log can hold
}

// ErrTime is returned when the program was killed because its context ended.
var ErrTime = errors.New("killed when its time was up")

// Run runs a program until it ends or ctx does, which kills it with its whole
// process group. An error means that it could not be run or was killed; a
// failing program is no error.
func Run(ctx context.Context, s Spec) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, ErrTime
	}
	cmd := exec.Command(s.Argv[0], s.Argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(environment(s.Account), s.Env...)
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.Account.credential()}
	// Something that the program left behind may hold its output open.
	cmd.WaitDelay = 100 * time.Millisecond
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return result(err, out)
	case <-ctx.Done():
		kill(cmd.Process.Pid, s.Hard, done)
		return Result{Output: out.last()}, ErrTime
	}
}

// kill ends a process group and waits for its leader.
func kill(pgid int, hard bool, done <-chan error) {
	if !hard {
		syscall.Kill(-pgid, syscall.SIGTERM)
		select {
		case <-done:
			syscall.Kill(-pgid, syscall.SIGKILL) // those that ignored it
			return
		case <-time.After(Grace):
		}
	}
	syscall.Kill(-pgid, syscall.SIGKILL)
	<-done
}

func result(err error, out *tail) (Result, error) {
	r := Result{Output: out.last()}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return r, nil
	case errors.As(err, &exit):
		r.Exit = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			r.Exit = 128 + int(ws.Signal())
		}
		return r, nil
	}
	return r, err
}

// Text says how a program ended: "exit status 1 (no such file)".
func (r Result) Text() string {
	s := fmt.Sprintf("exit status %d", r.Exit)
	if r.Exit > 128 {
		s = "killed by " + syscall.Signal(r.Exit-128).String()
	}
	if r.Output != "" {
		s += " (" + r.Output + ")"
	}
	return s
}

// environment is all that a program is told of ours: vipd's own environment
// may hold secrets.
func environment(a *Account) []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	home := "/"
	if a != nil && a.Home != "" {
		home = a.Home
	} else if h := os.Getenv("HOME"); a == nil && h != "" {
		home = h
	}
	env := []string{"PATH=" + path, "HOME=" + home}
	if lang := os.Getenv("LANG"); lang != "" {
		env = append(env, "LANG="+lang)
	}
	return env
}

// tail keeps the last bytes that are written to it. os/exec writes to it from
// one goroutine, since both outputs are the same writer.
type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxOutput; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// last returns the last line with something on it, without control characters.
func (t *tail) last() string {
	text := bytes.TrimRight(t.buf, "\n\r \t")
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "?"))
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
