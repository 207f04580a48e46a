package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestErrorsAreOursOrTheTargets(t *testing.T) {
	v4, v6 := netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("2001:db8::10")
	const always, never, withoutRoute = "always", "never", "without a route"
	for _, c := range []struct {
		no     syscall.Errno
		v4, v6 string // when it is our own fault
	}{
		{syscall.EMFILE, always, always},
		{syscall.ENFILE, always, always},
		{syscall.ENOBUFS, always, always},
		{syscall.ENOMEM, always, always},
		{syscall.EADDRNOTAVAIL, always, always},
		{syscall.EAFNOSUPPORT, always, always},
		{syscall.EPERM, always, always},
		{syscall.EINVAL, always, always},
		{syscall.ENETDOWN, always, always},
		{syscall.EACCES, always, withoutRoute}, // from the target's firewall in IPv6
		{syscall.ENETUNREACH, withoutRoute, withoutRoute},
		{syscall.EHOSTUNREACH, withoutRoute, withoutRoute},
		{syscall.ECONNREFUSED, never, never},
		{syscall.ECONNRESET, never, never},
		{syscall.ETIMEDOUT, never, never},
		{syscall.EHOSTDOWN, never, never},
		{syscall.EPIPE, never, never},
	} {
		err := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", c.no)}
		for addr, want := range map[netip.Addr]string{v4: c.v4, v6: c.v6} {
			for _, routed := range []bool{true, false} {
				got := ownFault(err, addr, func(netip.Addr) bool { return routed })
				if want := want == always || want == withoutRoute && !routed; got != want {
					t.Errorf("%v to %v, route %v: our own fault %v, want %v", c.no, addr, routed, got, want)
				}
			}
		}
	}
	for _, err := range []error{io.EOF, errHeadersTooLong, errors.New("status 503")} {
		if ownFault(err, v4, func(netip.Addr) bool { return false }) {
			t.Errorf("%v: taken for our own fault", err)
		}
	}
}

func TestLateWakeIsOurFault(t *testing.T) {
	start := time.Now()
	a := &attempt{ctx: context.Background(), addr: loop4, start: start, deadline: start.Add(time.Second), stage: waiting}
	for _, c := range []struct {
		after time.Duration // from the start to noticing the time-out
		want  string
	}{
		{time.Second, "fail: timeout after 1s while waiting for headers"},
		{1900 * time.Millisecond, "fail: timeout after 1s while waiting for headers"},
		{5 * time.Second, "no verdict: own fault: this machine stood still for 4s"},
	} {
		v, why := a.judge(os.ErrDeadlineExceeded, start.Add(c.after))
		if got := v.String() + ": " + why; got != c.want {
			t.Errorf("%v: got %q, want %q", c.after, got, c.want)
		}
	}
	// A short time-out does not make an ordinary delay of a busy machine ours.
	a.deadline = start.Add(2 * time.Millisecond)
	if v, why := a.judge(os.ErrDeadlineExceeded, start.Add(400*time.Millisecond)); v != health.Fail || why != "timeout after 2ms while waiting for headers" {
		t.Errorf("got %v %q", v, why)
	}
}

func TestErrorTextIsOneShortPrintableLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"status 503", "status 503"},
		{"a\r\nb\x1b[31m\u2028c", "a  b [31m c"},
		{"\xff\xfe", "\uFFFD\uFFFD"},
		{strings.Repeat("é", 200), strings.Repeat("é", 98) + "…"},
	} {
		if got := oneLine(c.in); got != c.want || len(got) > longest {
			t.Errorf("%q: got %q (%d bytes), want %q", c.in, got, len(got), c.want)
		}
	}
}

func TestNoDescriptorsIsNoVerdict(t *testing.T) {
	out, err := child("no descriptors").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "tcp no verdict: own fault: too many open files\nhttp no verdict: own fault: too many open files\n"
	if string(out) != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
}

func probeWithoutDescriptors() {
	l, err := net.Listen("tcp", "127.0.0.1:0") // also brings the poller's own descriptors into being
	if err != nil {
		panic(err)
	}
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: 3}); err != nil {
		panic(err)
	}
	printProbes(port, loop4)
}

// TestNoRouteIsNoVerdict probes from a network namespace that has nothing but
// a loopback interface, and that one down.
func TestNoRouteIsNoVerdict(t *testing.T) {
	out := inNetworkNamespace(t, "no routes")
	for line := range strings.Lines(out) {
		// IPv6 already lacks an address to send from.
		if !strings.Contains(line, "no verdict: own fault: network unreachable") &&
			!strings.Contains(line, "no verdict: own fault: cannot assign requested address") {
			t.Errorf("got %q, want no verdict", line)
		}
	}
	if n := strings.Count(out, "\n"); n != 4 {
		t.Errorf("got %d lines, want 4: %q", n, out)
	}
}

// inNetworkNamespace runs the test binary in the given role, in a network
// namespace of its own, and returns what it prints.
func inNetworkNamespace(t *testing.T, role string) string {
	t.Helper()
	cmd := child(role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if id := os.Geteuid(); id != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	out, err := cmd.Output()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("no network namespace to be had: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func probeWithoutRoutes() {
	for _, addr := range []string{"203.0.113.10", "2001:db8::10"} {
		printProbes(80, netip.MustParseAddr(addr))
	}
}

func printProbes(port uint16, addr netip.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println("tcp", resultText(NewTCP(TCPConfig{Port: port}).Probe(ctx, addr)))
	h, err := NewHTTP(HTTPConfig{Port: port})
	if err != nil {
		panic(err)
	}
	fmt.Println("http", resultText(h.Probe(ctx, addr)))
}

// TestLocalPortsAreNotUsedUpByManyTargets probes many more targets than there
// are local ports. Each probe leaves one in TIME-WAIT, but towards its own
// target alone.
func TestLocalPortsAreNotUsedUpByManyTargets(t *testing.T) {
	if out, want := inNetworkNamespace(t, "few ports"), "640 passed\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func probeWithFewPorts() {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40063"), 0); err != nil {
		panic(err)
	}
	if err := loopbackUp(); err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp4", "0.0.0.0:9000")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	passed := 0
	for i := range 640 {
		r := NewTCP(TCPConfig{Port: 9000}).Probe(context.Background(), netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}))
		if r.Verdict != health.Pass {
			fmt.Println(resultText(r))
			return
		}
		passed++
	}
	fmt.Println(passed, "passed")
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
