package vrrp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, addr(s))
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// captured are advertisements of keepalived 2.2.7 as they stood on the wire.
var captured = []struct {
	name, src, dst, wire string
	advert               Advert
}{
	{"v2 PASS multicast", "10.99.0.1", "224.0.0.18", "2133 9601 0101 cf84 0a630064 7365637265743132",
		Advert{Version: V2, VRID: 51, Priority: 150, Interval: time.Second, Auth: AuthPass, Pass: PassData("secret12"), VIPs: addrs("10.99.0.100")}},
	{"v2 PASS unicast", "10.98.0.1", "10.98.0.2", "2133 9601 0101 78a1 0a620064 6162630000000000",
		Advert{Version: V2, VRID: 51, Priority: 150, Interval: time.Second, Auth: AuthPass, Pass: PassData("abc"), VIPs: addrs("10.98.0.100")}},
	{"v3 unicast to .2", "10.98.0.1", "10.98.0.2", "3133 9601 0064 185e 0a620064",
		Advert{Version: V3, VRID: 51, Priority: 150, Interval: time.Second, VIPs: addrs("10.98.0.100")}},
	{"v3 unicast to .3", "10.98.0.1", "10.98.0.3", "3133 9601 0064 185d 0a620064",
		Advert{Version: V3, VRID: 51, Priority: 150, Interval: time.Second, VIPs: addrs("10.98.0.100")}},
	{"v3 multicast 10 cs", "10.98.0.1", "224.0.0.18", "3133 9601 000a 4309 0a620064",
		Advert{Version: V3, VRID: 51, Priority: 150, Interval: 100 * time.Millisecond, VIPs: addrs("10.98.0.100")}},
}

func TestAdvertBytesAreKeepaliveds(t *testing.T) {
	for _, c := range captured {
		if got, want := AppendAdvert(nil, c.advert, addr(c.src), addr(c.dst)), unhex(t, c.wire); !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", c.name, got, want)
		}
	}
}

func TestAppendAdvertKeepsWhatStandsBefore(t *testing.T) {
	c := captured[0]
	got := AppendAdvert([]byte("before"), c.advert, addr(c.src), addr(c.dst))
	if want := append([]byte("before"), unhex(t, c.wire)...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestChecksumOfIPv6 sums an advertisement by hand.
func TestChecksumOfIPv6(t *testing.T) {
	a := Advert{Version: V3, VRID: 7, Priority: 100, Interval: time.Second, VIPs: addrs("fe80::64")}
	got := AppendAdvert(nil, a, addr("fe80::1"), GroupV6)
	// 3107 6401 0064 | fe80 0064 | pseudo: fe80 0001 ff02 0012 length 0018 next 0070
	sum := 0x3107 + 0x6401 + 0x0064 + 0xfe80 + 0x0064 + 0xfe80 + 0x0001 + 0xff02 + 0x0012 + 0x0018 + 0x0070
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	if want := ^uint16(sum); uint16(got[6])<<8|uint16(got[7]) != want {
		t.Errorf("checksum %x, want %04x", got[6:8], want)
	}
}

func TestWireInterval(t *testing.T) {
	for _, c := range []struct {
		version  uint8
		in, want time.Duration
	}{
		{V2, 100 * time.Millisecond, time.Second},
		{V2, 1499 * time.Millisecond, time.Second},
		{V2, 1500 * time.Millisecond, 2 * time.Second},
		{V2, time.Hour, 255 * time.Second},
		{V3, 0, 10 * time.Millisecond},
		{V3, 304 * time.Millisecond, 300 * time.Millisecond},
		{V3, 40950 * time.Millisecond, 40950 * time.Millisecond},
		{V3, time.Minute, 40950 * time.Millisecond},
	} {
		if got := WireInterval(c.version, c.in); got != c.want {
			t.Errorf("v%d %v: got %v, want %v", c.version, c.in, got, c.want)
		}
	}
}

func TestAppendAdvertSkipsOtherFamilyAndMoreThan255(t *testing.T) {
	a := Advert{Version: V3, VRID: 1, Priority: 1, Interval: time.Second, VIPs: addrs("2001:db8::1")}
	for i := range 300 {
		a.VIPs = append(a.VIPs, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	wire := AppendAdvert(nil, a, addr("10.0.0.1"), GroupV4)
	if wire[3] != 255 || len(wire) != 8+255*4 {
		t.Errorf("count %d, length %d", wire[3], len(wire))
	}
}

func anyAddr(is4 bool) *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		var b [16]byte
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		if is4 {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		b[0] = 0x20 // not an IPv4 address in disguise, not multicast
		return netip.AddrFrom16(b)
	})
}

func anyAdvert(t *rapid.T) (a Advert, src, dst netip.Addr) {
	is4 := rapid.Bool().Draw(t, "is4")
	a.Version = V3
	if is4 && rapid.Bool().Draw(t, "v2") {
		a.Version = V2
	}
	a.VRID, a.Priority = rapid.Uint8Min(1).Draw(t, "vrid"), rapid.Uint8().Draw(t, "priority")
	a.VIPs = rapid.SliceOfN(anyAddr(is4), 1, 255).Draw(t, "vips")
	if a.Version == V2 {
		a.Interval = time.Duration(rapid.IntRange(1, 255).Draw(t, "seconds")) * time.Second
		if rapid.Bool().Draw(t, "pass") {
			a.Auth = AuthPass
			copy(a.Pass[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "password"))
		}
	} else {
		a.Interval = time.Duration(rapid.IntRange(1, 4095).Draw(t, "centiseconds")) * centisecond
		if is4 {
			a.Form = ChecksumForm(rapid.IntRange(0, 2).Draw(t, "form"))
		}
	}
	return a, anyAddr(is4).Draw(t, "src"), anyAddr(is4).Draw(t, "dst")
}

func TestWhatIsSentIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, src, dst := anyAdvert(t)
		if dst.IsMulticast() || src == dst {
			t.Skip()
		}
		rules := Rules{Version: a.Version, VRID: a.VRID, Local: dst, Unicast: true, AnySource: true, Auth: a.Auth, Pass: a.Pass}
		got, reason := ParseAdvert(Packet{src, dst, 64, AppendAdvert(nil, a, src, dst)}, &rules)
		if reason != Accepted {
			t.Fatalf("refused: %v", reason)
		}
		// The three forms can agree by chance; the wire must then be equal.
		if w, v := AppendAdvert(nil, a, src, dst), AppendAdvert(nil, got, src, dst); !bytes.Equal(w, v) {
			t.Fatalf("got %+v\n%x\nwant %+v\n%x", got, v, a, w)
		}
	})
}
