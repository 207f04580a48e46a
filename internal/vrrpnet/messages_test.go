package vrrpnet

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

func openMessages(t testing.TB, s *netnstest.Space, cfg MessageConfig) *Messages {
	t.Helper()
	var m *Messages
	var err error
	s.Do(func() { m, err = OpenMessages(cfg) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func hello(vrid uint8, sender netip.Addr) []byte {
	return vrrp.AppendMessage(nil, vrrp.Message{Kind: vrrp.KindHello, VRID: vrid, Version: 3, Sender: sender, LeftMaster: vrrp.NeverMaster}, nil)
}

func hear(t testing.TB, m *Messages) (Packet, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) // neighbours are asked for again after 1 s
	defer cancel()
	return m.Read(ctx)
}

func TestMessagesReachGroupAndPeer(t *testing.T) {
	a, b := pair(t)
	for _, tc := range []struct {
		name       string
		src, local netip.Addr
		unicast    bool
		to         netip.Addr // not valid: the group
		seen       netip.Addr
	}{
		{"group", v4a, v4b, false, netip.Addr{}, vrrp.GroupV4},
		{"one node of a group", v4a, v4b, false, v4b, v4b},
		{"peer", v4a, v4b, true, v4b, v4b},
		{"IPv6 group", lla, llb, false, netip.Addr{}, vrrp.GroupV6},
		{"IPv6 one node of a group", lla, llb, false, llb, llb},
		{"IPv6 peer", v6a, v6b, true, v6b, v6b},
	} {
		from := openMessages(t, a, MessageConfig{Interface: "eth0", Source: tc.src, Unicast: tc.unicast, MinTTL: 255})
		to := openMessages(t, b, MessageConfig{Interface: "eth0", Source: tc.local, Unicast: tc.unicast, MinTTL: 255})
		want := hello(51, tc.src)
		check(t, from.Send(want, tc.to))
		p, err := hear(t, to)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if vrid, ok := MessageVRID(p.Data); !ok || vrid != 51 || !bytes.Equal(p.Data, want) || p.Src != tc.src || p.Dst != tc.seen || p.TTL != 255 {
			t.Errorf("%s: got %+v", tc.name, p)
		}
		from.Close()
		to.Close()
	}
}

func TestInstancesWithDifferentSourcesEachHaveTheirMessages(t *testing.T) {
	a, b := pair(t)
	second := netip.MustParseAddr("10.98.0.22")
	b.IP("address", "add", second.String()+"/24", "dev", "eth0")
	from := openMessages(t, a, MessageConfig{Interface: "eth0", Source: v4a, Unicast: true})
	one := openMessages(t, b, MessageConfig{Interface: "eth0", Source: v4b, Unicast: true})
	two := openMessages(t, b, MessageConfig{Interface: "eth0", Source: second, Unicast: true})
	all := openMessages(t, b, MessageConfig{Interface: "eth0", Source: v4b})
	check(t, from.Send(hello(1, v4a), v4b))
	check(t, from.Send(hello(2, v4a), second))
	check(t, from.Send(hello(3, v4a), vrrp.GroupV4))
	for i, m := range []*Messages{one, two, all} {
		p, err := hear(t, m)
		if err != nil {
			t.Errorf("socket %d: %v", i, err)
			continue
		}
		if vrid, _ := MessageVRID(p.Data); int(vrid) != i+1 {
			t.Errorf("socket %d: got the message of %d", i, vrid)
		}
		if more := m.Drain(nil); len(more) > 0 {
			t.Errorf("socket %d: and %+v", i, more)
		}
	}
}

func TestMessagesFromAfarAndRubbishAreFiltered(t *testing.T) {
	a, b := pair(t)
	from := openMessages(t, a, MessageConfig{Interface: "eth0", Source: v4a, Unicast: true})
	near := openMessages(t, b, MessageConfig{Interface: "eth0", Source: v4b, Unicast: true, MinTTL: 255})
	rc, err := from.now.file.SyscallConn()
	check(t, err)
	check(t, from.Send([]byte("no message of vipd"), v4b))
	check(t, from.Send(nil, v4b))
	check(t, rc.Control(func(fd uintptr) { o := options{fd: int(fd)}; o.family(false, 254, 0); check(t, o.err) }))
	check(t, from.Send(hello(1, v4a), v4b))
	check(t, rc.Control(func(fd uintptr) { o := options{fd: int(fd)}; o.family(false, 255, 0); check(t, o.err) }))
	check(t, from.Send(hello(2, v4a), v4b))
	p, err := hear(t, near)
	if vrid, _ := MessageVRID(p.Data); err != nil || vrid != 2 {
		t.Errorf("got %+v, %v; want only the message with TTL 255", p, err)
	}
	if more := near.Drain(nil); len(more) > 0 {
		t.Errorf("and %+v", more)
	}
}

func TestMessageVRIDOfShortData(t *testing.T) {
	for n := range 7 {
		if _, ok := MessageVRID(make([]byte, n)); ok {
			t.Errorf("%d bytes have a VRID", n)
		}
	}
}

func TestMessagesErrors(t *testing.T) {
	a, _ := pair(t)
	var err error
	a.Do(func() { _, err = OpenMessages(MessageConfig{Interface: "eth9", Source: v4a}) })
	if !errors.Is(err, ErrNoInterface) {
		t.Errorf("eth9: %v", err)
	}
	m := openMessages(t, a, MessageConfig{Interface: "eth0", Source: v4a})
	a.IP("link", "del", "eth0")
	var e *Error
	if err := m.Send(hello(1, v4a), netip.Addr{}); !errors.As(err, &e) || e.Interface != "eth0" {
		t.Errorf("gone: %v, want an Error of eth0", err)
	}
	a.Do(func() { err = m.Reopen() })
	if !errors.Is(err, ErrNoInterface) {
		t.Errorf("reopen: %v", err)
	}
	if err := m.Send(hello(1, v4a), netip.Addr{}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("send after that: %v", err)
	}
	check(t, m.Close())
	if _, err := m.Read(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
