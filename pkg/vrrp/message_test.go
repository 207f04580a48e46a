package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	rules := Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1"), Unicast: true, Peers: []Peer{{Addr: addr("10.0.0.2")}}}
	key, rotated := testKeys(1, 1), testKeys(2, 1, 2)
	permissive := &HMAC{Keys: key.Keys, Active: 1, Mode: HMACPermissive}
	readOnly := &HMAC{Keys: key.Keys, Active: 1, Mode: HMACReceiveOnly}
	another := &HMAC{Keys: []HMACKey{{1, strings.Repeat("x", 32)}}, Active: 1}
	good := Message{
		Kind: KindHandover, VRID: 51, Version: V3, State: Backup, Priority: 100, Eligible: true, Preempts: true,
		Digest: 0x0102030405060708, LeftMaster: 1500 * time.Millisecond, Running: time.Hour, Sequence: 9,
		Sender: addr("10.0.0.2"), Successor: addr("10.0.0.1"),
	}
	with := func(change func(*Message)) Message { m := good; change(&m); return m }
	for _, c := range []struct {
		name     string
		m        Message
		sentWith *HMAC
		readWith *HMAC
		from     string
		want     DropReason
	}{
		{"open", good, nil, nil, "10.0.0.2", Accepted},
		{"keyed", good, key, key, "10.0.0.2", Accepted},
		{"not signed", good, nil, key, "10.0.0.2", DropUnsigned},
		{"not signed, permissive", good, nil, permissive, "10.0.0.2", Accepted},
		{"signed, permissive", good, key, permissive, "10.0.0.2", Accepted},
		{"wrongly signed, permissive", good, another, permissive, "10.0.0.2", DropMAC},
		{"receive-only does not sign", good, readOnly, key, "10.0.0.2", DropUnsigned},
		{"key unexpected", good, key, nil, "10.0.0.2", DropMAC},
		{"other key", good, another, key, "10.0.0.2", DropMAC},
		{"the next key, known already", good, &HMAC{Keys: rotated.Keys, Active: 2}, rotated, "10.0.0.2", Accepted},
		{"the next key, not known yet", good, rotated, key, "10.0.0.2", DropKey},
		{"other VRID", with(func(m *Message) { m.VRID = 1 }), nil, nil, "10.0.0.2", DropVRID},
		{"other version", with(func(m *Message) { m.Version = V2 }), nil, nil, "10.0.0.2", DropVersion},
		{"not a peer", with(func(m *Message) { m.Sender = addr("10.0.0.9") }), nil, nil, "10.0.0.9", DropSource},
		{"sender is not the source", good, nil, nil, "10.0.0.3", DropSource},
		{"own", with(func(m *Message) { m.Sender = addr("10.0.0.1") }), nil, nil, "10.0.0.1", DropOwn},
		{"unknown kind", with(func(m *Message) { m.Kind = 4 }), nil, nil, "10.0.0.2", DropType},
		{"unknown state", with(func(m *Message) { m.State = 4 }), nil, nil, "10.0.0.2", DropType},
		{"other family", good, nil, nil, "fe80::1", DropFamily},
	} {
		rules.HMAC = c.readWith
		got, reason := ParseMessage(AppendMessage(nil, c.m, c.sentWith), addr(c.from), &rules)
		c.m.Signed = c.sentWith.signs()
		if reason != c.want {
			t.Errorf("%s: got %v, want %v", c.name, reason, c.want)
		}
		if reason == Accepted && got != c.m {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.m)
		}
	}
}

func TestMessageBitFlipsAreRefused(t *testing.T) {
	key := testKeys(1, 1)
	rules := Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1"), HMAC: key}
	m := Message{Kind: KindHello, VRID: 51, Version: V3, Sender: addr("10.0.0.2"), LeftMaster: NeverMaster}
	wire := AppendMessage(nil, m, key)
	for i := range len(wire) * 8 {
		wire[i/8] ^= 1 << (i % 8)
		if _, reason := ParseMessage(wire, addr("10.0.0.2"), &rules); reason == Accepted {
			t.Errorf("bit %d turned: accepted", i)
		}
		wire[i/8] ^= 1 << (i % 8)
	}
}

func TestLeftMasterTooLongAgoIsNever(t *testing.T) {
	rules := Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1")}
	m := Message{Kind: KindHello, VRID: 51, Version: V3, Sender: addr("10.0.0.2"), LeftMaster: 100 * 24 * time.Hour}
	got, reason := ParseMessage(AppendMessage(nil, m, nil), addr("10.0.0.2"), &rules)
	if reason != Accepted || got.LeftMaster != NeverMaster {
		t.Errorf("got %v, %v", got.LeftMaster, reason)
	}
}

func TestMessageOverIPv6(t *testing.T) {
	rules := Rules{Version: V3, VRID: 51, Local: addr("fe80::1")}
	m := Message{Kind: KindHandover, VRID: 51, Version: V3, Sender: addr("fe80::2"), Successor: addr("fe80::1"), LeftMaster: NeverMaster}
	got, reason := ParseMessage(AppendMessage(nil, m, nil), netip.MustParseAddr("fe80::2%eth0"), &rules)
	if reason != Accepted || got != m {
		t.Errorf("got %+v, %v", got, reason)
	}
}
