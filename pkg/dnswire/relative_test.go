package dnswire

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// TestRelativeSaysTheSame compares replies with the prepared record with those
// that search for what compresses it.
func TestRelativeSaysTheSame(t *testing.T) {
	numbers := make([]byte, 20)
	for _, row := range []struct {
		origin, question, mname, rname string
		prepared                       bool
	}{
		{"example.com", "www.example.com", "ns1.example.com", "hostmaster.example.com", true},
		{"example.com", "example.com", "ns1.example.com", "hostmaster.example.com", true},
		{"example.com", "WWW.eXample.com", "ns1.Example.com", "hostmaster.example.com", true},
		{"example.com", "a.b.c.example.com", "ns.example.net", "hostmaster.example.com", true},
		{"example.com", "www.example.com", "example.com", "example.com", true},
		{"example.com", "www.example.com", "ns.example.org", "root.net", true},
		{"example.com", "www.example.com", "ns.badexample.com", "root.com", false},            // shares com
		{"example.com", "www.example.com", "ns.dns.example.com", "me.dns.example.com", false}, // shares dns
		{"example.com", "www.example.com", "ns.example.net", "me.example.net", false},
		{"", "com", "a.root-servers.net", "nstld.verisign-grs.com", false},
	} {
		origin := wire(t, row.origin)
		rdata := append(append(wire(t, row.mname), wire(t, row.rname)...), numbers...)
		r, ok := NewRelative(TypeSOA, rdata, origin)
		if ok != row.prepared {
			t.Errorf("%+v: prepared %v", row, ok)
		}
		if !ok {
			continue
		}
		q := query(t, row.question)
		at := len(q.Name) - len(origin)
		var m Message
		m.Start(nil, q, 512)
		if !m.AppendRelative(Authority, at, TypeSOA, 60, &r) {
			t.Fatalf("%+v does not fit", row)
		}
		got := bytes.Clone(m.Finish(nil))
		m.Start(nil, q, 512)
		m.AppendRecord(Authority, q.Name[at:], TypeSOA, 60, rdata)
		want := m.Finish(nil)
		if !bytes.Equal(got, want) {
			t.Errorf("%+v:\ngot  %x\nwant %x", row, got, want)
		}
		if err := new(dns.Msg).Unpack(got); err != nil {
			t.Errorf("%+v: %v", row, err)
		}
		m.Start(nil, q, len(got)-1)
		if m.AppendRelative(Authority, at, TypeSOA, 60, &r) || m.Len() != headerLen+len(q.Name)+fixedQuestion {
			t.Errorf("%+v: fits into one octet less than it has", row)
		}
	}
}

// TestLowerKnowsEveryOctet at every place of the eight that are done at once, and
// among neighbours that could carry into it.
func TestLowerKnowsEveryOctet(t *testing.T) {
	for _, around := range []byte{0, 0x7F, 0x80, 0xFF, 'A', 'Z', 'm'} {
		for c := range 256 {
			for at := range 11 {
				b := bytes.Repeat([]byte{around}, 11)
				b[at] = byte(c)
				var want []byte
				for _, x := range b {
					want = append(want, folded[x])
				}
				if got := AppendLower(nil, b); !bytes.Equal(got, want) {
					t.Fatalf("%x became %x, want %x", b, got, want)
				}
			}
		}
	}
}

// TestPlainSetsAreWrittenAlike: the short way of an answer writes what the long
// one does.
func TestPlainSetsAreWrittenAlike(t *testing.T) {
	q := query(t, "www.example.com")
	for _, set := range []*RRset{
		setOf(TypeA, []byte{192, 0, 2, 1}), setOf(TypeTXT, []byte{1, 'x'}, []byte{0}, bytes.Repeat([]byte{3}, 100)),
	} {
		var short, long Message
		for limit := range 250 {
			short.Start(nil, q, limit)
			long.Start(nil, q, limit)
			fits := true
			for rdata := range set.All() {
				fits = fits && long.AppendRecord(Answer, q.Name, set.Type, set.TTL, rdata)
			}
			if got := short.Append(Answer, q.Name, set, set.TTL); got != fits {
				t.Fatalf("limit %d: fits %v, want %v", limit, got, fits)
			}
			if got, want := short.Finish(nil), long.Finish(nil); fits && !bytes.Equal(got, want) {
				t.Fatalf("limit %d:\ngot  %x\nwant %x", limit, got, want)
			} else if !fits && len(got) != headerLen+len(q.Name)+fixedQuestion {
				t.Fatalf("limit %d: %d octets of a set that does not fit", limit, len(got))
			}
		}
	}
}
