package viplab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

const (
	isVipd       = "vipd"
	isKeepalived = "keepalived"
)

// startLimit is how long a daemon may take to start on a machine that is busy
// with everything else.
const startLimit = 30 * time.Second

// built makes the vipd under test once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "viplab")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "vipd")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/vipd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// daemon is a vipd or keepalived on a node.
type daemon struct {
	kind    string
	more    string // in its instance
	cmd     *exec.Cmd
	service *exec.Cmd // that is tracked
	log     *logBuffer
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (n *node) path(suffix string) string { return filepath.Join(n.dir, n.name+suffix) }

// install says what is to run on a node.
func (n *node) install(kind, more string) {
	n.daemon = daemon{kind: kind, more: more, log: &logBuffer{}}
	n.t.Cleanup(n.kill)
}

// start runs the daemon.
func (n *node) start() {
	n.t.Helper()
	peer := n.a
	if n.name == "a" {
		peer = n.b
	}
	text := n.set.config(n, peer)
	if err := os.WriteFile(n.path(".conf"), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	if n.kind == isVipd {
		binary, err := built()
		if err != nil {
			n.t.Fatal(err)
		}
		n.cmd = exec.Command(binary, "run", "-f", n.path(".conf"), "--control", n.path(".sock"), "--state", n.path(".state"), "--log-level", "debug")
	} else {
		n.cmd = exec.Command("keepalived", "--dont-fork", "--vrrp", "--use-file", n.path(".conf"), "--log-console",
			"--pid", n.path(".pid"), "--vrrp_pid", n.path("-vrrp.pid"))
	}
	fmt.Fprintf(n.log, "--- %v %s starts on %s\n", now(), n.kind, n.name)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	var err error
	n.space.Do(func() { err = n.cmd.Start() })
	if err != nil {
		n.t.Fatal(err)
	}
	remember(n)
	if !within(startLimit, n.runs) && n.kind == isVipd {
		n.signal(syscall.SIGQUIT) // its goroutines go to the log
		time.Sleep(time.Second)
	}
	n.must(time.Second, n.kind+" runs on "+n.name, n.runs)
}

// runs reports whether the daemon is ready for signals.
func (n *node) runs() bool {
	if n.kind == isVipd {
		_, ok := n.status()
		return ok
	}
	return len(n.processes()) == 2
}

func (n *node) status() (vipd.InstanceStatus, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, _, err := (&vipd.Client{Socket: n.path(".sock")}).Status(ctx)
	if err != nil || len(st.Instances) == 0 {
		return vipd.InstanceStatus{}, false
	}
	return st.Instances[0], true
}

// processes returns the daemon's processes, those that do the work last.
func (n *node) processes() []int {
	if n.cmd == nil {
		return nil
	}
	all := []int{n.cmd.Process.Pid}
	if n.kind == isKeepalived {
		data, _ := os.ReadFile(n.path("-vrrp.pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// signal sends a signal to all processes of the daemon.
func (n *node) signal(s syscall.Signal) {
	for _, pid := range n.processes() {
		_ = syscall.Kill(pid, s)
	}
}

// stop asks the daemon to end.
func (n *node) stop() { _ = n.cmd.Process.Signal(syscall.SIGTERM) }

// kill ends the daemon if it runs, and waits for that.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.signal(syscall.SIGKILL)
	_ = n.cmd.Wait()
	n.cmd = nil
	_ = os.Remove(n.path("-vrrp.pid"))
}

// wait waits for a daemon that was told to end.
func (n *node) wait() {
	ended := make(chan struct{})
	go func() { _ = n.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		n.t.Errorf("%s on %s did not end", n.kind, n.name)
		n.signal(syscall.SIGKILL)
		<-ended
	}
	n.cmd = nil
	_ = os.Remove(n.path("-vrrp.pid"))
}

func (n *node) said() string {
	text := n.log.String()
	return fmt.Sprintf("%s on %s said:\n%s", n.kind, n.name, text[max(0, len(text)-12000):])
}

// running is what to end when the test is interrupted.
var running struct {
	sync.Mutex
	nodes map[*node]bool
}

func remember(n *node) {
	running.Lock()
	defer running.Unlock()
	if running.nodes == nil {
		running.nodes = map[*node]bool{}
	}
	running.nodes[n] = true
}

// endAllOnSignal leaves nothing behind when the laboratory is interrupted.
func endAllOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	go func() {
		<-signals
		running.Lock()
		for n := range running.nodes {
			n.signal(syscall.SIGKILL)
			if n.service != nil {
				_ = n.service.Process.Kill()
			}
		}
		os.Exit(1)
	}()
}

func haveKeepalived() bool {
	_, err := exec.LookPath("keepalived")
	return err == nil
}

func TestMain(m *testing.M) { os.Exit(run(m)) }
