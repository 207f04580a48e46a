package dnsserver

import (
	"net/netip"
	"os/exec"
	"runtime"
	"testing"
	"time"

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
