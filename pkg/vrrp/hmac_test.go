package vrrp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// testKeys returns keys of the given ids, of which one signs.
func testKeys(active uint8, ids ...uint8) *HMAC {
	h := &HMAC{Active: active}
	for _, id := range ids {
		var secret [32]byte
		for i := range secret {
			secret[i] = byte(i) + id - 1
		}
		h.Keys = append(h.Keys, HMACKey{id, string(secret[:])})
	}
	return h
}

// The test vectors of draft-cassen-vrrp-auth-hmac-00: key 00 to 1f, sequence
// 0x6800000080000000.
var hmacVectors = []struct{ name, src, dst, vip, wire string }{
	{"IPv4, plain checksum", "198.51.100.10", "192.0.2.10", "192.0.2.100",
		"3133c80100644402c0000264" + "010100006800000080000000" + "1b84bc4e8e43892dc6d98448f8ee2265"},
	{"IPv6", "fe80::10", "fe80::20", "fe80::100",
		"3133c8010064a2e9fe800000000000000000000000000100" + "010100006800000080000000" + "c8c56146ebfd66ee10ec4d8186461b78"},
}

func TestSignedAdvertsAreThoseOfTheDraft(t *testing.T) {
	const sequence = 0x6800000080000000
	for _, v := range hmacVectors {
		a := Advert{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, VIPs: addrs(v.vip), Form: FormPlain}
		got := AppendSigned([]byte("before"), a, addr(v.src), addr(v.dst), testKeys(1, 1), sequence)
		want := unhex(t, v.wire)
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%s: got %s", v.name, hex.EncodeToString(got[6:]))
		}
		rules := Rules{Version: V3, VRID: 51, Local: addr(v.dst), Unicast: true, AnySource: true, HMAC: testKeys(1, 1)}
		p := Packet{addr(v.src), addr(v.dst), 255, want}
		if a, why := ParseAdvert(p, &rules); why != Accepted || !a.Signed || a.Sequence != sequence {
			t.Errorf("%s: %v, %+v", v.name, why, a)
		}
		for i := range len(want) * 8 {
			want[i/8] ^= 1 << (i % 8)
			if _, why := ParseAdvert(p, &rules); why == Accepted {
				t.Errorf("%s: bit %d turned: accepted", v.name, i)
			}
			want[i/8] ^= 1 << (i % 8)
		}
		rules.VRID = 52
		want[1] = 52
		p.Data = AppendAdvert(nil, Advert{Version: V3, VRID: 52, Priority: 200, Interval: time.Second, VIPs: a.VIPs}, p.Src, p.Dst)
		p.Data = append(p.Data, want[len(p.Data):]...)
		if p.Src.Is4() { // over IPv6 the checksum finds it first
			if _, why := ParseAdvert(p, &rules); why != DropMAC {
				t.Errorf("%s: the trailer of another virtual router: %v", v.name, why)
			}
		}
	}
}

func TestWhoIsBelievedWithKeys(t *testing.T) {
	one, both := testKeys(1, 1), testKeys(1, 1, 2)
	mode := func(h *HMAC, m HMACMode) *HMAC { c := *h; c.Mode = m; return &c }
	signing := func(h *HMAC, id uint8) *HMAC { c := *h; c.Active = id; return &c }
	strange := &HMAC{Keys: []HMACKey{{1, strings.Repeat("?", 40)}}, Active: 1}
	src, dst := addr("10.0.0.2"), addr("10.0.0.1")
	for _, c := range []struct {
		name       string
		sent, read *HMAC
		want       DropReason
	}{
		{"nobody signs", nil, nil, Accepted},
		{"signed", one, one, Accepted},
		{"not signed", nil, one, DropUnsigned},
		{"not signed, permissive", nil, mode(one, HMACPermissive), Accepted},
		{"not signed, receive-only", nil, mode(one, HMACReceiveOnly), Accepted},
		{"signed, permissive", one, mode(one, HMACPermissive), Accepted},
		{"signed, receive-only", one, mode(one, HMACReceiveOnly), Accepted},
		{"receive-only does not sign", mode(one, HMACReceiveOnly), one, DropUnsigned},
		{"wrongly signed", strange, one, DropMAC},
		{"wrongly signed, permissive", strange, mode(one, HMACPermissive), DropMAC},
		{"signed for one that has no keys", one, nil, DropTrailing},
		{"the next key, known", signing(both, 2), both, Accepted},
		{"the old key, still known", both, signing(both, 2), Accepted},
		{"the next key, not known", signing(both, 2), one, DropKey},
	} {
		for _, version := range []uint8{V2, V3} {
			for _, form := range []ChecksumForm{FormPseudo, FormPlain} {
				a := Advert{Version: version, VRID: 51, Priority: 100, Interval: time.Second, VIPs: addrs("10.0.0.100"), Form: form}
				p := Packet{src, dst, 255, AppendSigned(nil, a, src, dst, c.sent, 1)}
				rules := Rules{Version: version, VRID: 51, Local: dst, Unicast: true, Peers: []Peer{{Addr: src}}, HMAC: c.read}
				got, why := ParseAdvert(p, &rules)
				if why != c.want || why == Accepted && got.Signed != (c.sent.signs()) {
					t.Errorf("%s, version %d, %v: %v, signed %v; want %v", c.name, version, form, why, got.Signed, c.want)
				}
			}
		}
	}
}

func TestSequencesGrow(t *testing.T) {
	const day = 24 * time.Hour
	timed, growing := &HMAC{Window: 5 * time.Second}, &HMAC{}
	at := func(d time.Duration) uint64 { return timed.NextSequence(0, d) }
	for _, c := range []struct {
		name string
		h    *HMAC
		last uint64
		wall time.Duration
		want uint64
	}{
		{"by the clock", timed, at(day), day + 1500*time.Millisecond, uint64(86401)<<32 | 0x8000<<16},
		{"twice in a moment", timed, at(day), day, at(day) + 1},
		{"clock set back a little", timed, at(day), day - 3*time.Second, at(day) + 1},
		{"clock set back a lot", timed, at(day), day - time.Hour, at(day - time.Hour)},
		{"clock set back a lot, growth alone counts", growing, at(day), day - time.Hour, at(day) + 1},
		{"the seconds wrap", timed, at((1<<32 - 1) * time.Second), (1<<32 + 1) * time.Second, uint64(1) << 32},
	} {
		if got := c.h.NextSequence(c.last, c.wall); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}

// signedPair is a Backup that believes signed adverts, and one way to send it
// some.
type signedPair struct {
	t *testing.T
	r Router
}

func newSignedPair(t *testing.T, window time.Duration) *signedPair {
	h := testKeys(1, 1)
	h.Window = window
	c := &Config{Name: "VI_1", Interval: time.Second, Priority: 100, VIPs: addrs("10.0.0.100"),
		Rules: Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1"), HMAC: h}}
	r, _ := New(c).Step(Start{})
	return &signedPair{t, r}
}

// hears steps an advert that was signed at a time, and returns why it was
// refused.
func (p *signedPair) hears(at time.Duration, signedAt, wall time.Duration, seqs ...uint64) DropReason {
	p.t.Helper()
	seq := p.r.cfg.HMAC.NextSequence(0, signedAt)
	for _, s := range seqs {
		seq = s
	}
	heard := p.r.heard
	var actions []Action
	p.r, actions = p.r.Step(AdvertReceived{At: at, From: addr("10.0.0.2"), Wall: wall, Advert: Advert{
		Version: V3, VRID: 51, Priority: 200, Interval: time.Second, VIPs: addrs("10.0.0.100"), Signed: true, Sequence: seq}})
	for _, a := range actions {
		if f, ok := a.(Refused); ok {
			if p.r.heard != heard {
				p.t.Errorf("refused as %v, and yet it counts", f.Reason)
			}
			return f.Reason
		}
	}
	if p.r.heard == heard {
		p.t.Error("believed, and yet it does not count")
	}
	return Accepted
}

func TestReplayedAdvertsAreRefused(t *testing.T) {
	const day, second = 24 * time.Hour, time.Second
	p := newSignedPair(t, 5*second)
	for _, c := range []struct {
		name             string
		at               time.Duration
		signedAt, wall   time.Duration
		want, growthOnly DropReason
	}{
		{"first", 1 * second, day, day, Accepted, Accepted},
		{"the same again", 2 * second, day, day + second, DropReplay, DropReplay},
		{"next", 3 * second, day + 2*second, day + 2*second, Accepted, Accepted},
		{"an earlier one", 4 * second, day + second, day + 3*second, DropReplay, DropReplay},
		{"too old", 5 * second, day + 3*second, day + 9*second, DropStale, Accepted},
		{"from the future", 6 * second, day + 20*second, day + 10*second, DropStale, Accepted},
		{"as late as may be", 7 * second, day + 21*second, day + 26*second, Accepted, Accepted},
		{"all clocks set back", 8 * second, day - 600*second, day - 600*second, Accepted, DropReplay},
		{"that again", 9 * second, day - 600*second, day - 599*second, DropReplay, DropReplay},
	} {
		if got := p.hears(c.at, c.signedAt, c.wall); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	p = newSignedPair(t, 0)
	if got := p.hears(second, day, 0); got != Accepted {
		t.Errorf("growth alone: %v", got)
	}
	if got := p.hears(2*second, day-second, 0); got != DropReplay {
		t.Errorf("growth alone, an earlier one: %v", got)
	}
}

// A flood of replayed adverts restarts no timer.
func TestReplaysDoNotKeepADeadMasterAlive(t *testing.T) {
	const day = 24 * time.Hour
	p := newSignedPair(t, 5*time.Second)
	p.hears(time.Second, day, day)
	due := p.r.due[timerMasterDown]
	for i := range 100 {
		p.hears(time.Second+time.Duration(i)*time.Millisecond, day, day)
	}
	if p.r.due[timerMasterDown] != due {
		t.Errorf("the timer moved from %v to %v", due, p.r.due[timerMasterDown])
	}
}

func TestSignedMessagesAreNotReplayedAfterASilence(t *testing.T) {
	const day = 24 * time.Hour
	for _, window := range []time.Duration{0, 5 * time.Second} {
		p := newSignedPair(t, window)
		hello := func(at, signedAt, wall time.Duration) bool {
			before := p.r.peers
			p.r, _ = p.r.Step(HelloReceived{At: at, From: addr("10.0.0.2"), Wall: wall, Message: Message{
				Kind: KindHello, Signed: true, Sequence: uint64(signedAt), State: Backup, LeftMaster: NeverMaster, Digest: p.r.cfg.Digest()}})
			i := p.r.peerIndex(addr("10.0.0.2"))
			return i >= 0 && p.r.peers[i].helloAt == at && (len(before) == 0 || before[0].helloAt != at)
		}
		if !hello(time.Second, day, day) {
			t.Errorf("window %v: a fresh one is refused", window)
		}
		if hello(time.Minute, day, day+time.Minute) {
			t.Errorf("window %v: an old one is believed after a minute of silence", window)
		}
		if !hello(2*time.Minute, day+2*time.Minute, day+2*time.Minute) {
			t.Errorf("window %v: the next one is refused", window)
		}
	}
}

func TestUnsignedAndSkewedPeersAreToldOf(t *testing.T) {
	const day = 24 * time.Hour
	p := newSignedPair(t, 10*time.Second)
	p.r.cfg.HMAC.Mode = HMACPermissive
	var alarms []AlarmKind
	for i := range 3 {
		at := time.Duration(i+1) * time.Second
		var actions []Action
		p.r, actions = p.r.Step(AdvertReceived{At: at, From: addr("10.0.0.2"), Advert: Advert{Version: V3, Priority: 200, Interval: time.Second, VIPs: p.r.cfg.VIPs}})
		var more []Action
		p.r, more = p.r.Step(AdvertReceived{At: at, From: addr("10.0.0.3"), Wall: day + at, Advert: Advert{
			Version: V3, Priority: 200, Interval: time.Second, VIPs: p.r.cfg.VIPs, Signed: true, Sequence: p.r.cfg.HMAC.NextSequence(0, day+at-6*time.Second)}})
		for _, a := range append(actions, more...) {
			if a, ok := a.(Alarm); ok {
				alarms = append(alarms, a.Kind)
			}
		}
	}
	if fmt.Sprint(alarms) != "[not signed clock differs]" {
		t.Errorf("alarms %v", alarms)
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	h := &HMAC{Keys: []HMACKey{{7, "0123456789abcdef0123456789abcdef"}}, Active: 7}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, *h) + fmt.Sprintf(verb, h.Keys[0]); strings.Contains(text, "abcdef") || strings.Contains(text, "61626364") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	c := Config{Rules: Rules{Version: V3, VRID: 1, Local: netip.MustParseAddr("10.0.0.1"), HMAC: &HMAC{Keys: []HMACKey{{7, "short secret"}}, Active: 7}}, Priority: 1, Interval: time.Second}
	if err := c.Check(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseSigned(f *testing.F) {
	for _, v := range hmacVectors {
		b, _ := hex.DecodeString(v.wire)
		f.Add(b, addr(v.src).AsSlice(), addr(v.dst).AsSlice())
	}
	f.Fuzz(func(t *testing.T, data, from, to []byte) {
		src, _ := netip.AddrFromSlice(from)
		dst, ok := netip.AddrFromSlice(to)
		if !src.IsValid() || !ok {
			return
		}
		local := dst
		if !local.IsValid() || src.Unmap() == local.Unmap() {
			return
		}
		rules := Rules{Version: V3, VRID: 51, Local: bare(local), Unicast: true, AnySource: true, HMAC: testKeys(1, 1)}
		a, why := ParseAdvert(Packet{src, dst, 255, data}, &rules)
		if why == Accepted && (!a.Signed || len(data) < headerLen+trailerLen) {
			t.Fatalf("believed without a code: %x", data)
		}
	})
}
