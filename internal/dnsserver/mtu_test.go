package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// TestNoFragmentIsSent: a reply longer than the interface carries is not split
// but sent shortened. It needs a network namespace of its own.
func TestNoFragmentIsSent(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test, and its namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("no namespace: ", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "mtu", "1280", "up").CombinedOutput(); err != nil {
		t.Skipf("ip: %v %s", err, out)
	}
	shorten := func(reply []byte) []byte { return reply[:5] }
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{loopback4, loopback6}, Workers: 1, Shorten: shorten})
	for _, a := range s.Addrs() {
		if got := ask(t, dialUDP(t, a), "large", patience); got != "xxxxx" {
			t.Errorf("%v: %d octets", a, len(got))
		}
	}
	eventually(t, "both are counted as sent", func() bool { return s.Stats().UDP.Sent == 2 })
	if n := s.Stats().UDP.SendErrors; n != 0 {
		t.Errorf("%d send errors", n)
	}
}

// TestNoRouterMaySplitAReply: replies over IPv4 have the DF bit, and a forged
// message of a router that one was too long does not make them shorter.
func TestNoRouterMaySplitAReply(t *testing.T) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("no namespace: ", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("ip: %v %s", err, out)
	}
	raw := func(protocol int) int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			t.Skip("no raw sockets: ", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
		return fd
	}
	seen, router := raw(unix.IPPROTO_UDP), raw(unix.IPPROTO_ICMP)
	shorten := func(reply []byte) []byte { return reply[:5] }
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1, Shorten: shorten})
	server, client := s.Addrs()[0], dialUDP(t, s.Addrs()[0])
	long := strings.Repeat("q", 1200)
	if got := ask(t, client, long, patience); got != long {
		t.Fatalf("got %d octets", len(got))
	}
	reply := make([]byte, 2048)
	look := func() {
		t.Helper()
		for from := uint16(0); from != server.Port(); from = binary.BigEndian.Uint16(reply[20:]) {
			if _, err := unix.Read(seen, reply); err != nil {
				t.Fatal("no reply was seen: ", err)
			}
		}
		if flags := reply[6] >> 5; flags != 2 {
			t.Errorf("flags %03b in the header of IP, want DF alone", flags)
		}
	}
	look()
	// Destination unreachable, fragmentation needed, to an MTU of 600 (RFC 1191).
	forged, err := (&icmp.Message{
		Type: ipv4.ICMPTypeDestinationUnreachable, Code: 4,
		Body: &icmp.RawBody{Data: append(binary.BigEndian.AppendUint32(nil, 600), reply[:28]...)},
	}).Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(router, forged, 0, &unix.SockaddrInet4{Addr: server.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := ask(t, client, long, patience); got != long {
			t.Errorf("after a forged message of a router: %d octets", len(got))
		}
		look()
	}
}

// TestListensOnAddressesThatComeLater: the address of a VIP.
func TestListensOnAddressesThatComeLater(t *testing.T) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("no namespace: ", err)
	}
	exec.Command("ip", "link", "set", "lo", "up").Run()
	later := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53")}
	s, _, _ := start(t, Config{Addrs: later, Workers: 1})
	for _, a := range s.Addrs() {
		if exec.Command("ip", "address", "add", a.Addr().String(), "dev", "lo", "nodad").Run() != nil {
			if out, err := exec.Command("ip", "address", "add", a.Addr().String(), "dev", "lo").CombinedOutput(); err != nil {
				t.Skipf("ip: %v %s", err, out)
			}
		}
		// The kernel takes a moment until it knows its way to the address.
		eventually(t, a.String()+" is answered", func() bool { return ask(t, dialUDP(t, a), "hello", 200*time.Millisecond) == "hello" })
	}
}
