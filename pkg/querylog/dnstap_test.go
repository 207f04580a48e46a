package querylog

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// query asks for www.example.com A with the client subnet 10.1.2.0/24.
const query = "123401000001000000000001" + "03777777076578616d706c6503636f6d0000010001" +
	"00002904d000000000000b" + "00080007000118000a0102"

func testEntry(t testing.TB) *Entry {
	packet, err := hex.DecodeString(query)
	if err != nil {
		t.Fatal(err)
	}
	return &Entry{
		At: time.Unix(1700000000, 500), Client: netip.MustParseAddrPort("[2001:db8::1]:4321"), TCP: true,
		Query: packet, Reply: packet[:12], Size: 77, Limited: "slip",
		Outcome: answer.Outcome{Steer: -1, Site: -1, RCode: dnswire.RCodeRefused, Scope: 16},
	}
}

func TestTheLineOfAnEntry(t *testing.T) {
	want := `{"time":"2023-11-14T22:13:20.0000005Z","client":"2001:db8::1","port":4321,"transport":"tcp","subnet":"10.1.2.0/24","scope":16,` +
		`"name":"www.example.com.","type":"A","rcode":"REFUSED","truncated":true,"limited":"slip","size":77}` + "\n"
	if got := string(AppendJSON(nil, testEntry(t))); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// fields reads a protocol buffer by the reference implementation.
func fields(t *testing.T, b []byte) map[protowire.Number]any {
	t.Helper()
	out := map[protowire.Number]any{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			out[num] = v
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			out[num] = v
		case protowire.BytesType:
			var v []byte
			v, n = protowire.ConsumeBytes(b)
			out[num] = string(v)
		default:
			t.Fatalf("field %d of type %d", num, typ)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
	}
	return out
}

func TestDnstapIsReadByTheReference(t *testing.T) {
	e := testEntry(t)
	top := fields(t, AppendDnstap(nil, e, "ns1", "geodns 1"))
	if top[1] != "ns1" || top[2] != "geodns 1" || top[15] != uint64(1) {
		t.Errorf("dnstap: %v", top)
	}
	if !json.Valid([]byte(top[3].(string))) {
		t.Errorf("extra is %q", top[3])
	}
	m := fields(t, []byte(top[14].(string)))
	for num, want := range map[protowire.Number]any{
		1: uint64(2), 2: uint64(2), 3: uint64(2), 4: string(netip.MustParseAddr("2001:db8::1").AsSlice()), 6: uint64(4321),
		8: uint64(1700000000), 9: uint32(500), 10: string(e.Query), 12: uint64(1700000000), 13: uint32(500), 14: string(e.Reply),
	} {
		if m[num] != want {
			t.Errorf("field %d of the message is %v, want %v", num, m[num], want)
		}
	}
	e.Limited = "drop"
	if _, has := fields(t, tapMessageOf(e))[14]; has {
		t.Error("an answer that was not sent is in the message")
	}
}

func FuzzAppendJSON(f *testing.F) {
	packet, _ := hex.DecodeString(query)
	f.Add(packet)
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		e := testEntry(t)
		e.Query, e.Reply = packet, packet
		line := AppendJSON(nil, e)
		if !json.Valid(line) || line[len(line)-1] != '\n' {
			t.Errorf("%q", line)
		}
	})
}
