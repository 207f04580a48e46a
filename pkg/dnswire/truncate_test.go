package dnswire

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

func TestTruncateReplyKeepsQuestionAndOPT(t *testing.T) {
	q := query(t, "www.example.com")
	for _, edns := range []*Reply{nil, {UDPSize: 1232, NSID: []byte("node")}} {
		var m Message
		m.Start(nil, q, maxMessage)
		m.Append(Answer, q.Name, setOf(TypeTXT, bytes.Repeat([]byte{1, 'x'}, 300)), 60)
		m.Append(Authority, q.Name, setOf(TypeNS, wire(t, "ns.example.com")), 60)
		long := m.Finish(edns)
		m.Start(nil, q, maxMessage)
		m.Truncate()
		want := m.Finish(edns)
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
