package dnsserver

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback4 = netip.MustParseAddrPort("127.0.0.1:0")
	loopback6 = netip.MustParseAddrPort("[::1]:0")
)

// echo answers with the query itself, but leaves "silence" in silence and
// panics at "panic". It notes two calls of one worker at the same time.
type echo struct {
	busy    []atomic.Bool
	overlap atomic.Bool
	outside atomic.Bool // a worker number out of range
	now     atomic.Uint32
	slow    time.Duration
}

func newEcho(s *Server) *echo { return &echo{busy: make([]atomic.Bool, s.Workers())} }

func (e *echo) Answer(worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) []byte {
	if worker >= len(e.busy) {
		e.outside.Store(true)
		return nil
	}
	if !e.busy[worker].CompareAndSwap(false, true) {
		e.overlap.Store(true)
	}
	defer e.busy[worker].Store(false)
	e.now.Store(now)
	if e.slow > 0 {
		time.Sleep(e.slow)
	}
	switch string(packet) {
	case "silence":
		return nil
	case "panic":
		panic("test")
	case "who":
		return append(out, from.String()...)
	case "large":
		return append(out, bytes.Repeat([]byte{'x'}, 40000)...)
	}
	return append(out, packet...)
}

// start serves cfg until the test ends or stop is called.
func start(t testing.TB, cfg Config) (s *Server, h *echo, stop func()) {
	t.Helper()
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h = newEcho(s)
	return s, h, run(t, s, h)
}

func run(t testing.TB, s *Server, h Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("run:", err)
		}
		if e, ok := h.(*echo); ok && (e.overlap.Load() || e.outside.Load()) {
			t.Errorf("a worker was called twice at once: %v; with a number out of range: %v", e.overlap.Load(), e.outside.Load())
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually fails the test unless ok turns true soon.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after 5 s: %s", what)
		}
	}
}

func TestListenNamesEveryAddressThatCannotBeBound(t *testing.T) {
	taken, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addrs()[0]
	group := netip.MustParseAddrPort("[fe80::1%nowhere]:5353")
	_, err = Listen(Config{Addrs: []netip.AddrPort{busy, group, loopback4}, Workers: 2})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"listen udp " + busy.String() + ": address already in use: another process listens there",
		"listen udp [fe80::1%nowhere]:5353: ",
		"listen tcp [fe80::1%nowhere]:5353: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("the causes are not wrapped: %v", err)
	}
}

func TestListenRefusesAddressesThatOverlap(t *testing.T) {
	for _, c := range []struct{ addrs, want string }{
		{"", "listen: no address given"},
		{"127.0.0.1:5399 127.0.0.1:5399", "listen 127.0.0.1:5399: listed twice"},
		{"127.0.0.1:5399 [::ffff:127.0.0.1]:5399", "listed twice"},
		{"0.0.0.0:5399 127.0.0.1:5399", "listen 127.0.0.1:5399: covered by 0.0.0.0:5399 already"},
		{"[::1]:5399 [::]:5399", "listen [::]:5399: covers [::1]:5399 already"},
	} {
		var addrs []netip.AddrPort
		for _, a := range strings.Fields(c.addrs) {
			addrs = append(addrs, netip.MustParseAddrPort(a))
		}
		s, err := Listen(Config{Addrs: addrs})
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", c.addrs)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.addrs, err, c.want)
		}
	}
}

func TestWildcardsOfBothFamiliesShareAPort(t *testing.T) {
	var err error
	for range 5 { // another process may have the port over IPv6
		first, _, _ := start(t, Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Workers: 1})
		port := first.Addrs()[0].Port()
		var second *Server
		if second, err = Listen(Config{Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), port)}, Workers: 1}); err == nil {
			second.Close()
			return
		}
	}
	t.Errorf("[::] is not IPv6 only: %v", err)
}

func TestCloseWithoutRunFreesThePort(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	again := Config{Addrs: s.Addrs(), Workers: 2}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, err = Listen(again)
	if err != nil {
		t.Fatal(err)
	}
	s.Stats()
	s.Close()
	s.Stats() // must not touch closed descriptors
	if _, err := s.Files(); err == nil {
		t.Error("a closed server gave out files")
	}
}

func TestThrottleAllowsOneLineAMinuteAndKind(t *testing.T) {
	var th throttle
	begin := time.Now()
	for _, c := range []struct {
		kind  string
		after time.Duration
		want  bool
	}{
		{"a", 0, true}, {"a", time.Second, false}, {"b", time.Second, true}, {"a", 61 * time.Second, true}, {"a", 62 * time.Second, false},
	} {
		if got := th.allow(c.kind, begin.Add(c.after)); got != c.want {
			t.Errorf("%s after %v: got %v", c.kind, c.after, got)
		}
	}
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	var b backoff
	var got []time.Duration
	for range 10 {
		got = append(got, b.next())
	}
	if got[0] != time.Millisecond || got[1] != 2*time.Millisecond || got[9] != maxBackoff {
		t.Errorf("got %v", got)
	}
	if b.reset(); b.next() != time.Millisecond {
		t.Error("reset does not reset")
	}
}
