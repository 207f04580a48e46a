// Package netnstest gives tests network namespaces of their own, joined by
// veth pairs, and a look at the frames on a link. No packet of a test leaves
// them. It needs root; without it tests are skipped.
package netnstest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// Space is a network namespace that lives as long as its test.
type Space struct {
	t  testing.TB
	ns netns.NsHandle
}

// New returns a namespace with the loopback up and without IPv6's duplicate
// detection, or skips the test.
func New(t testing.TB) *Space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	was, err := netns.Get()
	if err != nil {
		t.Skip("no network namespaces: ", err)
	}
	defer was.Close()
	ns, err := netns.New()
	if err != nil {
		t.Skip("no network namespaces: ", err)
	}
	defer netns.Set(was)
	t.Cleanup(func() { ns.Close() })
	s := &Space{t, ns}
	for _, which := range []string{"all", "default"} {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/accept_dad", []byte("0"), 0)
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/router_solicitations", []byte("0"), 0)
	}
	lo, err := vnl.LinkByName("lo")
	if err == nil {
		err = vnl.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Do runs f in the namespace, on a thread of its own. Sockets that f opens stay
// in the namespace wherever they are used.
func (s *Space) Do(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	was, err := netns.Get()
	if err != nil {
		s.t.Fatal(err)
	}
	defer was.Close()
	if err := netns.Set(s.ns); err != nil {
		s.t.Fatal(err)
	}
	defer netns.Set(was)
	f()
}

// IP runs ip(8) in the namespace and returns what it printed. An IPv6 address
// that it adds without duplicate detection can be reached when it returns.
func (s *Space) IP(args ...string) string {
	s.t.Helper()
	var out []byte
	var err error
	s.Do(func() { out, err = exec.Command("ip", args...).CombinedOutput() })
	if err != nil {
		s.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if len(args) > 2 && args[1] == "add" && slices.Contains(args, "nodad") {
		s.awaitLocal(netip.MustParsePrefix(args[2]).Addr())
	}
	return string(out)
}

// awaitLocal waits until packets to an IPv6 address are taken in. The kernel
// says at once that it has the address, but enters its route in the background,
// and until then drops what comes.
func (s *Space) awaitLocal(addr netip.Addr) {
	s.t.Helper()
	const flags, local = 8, 1 << 31 // field of /proc/net/ipv6_route, RTF_LOCAL
	want := fmt.Sprintf("%x", addr.AsSlice())
	Eventually(s.t, 5*time.Second, addr.String()+" has a local route", func() bool {
		var table []byte
		s.Do(func() { table, _ = os.ReadFile("/proc/thread-self/net/ipv6_route") })
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) <= flags || f[0] != want {
				continue
			}
			if v, err := strconv.ParseUint(f[flags], 16, 64); err == nil && v&local != 0 {
				return true
			}
		}
		return false
	})
}

// Keepalived runs keepalived in the namespace on a configuration until the
// test ends, or skips the test.
func (s *Space) Keepalived(config string) {
	s.t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		s.t.Skip("keepalived is not installed")
	}
	dir := s.t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path, "--dont-fork", "--vrrp", "--use-file", file, "--log-console",
		"--pid", filepath.Join(dir, "pid"), "--vrrp_pid", filepath.Join(dir, "vrrp.pid"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.Do(func() { err = cmd.Start() })
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("keepalived said:\n%s", out.String())
		}
	})
}

// Sysctl reads a setting below /proc/sys/net.
func (s *Space) Sysctl(path string) string {
	s.t.Helper()
	var b []byte
	var err error
	s.Do(func() { b, err = os.ReadFile("/proc/sys/net/" + path) })
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Join lays a cable between two namespaces: an interface called name in each,
// both up.
func Join(t testing.TB, a, b *Space, name string) {
	t.Helper()
	a.Do(func() {
		attrs := vnl.NewLinkAttrs()
		attrs.Name = name
		veth := &vnl.Veth{LinkAttrs: attrs, PeerName: name, PeerNamespace: vnl.NsFd(b.ns)}
		if a == b {
			veth.PeerName, veth.PeerNamespace = name+"p", nil
		}
		if err := vnl.LinkAdd(veth); err != nil {
			t.Fatal(err)
		}
	})
	a.IP("link", "set", name, "up")
	if a != b {
		b.IP("link", "set", name, "up")
	} else {
		b.IP("link", "set", name+"p", "up")
	}
}

// Eventually waits for f to be true, and fails the test if it is not in time.
func Eventually(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Capture is a look at the frames that come in on an interface.
type Capture struct {
	t     testing.TB
	fd    int
	stall *stalltest.Watch
}

// Capture begins to keep the frames that come in on an interface.
func (s *Space) Capture(name string) *Capture {
	s.t.Helper()
	c := &Capture{t: s.t, stall: stalltest.Start(s.t)}
	s.Do(func() {
		all := int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		link, err := vnl.LinkByName(name)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: link.Attrs().Index})
		}
		if err != nil {
			s.t.Fatal(err)
		}
		c.fd = fd
	})
	s.t.Cleanup(func() { unix.Close(c.fd) })
	return c
}

// Frames returns the frames that came in and that want accepts: n of them, or
// fewer if they do not come within a second, stalls not counted.
func (c *Capture) Frames(n int, want func(frame []byte) bool) [][]byte {
	c.t.Helper()
	var out [][]byte
	buf := make([]byte, 1<<16)
	for before, begin := c.stall.Lost(), time.Now(); len(out) < n; {
		size, from, err := unix.Recvfrom(c.fd, buf, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			if time.Since(begin) > time.Second+c.stall.Lost()-before {
				break
			}
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if frame := buf[:size]; want(frame) {
			out = append(out, append([]byte(nil), frame...))
		}
	}
	return out
}
