package vrrp

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// wire returns an advertisement with a change made to its bytes, the checksum
// put right after the change unless keepSum.
func wire(a Advert, src, dst string, keepSum bool, change func(b []byte) []byte) []byte {
	b := AppendAdvert(nil, a, addr(src), addr(dst))
	if change == nil {
		return b
	}
	b = change(b)
	if !keepSum && len(b) >= headerLen {
		b[6], b[7] = 0, 0
		sum := ^sumMessage(b, a.Version, a.Form, addr(src), addr(dst))
		b[6], b[7] = byte(sum>>8), byte(sum)
	}
	return b
}

// TestAcceptance goes through the packets that were tried on keepalived. Where
// vipd believes more than keepalived 2.2.7 does, a second Master is avoided.
func TestAcceptance(t *testing.T) {
	const group, src, peer2, local = "224.0.0.18", "10.0.0.2", "10.0.0.3", "10.0.0.1"
	v2 := Advert{Version: V2, VRID: 51, Priority: 200, Interval: time.Second, Auth: AuthPass, Pass: PassData("secret"), VIPs: addrs("10.0.0.100")}
	v3 := Advert{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, VIPs: addrs("10.0.0.100")}
	with := func(a Advert, change func(*Advert)) Advert { a.VIPs = slices.Clone(a.VIPs); change(&a); return a }
	m2 := Rules{Version: V2, VRID: 51, Local: addr(local), Auth: AuthPass, Pass: PassData("secret")}
	m3 := Rules{Version: V3, VRID: 51, Local: addr(local)}
	u3 := Rules{Version: V3, VRID: 51, Local: addr(local), Unicast: true, Peers: []Peer{{Addr: addr(src), MinTTL: 255}, {Addr: addr(peer2), MaxTTL: 64}}}
	anyone := u3
	anyone.AnySource, anyone.MinTTL = true, 250
	open := m2
	open.Auth = AuthNone
	at := func(i int, v byte) func([]byte) []byte { return func(b []byte) []byte { b[i] = v; return b } }
	add := func(n int) func([]byte) []byte { return func(b []byte) []byte { return append(b, make([]byte, n)...) } }
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

	for _, c := range []struct {
		name     string
		rules    Rules
		src, dst string
		ttl      uint8
		data     []byte
		want     DropReason
	}{
		{"baseline v2", m2, src, group, 255, wire(v2, src, group, false, nil), Accepted},
		{"baseline v3", m3, src, group, 255, wire(v3, src, group, false, nil), Accepted},
		{"baseline unicast", u3, src, local, 255, wire(v3, src, local, false, nil), Accepted},
		{"TTL 254", m3, src, group, 254, wire(v3, src, group, false, nil), DropTTL},
		{"TTL 64 v2", m2, src, group, 64, wire(v2, src, group, false, nil), DropTTL},
		{"TTL 254 of a peer on the link", u3, src, local, 254, wire(v3, src, local, false, nil), DropTTL},
		{"TTL 60 of a routed peer", u3, peer2, local, 60, wire(v3, peer2, local, false, nil), Accepted},
		{"TTL 64 of a routed peer with max_ttl 64", u3, peer2, local, 64, wire(v3, peer2, local, false, nil), Accepted},
		{"TTL 65 of a routed peer with max_ttl 64", u3, peer2, local, 65, wire(v3, peer2, local, false, nil), DropNear},
		{"not a peer", u3, "10.0.0.9", local, 255, wire(v3, "10.0.0.9", local, false, nil), DropSource},
		{"not a peer, any source", anyone, "10.0.0.9", local, 255, wire(v3, "10.0.0.9", local, false, nil), Accepted},
		{"not a peer, any source, from afar", anyone, "10.0.0.9", local, 200, wire(v3, "10.0.0.9", local, false, nil), DropTTL},
		{"garbage of a stranger", u3, "10.0.0.9", local, 255, wire(v3, "10.0.0.9", local, true, at(2, 9)), DropChecksum},
		{"checksum 0", m2, src, group, 255, wire(v2, src, group, true, func(b []byte) []byte { b[6], b[7] = 0, 0; return b }), DropChecksum},
		{"v2 checksum without the authentication data", m2, src, group, 255, wire(v2, src, group, true, func(b []byte) []byte {
			b[6], b[7] = 0, 0
			sum := ^fold(addWords(0, b[:len(b)-authLen]))
			b[6], b[7] = byte(sum>>8), byte(sum)
			return b
		}), DropChecksum},
		{"v3 plain", m3, src, group, 255, wire(with(v3, func(a *Advert) { a.Form = FormPlain }), src, group, false, nil), Accepted},
		{"v3 plain unicast", u3, src, local, 255, wire(with(v3, func(a *Advert) { a.Form = FormPlain }), src, local, false, nil), Accepted},
		{"v3 group in the pseudo-header", u3, src, local, 255, wire(with(v3, func(a *Advert) { a.Form = FormGroup }), src, local, false, nil), Accepted},
		{"v3 destination changed on the way", u3, src, local, 255, wire(v3, src, "192.0.2.7", false, nil), DropChecksum},
		{"other VIP", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.VIPs = addrs("10.0.0.101") }), src, group, false, nil), Accepted},
		{"two VIPs", m3, src, group, 255, wire(with(v3, func(a *Advert) { a.VIPs = addrs("10.0.0.1", "10.0.0.2") }), src, group, false, nil), Accepted},
		{"no VIPs", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.VIPs = nil }), src, group, false, nil), Accepted},
		{"other interval", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.Interval = 2 * time.Second }), src, group, false, nil), Accepted},
		{"wrong password", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.Pass = PassData("Secret") }), src, group, false, nil), DropAuthPass},
		{"password missing", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.Auth = AuthNone }), src, group, false, nil), DropAuthType},
		{"password unexpected", open, src, group, 255, wire(v2, src, group, false, nil), DropAuthType},
		{"authentication header", m2, src, group, 255, wire(with(v2, func(a *Advert) { a.Auth = AuthAH }), src, group, false, nil), DropAuthType},
		{"v2 without authentication data", m2, src, group, 255, wire(v2, src, group, false, cut(8)), DropLength},
		{"6 trailing bytes v2", m2, src, group, 255, wire(v2, src, group, false, add(6)), DropTrailing},
		{"6 trailing bytes v3", m3, src, group, 255, wire(v3, src, group, false, add(6)), DropTrailing},
		{"count too high", m3, src, group, 255, wire(v3, src, group, false, at(3, 2)), DropLength},
		{"count too low", m3, src, group, 255, wire(v3, src, group, false, at(3, 0)), DropTrailing},
		{"v2 to v3", m3, src, group, 255, wire(v2, src, group, false, nil), DropVersion},
		{"v3 to v2", m2, src, group, 255, wire(v3, src, group, false, nil), DropVersion},
		{"version 0", m3, src, group, 255, wire(v3, src, group, false, at(0, 0x01)), DropVersion},
		{"type 2", m3, src, group, 255, wire(v3, src, group, false, at(0, 0x32)), DropType},
		{"reserved bits", m3, src, group, 255, wire(v3, src, group, false, at(4, 0xf0)), Accepted},
		{"priority 255", m3, src, group, 255, wire(with(v3, func(a *Advert) { a.Priority = 255 }), src, group, false, nil), Accepted},
		{"priority 0", m3, src, group, 255, wire(with(v3, func(a *Advert) { a.Priority = 0 }), src, group, false, nil), Accepted},
		{"multicast to a unicast instance", u3, src, group, 255, wire(v3, src, group, false, nil), DropMulticast},
		{"unicast to a multicast instance", m3, src, local, 255, wire(v3, src, local, false, nil), DropUnicast},
		{"other VRID", m3, src, group, 255, wire(with(v3, func(a *Advert) { a.VRID = 52 }), src, group, false, nil), DropVRID},
		{"our own", m3, local, group, 255, wire(v3, local, group, false, nil), DropOwn},
		{"other family", m3, "fe80::2", "ff02::12", 255, wire(v3, src, group, false, nil), DropFamily},
		{"7 bytes", m3, src, group, 255, make([]byte, 7), DropShort},
		{"nothing", m3, src, group, 255, nil, DropShort},
	} {
		_, got := ParseAdvert(Packet{addr(c.src), addr(c.dst), c.ttl, c.data}, &c.rules)
		if got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestReservedBitsAreNoPartOfTheInterval(t *testing.T) {
	a := Advert{Version: V3, VRID: 1, Priority: 1, Interval: time.Second}
	data := wire(a, "10.0.0.2", "224.0.0.18", false, func(b []byte) []byte { b[4] |= 0xf0; return b })
	got, reason := ParseAdvert(Packet{addr("10.0.0.2"), GroupV4, 255, data}, &Rules{Version: V3, VRID: 1, Local: addr("10.0.0.1")})
	if reason != Accepted || got.Interval != time.Second {
		t.Errorf("got %v, %v", got.Interval, reason)
	}
}

func TestIPv6UnicastIsBelievedAtHopLimit64(t *testing.T) {
	src, local := addr("2001:db8::2"), addr("2001:db8::1")
	a := Advert{Version: V3, VRID: 1, Priority: 1, Interval: time.Second, VIPs: addrs("2001:db8::100")}
	rules := Rules{Version: V3, VRID: 1, Local: local, Unicast: true, Peers: []Peer{{Addr: src, MinTTL: LinkTTL(src, true)}}}
	if _, reason := ParseAdvert(Packet{src, local, 64, AppendAdvert(nil, a, src, local)}, &rules); reason != Accepted {
		t.Error(reason)
	}
	rules.Peers[0].MinTTL = 65
	if _, reason := ParseAdvert(Packet{src, local, 64, AppendAdvert(nil, a, src, local)}, &rules); reason != DropTTL {
		t.Error(reason)
	}
}

func TestZoneOfLinkLocalSourceDoesNotMatter(t *testing.T) {
	a := Advert{Version: V3, VRID: 1, Priority: 1, Interval: time.Second, VIPs: addrs("fe80::64")}
	data := AppendAdvert(nil, a, addr("fe80::2"), GroupV6)
	rules := Rules{Version: V3, VRID: 1, Local: addr("fe80::1")}
	if _, reason := ParseAdvert(Packet{addr("fe80::2%eth0"), GroupV6, 255, data}, &rules); reason != Accepted {
		t.Error(reason)
	}
}

func TestEveryReasonHasAText(t *testing.T) {
	seen := map[string]bool{}
	for d := range numDropReasons {
		if s := d.String(); s == "" || seen[s] {
			t.Errorf("reason %d: %q is empty or used twice", d, s)
		} else {
			seen[s] = true
		}
	}
}

func FuzzParseAdvert(f *testing.F) {
	for _, c := range captured {
		f.Add(unhex(f, c.wire), addr(c.src).AsSlice(), addr(c.dst).AsSlice(), uint8(255))
	}
	f.Add(AppendAdvert(nil, Advert{Version: V3, VRID: 51, VIPs: addrs("fe80::1")}, addr("fe80::2"), GroupV6), addr("fe80::2").AsSlice(), GroupV6.AsSlice(), uint8(255))
	f.Fuzz(func(t *testing.T, data, rawSrc, rawDst []byte, ttl uint8) {
		src, ok1 := netip.AddrFromSlice(rawSrc)
		dst, ok2 := netip.AddrFromSlice(rawDst)
		if !ok1 || !ok2 || len(data) < headerLen {
			return
		}
		src, dst = bare(src), bare(dst)
		rules := Rules{Version: data[0] >> 4, VRID: data[1], Local: addr("10.0.0.1"), Unicast: !dst.IsMulticast(), AnySource: true,
			Auth: AuthType(data[4]), Pass: PassData("abc")}
		if src.Is6() {
			rules.Local = addr("fe80::1")
		}
		a, reason := ParseAdvert(Packet{src, dst, ttl, data}, &rules)
		if reason != Accepted || a.Version != V2 && a.Version != V3 || a.Interval == 0 {
			return
		}
		again := AppendAdvert(nil, a, src, dst)
		b, reason := ParseAdvert(Packet{src, dst, ttl, again}, &rules)
		if reason != Accepted {
			t.Fatalf("%+v, written again, is refused: %v", a, reason)
		}
		if !slices.Equal(a.VIPs, b.VIPs) || a.Interval != b.Interval || a.Priority != b.Priority {
			t.Fatalf("got %+v, want %+v", b, a)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	rules := Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1")}
	key := testKeys(1, 1)
	m := Message{Kind: KindHello, VRID: 51, Version: V3, Sender: addr("10.0.0.2"), LeftMaster: NeverMaster}
	f.Add(AppendMessage(nil, m, nil))
	f.Add(AppendMessage(nil, m, key))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, k := range []*HMAC{nil, key} {
			rules := rules
			rules.HMAC = k
			m, reason := ParseMessage(data, addr("10.0.0.2"), &rules)
			if reason != Accepted {
				continue
			}
			again, reason := ParseMessage(AppendMessage(nil, m, k), addr("10.0.0.2"), &rules)
			if reason != Accepted || again != m {
				t.Fatalf("got %+v (%v), want %+v", again, reason, m)
			}
		}
	})
}
