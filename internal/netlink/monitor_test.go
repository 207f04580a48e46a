package netlink

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"golang.org/x/sys/unix"
)

// watch runs a Monitor and returns its events. tune may change its socket first.
func watch(t *testing.T, s *netnstest.Space, tune func(*Monitor)) <-chan Event {
	t.Helper()
	var m *Monitor
	var err error
	s.Do(func() { m, err = OpenMonitor() })
	if err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(m)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for range m.Events() { // until it is closed
		}
	})
	return m.Events()
}

// next returns the next event that want accepts.
func next(t *testing.T, events <-chan Event, what string, want func(Event) bool) Event {
	t.Helper()
	timeout := time.After(3 * time.Second)
	for {
		select {
		case ev, ok := <-events:
			if !ok {
				t.Fatalf("closed before: %s", what)
			}
			if want(ev) {
				return ev
			}
		case <-timeout:
			t.Fatalf("never told: %s", what)
		}
	}
}

func TestMonitorBeginsWithAllThatThereIs(t *testing.T) {
	s, _ := node(t)
	s.IP("address", "add", "192.0.2.1/24", "dev", "eth0")
	ev := <-watch(t, s, nil)
	names, addrs := fmt.Sprint(linkNames(ev.Links)), fmt.Sprint(prefixes(ev.Addrs))
	if ev.Kind != Synced || names != "[lo eth0p eth0]" {
		t.Errorf("first event %v with links %s", ev.Kind, names)
	}
	if ev.Kind != Synced || ev.At == 0 || len(ev.Addrs) < 3 {
		t.Errorf("first event %v with addresses %s", ev.Kind, addrs)
	}
}

func linkNames(links []Link) (out []string) {
	for _, l := range links {
		out = append(out, l.Name)
	}
	return out
}

func prefixes(addrs []Address) (out []string) {
	for _, a := range addrs {
		out = append(out, a.Prefix.String())
	}
	return out
}

func TestMonitorTellsOfLinks(t *testing.T) {
	s, _ := node(t)
	events := watch(t, s, nil)
	next(t, events, "sync", func(ev Event) bool { return ev.Kind == Synced })
	link := func(up, running bool) func(Event) bool {
		return func(ev Event) bool {
			return ev.Kind == LinkChanged && ev.Link.Name == "eth0" && ev.Link.Up() == up && ev.Link.Running() == running
		}
	}
	s.IP("link", "set", "eth0p", "down") // the cable is pulled at the other end
	next(t, events, "no carrier", link(true, false))
	s.IP("link", "set", "eth0p", "up")
	next(t, events, "carrier", link(true, true))
	s.IP("link", "set", "eth0", "down")
	next(t, events, "down", link(false, false))
	s.IP("link", "del", "eth0")
	next(t, events, "gone", func(ev Event) bool { return ev.Kind == LinkGone && ev.Link.Name == "eth0" })
}

func TestMonitorTellsOfAddressesButNotOfOurOwnRenewals(t *testing.T) {
	s, c := node(t)
	events := watch(t, s, nil)
	next(t, events, "sync", func(ev Event) bool { return ev.Kind == Synced })
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "2001:db8::1/64"))
	for range 5 {
		if err := h.Refresh(Now() + time.Second); err != nil {
			t.Fatal(err)
		}
	}
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0")
	own := 0
	next(t, events, "an address of the administrator", func(ev Event) bool {
		if ev.Kind == AddressChanged && ev.Address.Tagged() {
			own++
		}
		return ev.Kind == AddressChanged && ev.Address.Prefix.String() == "192.0.2.2/24"
	})
	if own != 0 {
		t.Errorf("told of our own additions or renewals %d times", own)
	}
	for _, p := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
		s.IP("address", "del", p, "dev", "eth0")
		ev := next(t, events, p+" taken away", func(ev Event) bool { return ev.Kind == AddressGone && ev.Address.Prefix.String() == p })
		if !ev.Address.Tagged() {
			t.Errorf("%s: gone, and not known to be ours: %+v", p, ev.Address)
		}
	}
}

func TestMonitorCatchesUpAfterALoss(t *testing.T) {
	s, _ := node(t)
	events := watch(t, s, func(m *Monitor) {
		rc, err := m.file.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4096) })
		if err != nil {
			t.Fatal(err)
		}
	})
	next(t, events, "sync", func(ev Event) bool { return ev.Kind == Synced })
	other := open(t, s).Hold(0)
	want := many(250)
	for i := range want {
		want[i].Dev = "lo" // nobody reads events meanwhile
	}
	apply(t, other, want)
	for i := range 200 { // each is an event that is not filtered
		s.IP("address", "add", fmt.Sprintf("198.19.0.%d/32", i), "dev", "lo")
		if i > 80 && i%40 == 0 {
			break
		}
	}
	ev := next(t, events, "a second sync", func(ev Event) bool { return ev.Kind == Synced })
	if len(ev.Addrs) < len(want) {
		t.Errorf("the second sync has %d addresses, want at least %d", len(ev.Addrs), len(want))
	}
}

func TestFactsForTheCheck(t *testing.T) {
	s, c := node(t)
	s.IP("address", "add", "192.0.2.1/24", "dev", "eth0")
	s.IP("link", "set", "eth0p", "down")
	apply(t, c.Hold(2*time.Second), vips("192.0.2.9/24"))
	list, err := c.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, i := range list {
		got += fmt.Sprintf("%s up=%v loopback=%v", i.Name, i.Up, i.Loopback)
		for _, a := range i.Addrs {
			if a.Prefix.Addr().Is4() {
				got += fmt.Sprintf(" %v ours=%v", a.Prefix, a.Ours)
			}
		}
		got += "\n"
	}
	want := `lo up=true loopback=true 127.0.0.1/8 ours=false
eth0p up=false loopback=false
eth0 up=true loopback=false 192.0.2.1/24 ours=false 192.0.2.9/24 ours=true
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLinkSaysWhatAnnouncementsNeed(t *testing.T) {
	s, c := node(t)
	s.Do(func() { writeSysctl(t, "ipv6/conf/eth0/forwarding", "1") })
	l, err := c.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if l.Type != unix.ARPHRD_ETHER || len(l.MAC) != 6 || l.MTU != 1500 || l.Kind != "veth" || !l.Forwarding6 {
		t.Errorf("%+v", l)
	}
	if p, err := c.Link("eth0p"); err != nil || p.Forwarding6 {
		t.Errorf("%+v, %v: not a router there", p, err)
	}
}
