package neigh

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/internal/stalltest"
	vnl "github.com/vishvananda/netlink"
)

var mac = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0a}

// link returns one end of a cable with the MAC above, an Announcer there, and
// what arrives at the other end.
func link(t *testing.T) (*netnstest.Space, Interface, *Announcer, *netnstest.Capture) {
	t.Helper()
	a, b := netnstest.New(t), netnstest.New(t)
	netnstest.Join(t, a, b, "eth0")
	a.IP("link", "set", "eth0", "address", mac.String())
	ifc := Interface{Name: "eth0", MAC: mac}
	var ann *Announcer
	var err error
	a.Do(func() {
		var l vnl.Link
		if l, err = vnl.LinkByName("eth0"); err == nil {
			ifc.Index = l.Attrs().Index
			ann, err = Open()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ann.Close() })
	return a, ifc, ann, b.Capture("eth0")
}

// ours tells announcements from what the kernels say by themselves.
func ours(frame []byte) bool {
	return bytes.HasPrefix(frame[12:], []byte{0x08, 0x06}) ||
		bytes.HasPrefix(frame[12:], []byte{0x86, 0xdd}) && frame[54] == 136
}

func hexes(frames [][]byte) string {
	var out []string
	for _, f := range frames {
		out = append(out, hex.EncodeToString(f))
	}
	return strings.Join(out, "\n")
}

func addrs(texts ...string) (out []netip.Addr) {
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

// Written down by hand from RFC 826 and RFC 4861; keepalived's look the same.
const (
	arpFrame = "ffffffffffff" + "02000000000a" + "0806" + "0001080006040001" +
		"02000000000a" + "0a630064" + "ffffffffffff" + "0a630064"
	naFrame = "333300000001" + "02000000000a" + "86dd" + "60000000" + "0020" + "3a" + "ff" +
		"20010db8000000000000000000000064" + "ff020000000000000000000000000001" +
		"8800" + "f85b" + "20000000" + "20010db8000000000000000000000064" + "0201" + "02000000000a"
)

func TestFramesAreThoseOfTheStandards(t *testing.T) {
	_, ifc, ann, seen := link(t)
	if err := ann.Announce(context.Background(), ifc, addrs("10.99.0.100", "2001:db8::64"), Options{}); err != nil {
		t.Fatal(err)
	}
	got := hexes(seen.Frames(2, ours))
	want := arpFrame + "\n" + naFrame
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(arpFrame) != 2*42 {
		t.Errorf("the ARP frame has %d bytes, want 42", len(arpFrame)/2)
	}
}

func TestRouterSaysThatItIsOne(t *testing.T) {
	_, ifc, ann, seen := link(t)
	ifc.Router = true
	if err := ann.Announce(context.Background(), ifc, addrs("fe80::1"), Options{}); err != nil {
		t.Fatal(err)
	}
	frames := seen.Frames(1, ours)
	if len(frames) != 1 || frames[0][58] != 0xa0 {
		t.Errorf("%s: want the flags router and override (a0)", hexes(frames))
	}
}

// A kernel is the judge of checksums and fields: a neighbour that has an old
// entry must have the new one afterwards.
func TestNeighboursBelieveIt(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	netnstest.Join(t, a, b, "eth0")
	b.IP("address", "add", "10.99.0.2/24", "dev", "eth0")
	b.IP("address", "add", "2001:db8::2/64", "dev", "eth0", "nodad")
	for _, ip := range []string{"10.99.0.100", "2001:db8::64"} {
		b.IP("neigh", "replace", ip, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "reachable")
	}
	var ann *Announcer
	var l vnl.Link
	var err error
	a.Do(func() {
		if l, err = vnl.LinkByName("eth0"); err == nil {
			ann, err = Open()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ann.Close()
	ifc := Interface{"eth0", l.Attrs().Index, l.Attrs().HardwareAddr, false}
	time.Sleep(1100 * time.Millisecond) // arp_accept's locktime: an entry younger than 1 s is not replaced
	if err := ann.Announce(context.Background(), ifc, addrs("10.99.0.100", "2001:db8::64"), Options{Count: 2}); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"10.99.0.100", "2001:db8::64"} {
		netnstest.Eventually(t, 10*time.Second, ip+" at "+ifc.MAC.String(), func() bool {
			return strings.Contains(b.IP("neigh", "show", ip, "dev", "eth0"), ifc.MAC.String())
		})
	}
}

func TestManyAddressesGoOutInRounds(t *testing.T) {
	_, ifc, ann, seen := link(t)
	var many []netip.Addr
	for a := netip.MustParseAddr("10.0.0.1"); len(many) < 200; a = a.Next() {
		many = append(many, a)
	}
	start := time.Now()
	if err := ann.Announce(context.Background(), ifc, many, Options{Count: 5}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	frames := seen.Frames(5*len(many), ours)
	if len(frames) != 5*len(many) {
		t.Fatalf("%d of %d frames arrived", len(frames), 5*len(many))
	}
	for i, f := range frames {
		if got := netip.AddrFrom4([4]byte(f[38:])); got != many[i%len(many)] {
			t.Fatalf("frame %d announces %v, want %v: one round after another", i, got, many[i%len(many)])
		}
	}
	t.Logf("1000 frames handed over in %v", took)
}

func TestPausesAreKept(t *testing.T) {
	_, ifc, ann, seen := link(t)
	stall, start := stalltest.Start(t), time.Now()
	opt := Options{Count: 2, ARPInterval: 20 * time.Millisecond}
	if err := ann.Announce(context.Background(), ifc, addrs("10.0.0.1", "2001:db8::1", "10.0.0.2"), opt); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 80*time.Millisecond || took > 400*time.Millisecond+stall.Lost() {
		t.Errorf("took %v; four ARPs with 20 ms behind each take 80 ms", took)
	}
	seen.Frames(6, ours)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // when the first is on its way, so that it waits
		seen.Frames(1, ours)
		cancel()
	}()
	opt.ARPInterval = time.Hour
	err := ann.Announce(ctx, ifc, addrs("10.0.0.1", "10.0.0.2"), opt)
	var e *Error
	if !errors.As(err, &e) || e.Sent != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in a pause: %v, want one frame sent", err)
	}
}

func TestErrorsSayWhy(t *testing.T) {
	a, ifc, ann, _ := link(t)
	ctx := context.Background()
	if err := ann.Announce(ctx, Interface{Name: "tun0", Index: 1}, addrs("10.0.0.1"), Options{}); !errors.Is(err, ErrNotEthernet) {
		t.Errorf("no MAC: %v", err)
	}
	a.IP("link", "set", "eth0", "down")
	if err := ann.Announce(ctx, ifc, addrs("10.0.0.1"), Options{}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("down: %v", err)
	}
	a.IP("link", "del", "eth0")
	if err := ann.Announce(ctx, ifc, addrs("10.0.0.1"), Options{}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("gone: %v", err)
	}
	if err := ann.Announce(ctx, ifc, nil, Options{}); err != nil {
		t.Errorf("nothing to announce: %v", err)
	}
}

func BenchmarkAnnounce200(b *testing.B) {
	var many []netip.Addr
	for a := netip.MustParseAddr("10.0.0.1"); len(many) < 200; a = a.Next() {
		many = append(many, a)
	}
	b.ReportAllocs()
	for b.Loop() {
		frames(Interface{MAC: mac}, many)
	}
}

// The frames of real keepalived, byte for byte.
func TestFramesAreThoseOfKeepalived(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	netnstest.Join(t, a, b, "eth0")
	a.IP("link", "set", "eth0", "address", mac.String())
	a.IP("address", "add", "10.99.0.1/24", "dev", "eth0")
	seen := b.Capture("eth0")
	a.Keepalived(`
global_defs { 
    router_id test
}
vrrp_instance four {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 255
    virtual_ipaddress { 
        10.99.0.100/24
    }
}
vrrp_instance six {
    state MASTER
    interface eth0
    virtual_router_id 52
    version 3
    priority 255
    virtual_ipaddress {
        2001:db8::64/64
    }
}
`)
	theirs := map[string]bool{}
	for range 5 { // it takes a while to start
		for _, f := range seen.Frames(20, func(f []byte) bool {
			return ours(f) && (f[13] == 0x06 && bytes.Equal(f[28:32], []byte{10, 99, 0, 100}) || f[13] == 0xdd && bytes.HasPrefix(f[62:], []byte{0x20, 0x01}))
		}) {
			theirs[hex.EncodeToString(f)] = true
		}
		if len(theirs) >= 2 {
			break
		}
	}
	for _, want := range []string{arpFrame, naFrame} {
		if !theirs[want] {
			t.Errorf("keepalived sends no\n%s, but %v", want, theirs)
		}
	}
}
