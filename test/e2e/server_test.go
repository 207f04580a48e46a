package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/porttest"
)

// server is a running geodns.
type server struct {
	t     testing.TB
	dir   string
	cmd   *exec.Cmd
	log   logBuffer
	dns   []netip.AddrPort // as the log says
	admin string           // host:port

	ended chan struct{}
	err   error // once ended
}

// launch starts `geodns serve` in dir and does not wait for anything.
func launch(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	return launchWith(t, dir, func(*exec.Cmd) {}, args...)
}

// launchAs starts it as another user.
func launchAs(t testing.TB, dir string, uid uint32) *server {
	t.Helper()
	return launchWith(t, dir, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	})
}

// launchWith starts it after set has seen the command.
func launchWith(t testing.TB, dir string, set func(*exec.Cmd), args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, ended: make(chan struct{})}
	s.cmd = exec.Command(program, append([]string{"serve", "-c", filepath.Join(dir, "geodns.yaml")}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	set(s.cmd)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log of the server:\n%s", tail(s.log.String(), 60))
		}
	})
	return s
}

// start starts `geodns serve` in dir and waits until it serves.
func start(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	s := launch(t, dir, args...)
	s.awaitReady()
	return s
}

var (
	readyLine   = regexp.MustCompile(`msg=ready listen=("[^"]*"|\S+) admin=(\S+)`)
	reloadLine  = regexp.MustCompile(`msg=reloaded `)
	refusedLine = regexp.MustCompile(`msg="reload refused`)
)

func (s *server) awaitReady() {
	s.t.Helper()
	m := s.awaitLog(0, readyLine, 20*time.Second)
	for _, a := range strings.Fields(strings.Trim(m[1], `"`)) {
		s.dns = append(s.dns, netip.MustParseAddrPort(a))
	}
	s.admin = m[2]
}

// awaitLog waits for a line in the log after offset from.
func (s *server) awaitLog(from int, re *regexp.Regexp, within time.Duration) []string {
	s.t.Helper()
	for over := timer(within); ; time.Sleep(5 * time.Millisecond) {
		text := s.log.String()[from:]
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-s.ended:
			s.t.Fatalf("the server ended (%v) before it logged %s; log:\n%s", s.err, re, s.log.String())
		default:
		}
		if over() {
			s.t.Fatalf("nothing like %s in the log within %v; log:\n%s", re, within, text)
		}
	}
}

// addr is the first address that is served.
func (s *server) addr() string { return s.dns[0].String() }

// hangup asks for a reload and waits until it is done.
func (s *server) hangup() {
	s.t.Helper()
	from := s.log.len()
	s.signal(syscall.SIGHUP)
	s.awaitLog(from, reloadLine, 10*time.Second)
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// stop ends the server as an operator would; it must be gone within 5 s.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	select {
	case <-s.ended:
	case <-machine.After(5 * time.Second):
		s.t.Errorf("the server did not end within 5 s of SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	return s.err
}

// get returns the body of a page of the admin listener.
func (s *server) get(path string) string {
	s.t.Helper()
	resp, err := http.Get("http://" + s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, body)
	}
	return string(body)
}

// status is the part of GET /api/v1/status that tests look at.
type status struct {
	Config struct {
		OK     bool
		Errors []string
	}
	Zones []struct{ Name string }
	Sites []struct {
		Name      string
		Up        bool
		Since     string
		Addresses []struct {
			Address   string
			Up        bool
			LastError string `json:"last_error"`
		}
	}
}

func (s *server) status() (st status) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.get("/api/v1/status")), &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// metric returns the value of one series, such as name{a="b"}; 0 if it is not
// there.
func (s *server) metric(series string) float64 {
	s.t.Helper()
	for line := range strings.Lines(s.get("/metrics")) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				s.t.Fatalf("%q: %v", line, err)
			}
			return v
		}
	}
	return 0
}

// logBuffer is what a program has written so far.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Len()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// freePort returns a port that is the test's own for UDP and TCP, with those at
// the given distances from it for TCP.
func freePort(t testing.TB, also ...int) int {
	t.Helper()
	return porttest.Free(t, also...)
}

// command runs a geodns command and returns its output and exit code.
func command(t testing.TB, dir string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// asRoot skips a test that needs to be root.
func asRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs to be root")
	}
}
