package vrrpnet

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// pair returns two nodes on one cable: 10.98.0.1 and .2, 2001:db8::1 and ::2.
func pair(t testing.TB) (a, b *netnstest.Space) {
	t.Helper()
	a, b = netnstest.New(t), netnstest.New(t)
	netnstest.Join(t, a, b, "eth0")
	for i, s := range []*netnstest.Space{a, b} {
		s.IP("address", "add", fmt.Sprintf("10.98.0.%d/24", i+1), "dev", "eth0")
		s.IP("address", "add", fmt.Sprintf("2001:db8::%d/64", i+1), "dev", "eth0", "nodad")
		s.IP("address", "add", fmt.Sprintf("fe80::%d/64", i+1), "dev", "eth0", "nodad")
	}
	return a, b
}

var (
	v4a, v4b = netip.MustParseAddr("10.98.0.1"), netip.MustParseAddr("10.98.0.2")
	v6a, v6b = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	lla, llb = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
)

func open(t testing.TB, s *netnstest.Space, cfg Config) *Conn {
	t.Helper()
	var c *Conn
	var err error
	s.Do(func() { c, err = Open(cfg) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// advert returns an advert's bytes as an instance sends it.
func advert(version, vrid uint8, src, dst netip.Addr) []byte {
	vip := netip.MustParseAddr("10.98.0.100")
	if src.Is6() {
		vip = netip.MustParseAddr("2001:db8::100")
	}
	return vrrp.AppendAdvert(nil, vrrp.Advert{Version: version, VRID: vrid, Priority: 150, Interval: time.Second, VIPs: []netip.Addr{vip}}, src, dst)
}

func isVRRP(f []byte) bool {
	return bytes.Equal(f[12:14], []byte{0x08, 0x00}) && f[23] == vrrp.Protocol ||
		bytes.Equal(f[12:14], []byte{0x86, 0xdd}) && f[20] == vrrp.Protocol
}

func TestAdvertsReachThePeerAsTheyAreSent(t *testing.T) {
	a, b := pair(t)
	for _, tc := range []struct {
		name     string
		version  uint8
		src, dst netip.Addr
		unicast  bool
	}{
		{"v2 group", 2, v4a, vrrp.GroupV4, false},
		{"v3 group", 3, v4a, vrrp.GroupV4, false},
		{"v2 unicast", 2, v4a, v4b, true},
		{"v3 unicast", 3, v4a, v4b, true},
		{"IPv6 group", 3, lla, vrrp.GroupV6, false},
		{"IPv6 unicast", 3, v6a, v6b, true},
		{"IPv6 unicast, link-local", 3, lla, llb, true},
	} {
		from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: tc.src, Unicast: tc.unicast})
		local := v4b
		switch {
		case tc.dst == v6b:
			local = v6b
		case tc.src.Is6():
			local = llb
		}
		to := open(t, b, Config{Interface: "eth0", VRID: 51, Source: local, Unicast: tc.unicast, Peers: []netip.Addr{tc.src}})
		want := advert(tc.version, 51, tc.src, tc.dst)
		before := Now()
		if err := from.SendAdvert(want, tc.dst); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		p, err := to.Read(ctx)
		cancel()
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if !bytes.Equal(p.Data, want) || p.Src != tc.src || p.Dst != tc.dst || p.TTL != 255 || p.Interface == 0 {
			t.Errorf("%s: got %+v, want %x from %v to %v, TTL 255", tc.name, p, want, tc.src, tc.dst)
		}
		if p.At < before || p.At > Now() || p.Age(Now()) > 3*time.Second {
			t.Errorf("%s: received at %v, sent at %v, now %v", tc.name, p.At, before, Now())
		}
		rules := &vrrp.Rules{Version: tc.version, VRID: 51, Local: local, Unicast: tc.unicast, Peers: []vrrp.Peer{{Addr: tc.src, MinTTL: 255}}}
		if _, reason := vrrp.ParseAdvert(p.Packet, rules); reason != vrrp.Accepted {
			t.Errorf("%s: not believed: %v", tc.name, reason)
		}
		if extra := from.Drain(nil); len(extra) != 0 {
			t.Errorf("%s: our own packet came back: %+v", tc.name, extra)
		}
		from.Close()
		to.Close()
	}
}

func TestHeadersOnTheWire(t *testing.T) {
	a, b := pair(t)
	seen := b.Capture("eth0")
	group := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a})
	uni := open(t, a, Config{Interface: "eth0", VRID: 52, Source: v4a, Unicast: true})
	// One instance sends two adverts to the group, another twice one to each of
	// two peers: such copies have the same identification.
	v4b, v4c := netip.MustParseAddr("10.98.0.2"), netip.MustParseAddr("10.98.0.3")
	b.IP("address", "add", "10.98.0.3/24", "dev", "eth0")
	for range 2 {
		check(t, group.SendAdvert(advert(2, 51, v4a, vrrp.GroupV4), vrrp.GroupV4))
	}
	for range 2 {
		check(t, uni.SendAdvert(advert(2, 52, v4a, v4b), v4b))
		check(t, uni.SendAdvert(advert(2, 52, v4a, v4c), v4c))
	}
	var got []string
	for _, f := range seen.Frames(6, isVRRP) {
		h := slices.Clone(f[14:34])
		h[10], h[11] = 0, 0 // the kernel's checksum
		got = append(got, hex.EncodeToString(h))
	}
	want := []string{
		"45c00028" + "00010000" + "ff700000" + "0a620001" + "e0000012",
		"45c00028" + "00020000" + "ff700000" + "0a620001" + "e0000012",
		"45c00028" + "00010000" + "ff700000" + "0a620001" + "0a620002",
		"45c00028" + "00010000" + "ff700000" + "0a620001" + "0a620003",
		"45c00028" + "00020000" + "ff700000" + "0a620001" + "0a620002",
		"45c00028" + "00020000" + "ff700000" + "0a620001" + "0a620003",
	}
	if !slices.Equal(got, want) {
		t.Errorf("IPv4 headers\n%q, want\n%q", got, want)
	}

	g6 := open(t, a, Config{Interface: "eth0", VRID: 51, IPv6: true})
	u6 := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v6a, Unicast: true})
	check(t, g6.SendAdvert(advert(3, 51, g6.Source(), vrrp.GroupV6), vrrp.GroupV6))
	check(t, u6.SendAdvert(advert(3, 51, v6a, v6b), v6b))
	got = nil
	frames := seen.Frames(2, isVRRP)
	if len(frames) < 2 { // the neighbour had to be asked for twice
		frames = append(frames, seen.Frames(2-len(frames), isVRRP)...)
	}
	for _, f := range frames {
		f[15], f[16], f[17] = f[15]&0xf0, 0, 0 // a flow label, if the kernel gives one
		got = append(got, hex.EncodeToString(f[14:22])+" "+netip.AddrFrom16([16]byte(f[38:54])).String())
	}
	want = []string{"6c000000001870ff ff02::12", "6c000000001870ff 2001:db8::2"}
	if !slices.Equal(got, want) {
		t.Errorf("IPv6 headers %q, want %q", got, want)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// Real keepalived sends the same header and the same body.
func TestAdvertIsThatOfKeepalived(t *testing.T) {
	for _, tc := range []struct {
		name, conf string
		version    uint8
		src, dst   netip.Addr
		vip        string
	}{
		{"v2 group", "", 2, v4a, vrrp.GroupV4, "10.98.0.100"},
		{"v3 unicast", "version 3\nunicast_src_ip 10.98.0.1\nunicast_peer { 10.98.0.2\n}\n", 3, v4a, v4b, "10.98.0.100"},
		{"v3 group, IPv6", "version 3\n", 3, lla, vrrp.GroupV6, "2001:db8::100"},
	} {
		a, b := pair(t)
		seen := b.Capture("eth0")
		if tc.src.Is6() { // so that keepalived finds ours as the only one
			a.IP("-6", "address", "flush", "dev", "eth0")
			a.IP("address", "add", "fe80::1/64", "dev", "eth0", "nodad")
		}
		a.Keepalived("vrrp_instance x {\nstate MASTER\ninterface eth0\nvirtual_router_id 51\npriority 255\n" + tc.conf +
			"virtual_ipaddress {\n" + tc.vip + "\n}\n}\n")
		var theirs []byte
		for range 5 {
			if f := seen.Frames(1, isVRRP); len(f) > 0 {
				theirs = f[0][14:]
				break
			}
		}
		a, b = pair(t) // where keepalived does not go on sending
		seen = b.Capture("eth0")
		cfg := Config{Interface: "eth0", VRID: 51, Source: tc.src, Unicast: tc.dst.IsPrivate()}
		body := vrrp.AppendAdvert(nil, vrrp.Advert{Version: tc.version, VRID: 51, Priority: 255, Interval: time.Second,
			VIPs: []netip.Addr{netip.MustParseAddr(tc.vip)}}, tc.src, tc.dst)
		c := open(t, a, cfg)
		check(t, c.SendAdvert(body, tc.dst))
		var ours []byte
		if f := seen.Frames(1, isVRRP); len(f) > 0 {
			ours = f[0][14:]
		}
		if len(theirs) == 0 {
			t.Errorf("%s: keepalived sends nothing", tc.name)
		}
		if !bytes.Equal(masked(ours), masked(theirs)) {
			t.Errorf("%s: keepalived sends\n%x, we send\n%x", tc.name, theirs, ours)
		}
	}
}

// masked returns a packet without what the kernel or a counter fills in:
// identification and header checksum of IPv4, flow label of IPv6.
func masked(p []byte) []byte {
	p = slices.Clone(p)
	switch {
	case len(p) < 20:
	case p[0]>>4 == 4:
		p[4], p[5], p[10], p[11] = 0, 0, 0, 0
	default:
		p[1], p[2], p[3] = p[1]&0xf0, 0, 0
	}
	return p
}

func TestFilterLetsOnlyOurAdvertsThrough(t *testing.T) {
	a, b := pair(t)
	to := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b})
	to6 := open(t, b, Config{Interface: "eth0", VRID: 51, IPv6: true})
	from := open(t, a, Config{Interface: "eth0", VRID: 51, Source: v4a})
	from6 := open(t, a, Config{Interface: "eth0", VRID: 51, Source: lla})
	for vrid := range 256 {
		check(t, from.SendAdvert(advert(2, uint8(vrid), v4a, vrrp.GroupV4), vrrp.GroupV4))
		check(t, from6.SendAdvert(advert(3, uint8(vrid), lla, vrrp.GroupV6), vrrp.GroupV6))
	}
	for _, short := range [][]byte{{}, {0x21}, {0x21, 51}} { // shorter than a header is not for the filter to judge
		check(t, from.SendAdvert(short, vrrp.GroupV4))
	}
	time.Sleep(20 * time.Millisecond)
	var got []string
	for _, c := range []*Conn{to, to6} {
		for _, p := range c.Drain(nil) {
			got = append(got, fmt.Sprintf("%v %d bytes, VRID %d", p.Src, len(p.Data), p.Data[1]))
		}
	}
	want := []string{"10.98.0.1 20 bytes, VRID 51", "10.98.0.1 2 bytes, VRID 51", "fe80::1 24 bytes, VRID 51"}
	if !slices.Equal(got, want) {
		t.Errorf("got through: %q, want %q", got, want)
	}
}

func TestStrangersAreHeardNowAndThen(t *testing.T) {
	for _, tc := range []struct {
		version              uint8
		peer, stranger, here string
	}{
		{2, "10.98.0.3", "10.98.0.1", "10.98.0.2"},
		{3, "2001:db8::3", "2001:db8::1", "2001:db8::2"},
	} {
		a, b := pair(t)
		a.IP("address", "add", "10.98.0.3/24", "dev", "eth0")
		a.IP("address", "add", "2001:db8::3/64", "dev", "eth0", "nodad")
		peer, stranger, here := netip.MustParseAddr(tc.peer), netip.MustParseAddr(tc.stranger), netip.MustParseAddr(tc.here)
		to := open(t, b, Config{Interface: "eth0", VRID: 51, Source: here, Unicast: true, Peers: []netip.Addr{netip.MustParseAddr("192.0.2.7"), peer}, Strangers: 16})
		friend := open(t, a, Config{Interface: "eth0", VRID: 51, Source: peer, Unicast: true})
		other := open(t, a, Config{Interface: "eth0", VRID: 51, Source: stranger, Unicast: true})
		count := map[netip.Addr]int{}
		for range 20 {
			for range 50 {
				check(t, other.SendAdvert(advert(tc.version, 51, stranger, here), here))
			}
			check(t, friend.SendAdvert(advert(tc.version, 51, peer, here), here))
			before := count[peer]
			for end := time.Now().Add(time.Second); count[peer] == before && time.Now().Before(end); time.Sleep(time.Millisecond) {
				for _, p := range to.Drain(nil) { // the peer's was sent last
					count[p.Src]++
				}
			}
		}
		// 1000 draws of 1 in 16: 62.5, with a standard deviation of 7.7.
		if n := count[stranger]; n < 16 || n > 125 {
			t.Errorf("%d of 1000 adverts of %s came through, want about 62", n, stranger)
		}
		if n := count[peer]; n != 20 {
			t.Errorf("%d of 20 adverts of the peer %s came through", n, peer)
		}
	}
}

func TestOtherInterfacesAreNotHeard(t *testing.T) {
	a, b := pair(t)
	netnstest.Join(t, a, b, "eth1")
	a.IP("address", "add", "10.97.0.1/24", "dev", "eth1")
	b.IP("address", "add", "10.97.0.2/24", "dev", "eth1")
	c := open(t, b, Config{Interface: "eth0", VRID: 51, Source: v4b})
	other := open(t, b, Config{Interface: "eth1", VRID: 51, Source: netip.MustParseAddr("10.97.0.2")})
	from := open(t, a, Config{Interface: "eth1", VRID: 51, Source: netip.MustParseAddr("10.97.0.1")})
	check(t, from.SendAdvert(advert(2, 51, from.Source(), vrrp.GroupV4), vrrp.GroupV4))
	if _, err := other.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Drain(nil); len(got) != 0 {
		t.Errorf("eth0 heard %+v of eth1", got)
	}
}

func TestSourceIsTheInterfacesOwn(t *testing.T) {
	s, _ := pair(t)
	if got := open(t, s, Config{Interface: "eth0", VRID: 1}).Source(); got != v4a {
		t.Errorf("IPv4: %v, want %v", got, v4a)
	}
	if got := open(t, s, Config{Interface: "eth0", VRID: 1, IPv6: true}).Source(); !got.IsLinkLocalUnicast() {
		t.Errorf("IPv6: %v, want a link-local address", got)
	}
}

func BenchmarkSendAdvert(b *testing.B) {
	s, _ := pair(b)
	c := open(b, s, Config{Interface: "eth0", VRID: 51, Source: v4a})
	msg := advert(2, 51, v4a, vrrp.GroupV4)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.SendAdvert(msg, vrrp.GroupV4); err != nil {
			b.Fatal(err)
		}
	}
}
