package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// childRole makes the test binary play a part in a process of its own.
const childRole = "PROBE_TEST_CHILD"

var childRoles = map[string]func(){
	"web":            serveUntilEOF,
	"no descriptors": probeWithoutDescriptors,
	"no routes":      probeWithoutRoutes,
	"few ports":      probeWithFewPorts,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		childRoles[role]()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child returns a command that runs the test binary in the given role.
func child(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

var (
	loop4 = netip.MustParseAddr("127.0.0.1")
	loop6 = netip.MustParseAddr("::1")
)

// server is a listener whose connections are handled one goroutine each and
// waited for at the end of the test.
type server struct {
	port uint16

	mu       sync.Mutex
	accepted int
	conns    map[net.Conn]bool
}

// serve listens on addr and hands each connection to handle.
func serve(t testing.TB, addr netip.Addr, handle func(net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{port: l.Addr().(*net.TCPAddr).AddrPort().Port(), conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.track(c, true)
			wg.Go(func() {
				defer s.track(c, false)
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.closeAll()
		wg.Wait()
	})
	return s
}

func (s *server) track(c net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.accepted++
		s.conns[c] = true
		return
	}
	c.Close()
	delete(s.conns, c)
}

// closeAll closes the connections that are open now.
func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// connections returns how many connections have been accepted.
func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// awaitRequest reads up to the empty line and returns what was read.
func awaitRequest(c net.Conn) string {
	var head strings.Builder
	for br := bufio.NewReader(c); ; {
		line, err := br.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

// replies returns a handler that reads a request, writes text and closes.
func replies(text string) func(net.Conn) {
	return func(c net.Conn) {
		awaitRequest(c)
		io.WriteString(c, text)
	}
}

func newHTTP(t testing.TB, c HTTPConfig) *HTTP {
	t.Helper()
	p, err := NewHTTP(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// probeWithin returns the result of a probe. One with a short time-out is made
// again if the machine stood still in it for a good part of that: what it was
// doing when its time was up is then chance.
func probeWithin(t testing.TB, p Prober, addr netip.Addr, timeout time.Duration) health.Result {
	t.Helper()
	if timeout > time.Second {
		return probeOnce(t, p, addr, timeout)
	}
	stall := stalltest.Start(t)
	for attempt := 1; ; attempt++ {
		stall.TakeWorst()
		r := probeOnce(t, p, addr, timeout)
		if stall.TakeWorst() < timeout/4 || attempt == 20 {
			return r
		}
	}
}

func probeOnce(t testing.TB, p Prober, addr netip.Addr, timeout time.Duration) health.Result {
	t.Helper()
	if throughLoop.Load() && Lean(p) {
		return loopOnce(t, Job{health.Key{Addr: addr}, p, timeout})
	}
	ctx, cancel := Within(t.Context(), timeout)
	defer cancel()
	return p.Probe(ctx, addr)
}

// wantResult checks a result written as "pass" or "fail: why".
func wantResult(t testing.TB, what string, r health.Result, want string) {
	t.Helper()
	if got := resultText(r); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
	if r.At.IsZero() || r.Latency < 0 {
		t.Errorf("%s: at %v, latency %v", what, r.At, r.Latency)
	}
}

func resultText(r health.Result) string {
	if r.Err == "" {
		return r.Verdict.String()
	}
	return r.Verdict.String() + ": " + r.Err
}

// serveUntilEOF is a web server in its own process, so that its CPU time is
// not taken for that of the probes. It says on which ports of 127.0.0.0/8 it
// listens, and ends when its standard input does.
func serveUntilEOF() {
	plain, _ := net.Listen("tcp4", "0.0.0.0:0")
	secure, _ := net.Listen("tcp4", "0.0.0.0:0")
	authority := newAuthority()
	s := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }),
		TLSConfig: authority.server("www.example.com"),
	}
	go s.Serve(plain)
	go s.ServeTLS(secure, "", "")
	fmt.Println(plain.Addr().(*net.TCPAddr).Port, secure.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
