package vrrpnet

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
	"golang.org/x/sys/unix"
)

func TestDrainTakesAllThatWaitsAndNeverBlocks(t *testing.T) {
	a, b := pair(t)
	from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a})
	to := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b})
	start := time.Now()
	if got := to.Drain(nil); len(got) != 0 || time.Since(start) > 100*time.Millisecond {
		t.Errorf("an empty queue: %d packets after %v", len(got), time.Since(start))
	}
	waitForStamps(t, from, to)
	for range 100 {
		check(t, from.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4))
	}
	check(t, to.Wait(context.Background())) // reads nothing
	time.Sleep(100 * time.Millisecond)
	got := to.Drain(make([]Packet, 1, 200))
	if len(got) != 101 {
		t.Fatalf("drained %d of 100", len(got)-1)
	}
	if age := got[1].Age(Now()); age < 100*time.Millisecond || age > 2*time.Second {
		t.Errorf("a packet that waited 100 ms says %v", age)
	}
}

// waitForStamps returns when the kernel stamps packets as they arrive. It begins
// to do so in the background when the first socket asks for it; a packet from
// before is stamped when it is read.
func waitForStamps(t *testing.T, from, to *Conn) {
	t.Helper()
	const lay = 5 * time.Millisecond
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		check(t, from.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4))
		time.Sleep(lay)
		if got := to.Drain(nil); len(got) == 1 && got[0].Age(Now()) >= lay {
			return
		}
	}
	t.Fatal("packets are never stamped as they arrive")
}

func TestWaitObeysContextAndClose(t *testing.T) {
	a, b := pair(t)
	c := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b})
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		cancel()
	}
	// The end of one Wait does not disturb the next.
	go func() {
		time.Sleep(20 * time.Millisecond)
		from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a})
		check(t, from.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4))
	}()
	if p, err := c.Read(context.Background()); err != nil || p.Src != v4a {
		t.Errorf("Read: %+v, %v", p, err)
	}
	done := make(chan error)
	go func() {
		_, err := c.Read(context.Background())
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	check(t, c.Close())
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if err := c.SendAdvert(nil, v4a); !errors.Is(err, ErrClosed) {
		t.Errorf("send after Close: %v", err)
	}
	if err := c.Reopen(); !errors.Is(err, ErrClosed) {
		t.Errorf("Reopen after Close: %v", err)
	}
}

func TestInterfaceGoesAndComesBack(t *testing.T) {
	a, b := pair(t)
	c := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b})
	got := make(chan Packet)
	go func() {
		for {
			p, err := c.Read(context.Background())
			if err != nil {
				close(got)
				return
			}
			got <- p
		}
	}()
	b.IP("link", "del", "eth0")
	if err := c.SendAdvert(advert(2, 51, v4b, vrrp.GroupV4), vrrp.GroupV4); !errors.Is(err, ErrNoInterface) {
		t.Errorf("send without interface: %v", err)
	}
	var err error
	b.Do(func() { err = c.Reopen() })
	if !errors.Is(err, ErrNoInterface) {
		t.Errorf("reopen without interface: %v", err)
	}
	netnstest.Join(t, a, b, "eth0")
	a.IP("address", "add", "10.98.0.1/24", "dev", "eth0")
	b.IP("address", "add", "10.98.0.2/24", "dev", "eth0")
	b.Do(func() { check(t, c.Reopen()) })
	from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a})
	check(t, from.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4))
	select {
	case p := <-got:
		if p.Src != v4a {
			t.Errorf("%+v", p)
		}
	case <-time.After(time.Second):
		t.Error("the reader never heard from the new socket")
	}
	check(t, c.SendAdvert(advert(2, 51, v4b, vrrp.GroupV4), vrrp.GroupV4))
	c.Close()
	for range got {
	}
}

func TestErrorsSayWhy(t *testing.T) {
	s, _ := pair(t)
	for _, tc := range []struct {
		cfg  Config
		want error
	}{
		{Config{Interface: "eth9", VRID: 1, Source: v4a}, ErrNoInterface},
		{Config{Interface: "eth0", VRID: 1, Source: netip.MustParseAddr("10.1.1.1"), Unicast: true}, ErrNoSource},
		{Config{VRID: 1, Unicast: true}, ErrNoSource},
	} {
		var err error
		s.Do(func() { _, err = Open(tc.cfg) })
		var e *Error
		if !errors.Is(err, tc.want) || !errors.As(err, &e) || e.Interface != tc.cfg.Interface {
			t.Errorf("%+v: %v, want %v", tc.cfg, err, tc.want)
		}
	}
	c := open(t, s, Config{Interface: "eth0", VRID: 1, Source: v4a})
	s.IP("link", "set", "eth0", "down")
	err := c.SendAdvert(advert(2, 1, v4a, vrrp.GroupV4), vrrp.GroupV4)
	if err == nil {
		t.Error("sent although the interface is down")
	}
	t.Log(err, errors.Is(err, unix.ENETUNREACH))
}

// A socket that its owner polls never blocks either, although it is one that
// would: sending, reading an empty queue, waiting.
func TestPolledSocketNeverBlocks(t *testing.T) {
	a, b := pair(t)
	from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a, Polled: true})
	to := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b, Polled: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if got := to.Drain(nil); len(got) != 0 {
			t.Errorf("an empty queue: %d packets", len(got))
		}
		if err := to.Wait(context.Background()); err == nil {
			t.Error("Wait on a socket that is polled by its owner")
		}
		for range 10 {
			if err := from.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4); err != nil {
				t.Error(err)
			}
		}
		fd, ok := to.Descriptor()
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 2000); !ok || n != 1 || err != nil {
			t.Errorf("nothing to read: %d %v", n, err)
		}
		if got := to.Drain(nil); len(got) == 0 {
			t.Error("nothing was read")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("blocks")
	}
}
