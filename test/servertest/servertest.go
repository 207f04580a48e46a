// Package servertest runs name servers beside each other for tests: a free
// port, their files, a process that is ended with the test, and the wait until
// it answers. What each server is told, and how it is asked, is the test's own.
//
// The entry points are [FreeAddr], [WriteFiles] and [Start].
package servertest

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/porttest"
)

// FindPrograms lets a test find name servers where Debian puts them, which an
// ordinary user's PATH does not name.
func FindPrograms(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
}

// FreeAddr returns an address of the loopback interface whose port is the
// test's own.
func FreeAddr(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(porttest.Free(t)))
}

// WriteFiles writes files, by name, below dir.
func WriteFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Process is a running server.
type Process struct {
	Name   string
	Cmd    *exec.Cmd
	Begun  time.Time
	exited chan struct{}
	log    log
}

// log takes what a process prints, and may be read meanwhile.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// Start starts a server and ends it, with its children, when the test ends. They
// are a process group of their own unless cmd says otherwise.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Name: name, Cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p.Begun = time.Now()
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.stop)
	return p
}

// stop ends the group. Some servers leave children behind, so it is killed also
// where the first process has ended by itself.
func (p *Process) stop() {
	syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// Await waits until answers says so, and fails the test if the server ends
// first or takes longer than limit.
func (p *Process) Await(t testing.TB, limit time.Duration, answers func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !answers(); {
		select {
		case <-p.exited:
			t.Fatalf("%s ended:\n%s", p.Name, p.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGQUIT) // a Go program then says where it is
			select {
			case <-p.exited:
			case <-time.After(time.Second):
			}
			t.Fatalf("%s does not answer after %v:\n%s", p.Name, limit, p.Log())
		}
	}
}

// Log returns what the server has printed.
func (p *Process) Log() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return p.log.text.String()
}
