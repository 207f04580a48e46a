package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func portText(s *server) string { return ":" + strconv.Itoa(int(s.port)) }

func TestTCPPassesWhereSomebodyListens(t *testing.T) {
	for _, addr := range []netip.Addr{loop4, loop6, netip.MustParseAddr("::ffff:127.0.0.1")} {
		s := serve(t, addr.Unmap(), func(c net.Conn) { c.Read(make([]byte, 1)) })
		wantResult(t, addr.String(), probeWithin(t, NewTCP(TCPConfig{Port: s.port}), addr, time.Second), "pass")
	}
}

func TestTCPFailsWhereNobodyListens(t *testing.T) {
	for _, addr := range []netip.Addr{loop4, loop6} {
		p := NewTCP(TCPConfig{Port: closedPort(t, addr)})
		wantResult(t, addr.String(), probeWithin(t, p, addr, time.Second), "fail: connection refused")
	}
}

// TestFamiliesAndAddressesAreProbedApart: what listens on one address says
// nothing about another one.
func TestFamiliesAndAddressesAreProbedApart(t *testing.T) {
	s := serve(t, loop4, func(c net.Conn) {})
	p := NewTCP(TCPConfig{Port: s.port})
	wantResult(t, "127.0.0.1", probeWithin(t, p, loop4, time.Second), "pass")
	wantResult(t, "127.0.0.2", probeWithin(t, p, netip.MustParseAddr("127.0.0.2"), time.Second), "fail: connection refused")
	wantResult(t, "::1", probeWithin(t, p, loop6, time.Second), "fail: connection refused")
}

func TestTimeoutWhileConnecting(t *testing.T) {
	port := fullPort(t)
	for name, p := range map[string]Prober{"tcp": NewTCP(TCPConfig{Port: port}), "http": newHTTP(t, HTTPConfig{Port: port})} {
		const timeout = 150 * time.Millisecond
		r := probeWithin(t, p, loop4, timeout)
		wantResult(t, name, r, "fail: timeout after 150ms while connecting")
		wantLatency(t, name, r, timeout)
	}
}

func TestCancellationIsNoVerdict(t *testing.T) {
	hang := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) })
	for name, c := range map[string]struct {
		prober Prober
		want   string
	}{
		"while connecting": {NewTCP(TCPConfig{Port: fullPort(t)}), "no verdict: stopped while connecting"},
		"while waiting":    {newHTTP(t, HTTPConfig{Port: hang.port}), "no verdict: stopped while waiting for headers"},
		"in the handshake": {newHTTP(t, HTTPConfig{Port: hang.port, Scheme: "https"}), "no verdict: stopped while in the TLS handshake"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		time.AfterFunc(50*time.Millisecond, cancel)
		r := c.prober.Probe(ctx, loop4)
		wantResult(t, name, r, c.want)
		if r.Latency > 5*time.Second {
			t.Errorf("%s: came back after %v", name, r.Latency)
		}
	}
}

func TestAttemptThatCannotBeginIsNoVerdict(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, p := range map[string]Prober{"tcp": NewTCP(TCPConfig{Port: 1}), "http": newHTTP(t, HTTPConfig{Port: 1})} {
		wantResult(t, name+" cancelled", p.Probe(cancelled, loop4), "no verdict: no time was left to begin")
		wantResult(t, name+" late", p.Probe(late, loop4), "no verdict: no time was left to begin")
		wantResult(t, name+" without address", p.Probe(t.Context(), netip.Addr{}), "no verdict: no address to probe")
	}
}

func TestContextWithoutDeadlineGetsTheDefault(t *testing.T) {
	r := NewTCP(TCPConfig{Port: fullPort(t)}).Probe(t.Context(), loop4)
	wantResult(t, "tcp", r, "fail: timeout after 1s while connecting")
	wantLatency(t, "tcp", r, health.DefaultTimeout)
}

// wantLatency checks that a probe took its time-out and not much more.
func wantLatency(t testing.TB, what string, r health.Result, timeout time.Duration) {
	t.Helper()
	if r.Latency < timeout-20*time.Millisecond || r.Latency > timeout+time.Second {
		t.Errorf("%s: took %v, want about %v", what, r.Latency, timeout)
	}
}

// closedPort returns a port on which nobody listens. A socket that is bound
// and does not listen keeps it so.
func closedPort(t testing.TB, addr netip.Addr) uint16 {
	t.Helper()
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	fd := boundSocket(t, family, addr)
	return socketPort(t, fd)
}

// fullPort returns a port on 127.0.0.1 whose queue of connections is full, so
// that further ones get no answer, like those to a host that has vanished.
func fullPort(t testing.TB) uint16 {
	t.Helper()
	fd := boundSocket(t, unix.AF_INET, loop4)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	port := socketPort(t, fd)
	for range 10 {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(loop4, port).String(), 100*time.Millisecond)
		if err != nil {
			if !strings.Contains(err.Error(), "timeout") {
				t.Fatal(err)
			}
			return port
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the queue of a listener does not fill up on this kernel")
	return 0
}

func boundSocket(t testing.TB, family int, addr netip.Addr) (fd int) {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: addr.As16()}
	if family == unix.AF_INET {
		sa = &unix.SockaddrInet4{Addr: addr.As4()}
	}
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatal(err)
	}
	return fd
}

func socketPort(t testing.TB, fd int) uint16 {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port)
	case *unix.SockaddrInet6:
		return uint16(sa.Port)
	}
	t.Fatal("no port")
	return 0
}
