package dnswire

import (
	"testing"

	"github.com/miekg/dns"
)

// signedQuery returns a query for the root signed by a key of the given name,
// with EDNS before it.
func signedQuery(t testing.TB, key string) []byte {
	return append(append(assemble(t, `1234 0000 0001 0000 0000 0002 00 0001 0001 00 0029 04d0 0000 8000 0000`), wire(t, key)...),
		assemble(t, `00fa 00ff 00000000 001f 0b 'hmac-sha256' 00 000067890123 012c 0002 beef 1234 0000 0000`)...)
}

func TestReplyToAnUnknownKeyTellsSoAndIsNotSigned(t *testing.T) {
	var q Query
	v := q.Parse(signedQuery(t, "Key.Nobody"))
	if v != BadKey || v.RCode() != RCodeNotAuth {
		t.Fatalf("got %v", v)
	}
	var m Message
	m.Start(nil, &q, 512)
	m.SetRCode(v.RCode())
	msg := unpack(t, m.Finish(&Reply{UDPSize: 1232}))
	sig := msg.IsTsig()
	if msg.Rcode != dns.RcodeNotAuth || msg.IsEdns0() == nil || sig == nil {
		t.Fatalf("got %v", msg)
	}
	if sig.Hdr.Name != "Key.Nobody." || sig.Error != dns.RcodeBadKey || sig.MACSize != 0 || sig.OrigId != 0x1234 || sig.TimeSigned != 0x67890123 || sig.Fudge != 300 {
		t.Errorf("got %v", sig)
	}
}

func TestReplyToAnUnknownKeyKeepsToItsLimit(t *testing.T) {
	var q Query
	if v := q.Parse(signedQuery(t, "key.nobody")); v != BadKey {
		t.Fatalf("got %v", v)
	}
	var m Message
	m.Start(nil, &q, 70)
	m.SetRCode(RCodeNotAuth)
	packet := m.Finish(&Reply{UDPSize: 1232})
	msg := unpack(t, packet)
	if len(packet) > 70 || !msg.Truncated || msg.IsTsig() != nil {
		t.Errorf("%d octets: %v", len(packet), msg)
	}
}

func TestOtherCodesCarryNoTSIG(t *testing.T) {
	var q Query
	q.Parse(signedQuery(t, "key.nobody"))
	var m Message
	m.Start(nil, &q, 512)
	m.SetRCode(RCodeFormErr)
	if msg := unpack(t, m.Finish(nil)); msg.IsTsig() != nil {
		t.Errorf("got %v", msg)
	}
}

// A name is expanded as miekg/dns does it, or refused.
func TestExpandNameFollowsPointersBackwardsOnly(t *testing.T) {
	packet := assemble(t, `000000000000000000000000 01 'a' 01 'b' 00 01 'c' c00e c011 c015 c017 c000 c01f 3f`)
	for off, want := range map[int]string{12: "a.b.", 14: "b.", 17: "c.b.", 21: "c.b.", 23: "c.b.", 25: "c.b.", 27: "", 29: "", 31: "", 32: ""} {
		name, ok := expandName(nil, packet, off)
		if ok != (want != "") || ok && FormatName(name) != want {
			t.Errorf("at %d: got %q, %v; want %q", off, FormatName(name), ok, want)
		}
	}
	long := assemble(t, "000000000000000000000000 3f 63*'a' 3f 63*'a' 3f 63*'a' 3f 63*'a' 00")
	if _, ok := expandName(nil, long, 12); ok {
		t.Error("a name of 257 octets was expanded")
	}
}
