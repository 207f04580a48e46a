package dnswire

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

func TestTruncateReplyKeepsQuestionAndOPT(t *testing.T) {
	q := query(t, "www.example.com")
	needed := Reply{UDPSize: 1232, DO: true, Cookie: bytes.Repeat([]byte{7}, 24), ECS: &ECS{Family: 1, Source: 24, Scope: 16, Addr: netip.MustParseAddr("192.0.2.0")}}
	all := needed
	all.NSID, all.EDE, all.ReportAgent = []byte("node"), &EDE{Text: "why"}, Name(wire(t, "er.example.com"))
	for _, c := range []struct{ had, has *Reply }{{nil, nil}, {&needed, &needed}, {&all, &needed}, {&Reply{NSID: []byte("node")}, &Reply{}}} {
		var m Message
		m.Start(nil, q, maxMessage)
		m.Append(Answer, q.Name, setOf(TypeTXT, bytes.Repeat([]byte{1, 'x'}, 300)), 60)
		m.Append(Authority, q.Name, setOf(TypeNS, wire(t, "ns.example.com")), 60)
		long := m.Finish(c.had)
		m.Start(nil, q, maxMessage)
		m.Truncate()
		want := m.Finish(c.has)
		if got := TruncateReply(long); !bytes.Equal(got, want) {
			t.Errorf("got  %x\nwant %x", got, want)
		}
	}
	if got := TruncateReply(make([]byte, headerLen-1)); got != nil {
		t.Errorf("%x of less than a header", got)
	}
}

func FuzzTruncateReply(f *testing.F) {
	m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	m.SetEdns0(1232, false)
	b, _ := m.Pack()
	f.Add(b)
	f.Fuzz(func(t *testing.T, reply []byte) {
		before := len(reply)
		got := TruncateReply(bytes.Clone(reply))
		if len(got) > before || len(got) >= headerLen && got[2]&(flagTC>>8) == 0 {
			t.Fatalf("%x became %x", reply, got)
		}
	})
}
