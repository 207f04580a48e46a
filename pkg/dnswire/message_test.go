package dnswire

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// query returns a parsed question for name, A, class IN, with ID 1234.
func query(t testing.TB, name string) *Query {
	t.Helper()
	packet := append([]byte{0x12, 0x34, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0}, wire(t, name)...)
	q := new(Query)
	if v := q.Parse(append(packet, 0, 1, 0, 1)); v != Proceed {
		t.Fatalf("question for %s: %v", name, v)
	}
	return q
}

func setOf(typ Type, rdata ...[]byte) *RRset { return NewRRset(typ, 300, rdata...) }

// names returns the wire forms of names as RDATA.
func names(t testing.TB, texts ...string) (rdata [][]byte) {
	for _, text := range texts {
		rdata = append(rdata, wire(t, text))
	}
	return rdata
}

// unpack reads a message with miekg/dns, which must be content with it.
func unpack(t testing.TB, packet []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil {
		t.Fatalf("miekg/dns cannot read %x: %v", packet, err)
	}
	return m
}

// Replies, octet by octet: what stands after the question.
func TestMessageOctets(t *testing.T) {
	for _, row := range []struct {
		what  string
		qname string
		build func(m *Message, q *Query)
		want  string
	}{
		{"an owner that is the question is a pointer to it", "www.example.com", func(m *Message, q *Query) {
			m.Append(Answer, q.Lower, setOf(TypeA, []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}), 30)
		}, "c00c 0001 0001 0000001e 0004 c0000201  c00c 0001 0001 0000001e 0004 c0000202"},
		{"an end of the question's name is a pointer into it", "www.example.com", func(m *Message, q *Query) {
			m.Append(Authority, wire(t, "example.COM"), setOf(TypeNS, names(t, "ns1.example.com", "NS2.example.com")...), 300)
		}, `c010 0002 0001 0000012c 0006 03 'ns1' c010
		    c010 0002 0001 0000012c 0006 03 'NS2' c010`},
		{"an owner is written once and then pointed to", "www.example.com", func(m *Message, q *Query) {
			m.Append(Additional, wire(t, "ns.example.org"), setOf(TypeA, []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}), 300)
		}, `02 'ns' 07 'example' 03 'org' 00 0001 0001 0000012c 0004 c0000201
		    c021 0001 0001 0000012c 0004 c0000202`},
		{"glue is a pointer to the name in the NS record", "www.example.com", func(m *Message, q *Query) {
			m.Append(Authority, wire(t, "example.com"), setOf(TypeNS, names(t, "ns.example.com")...), 300)
			m.Append(Additional, wire(t, "NS.example.com"), setOf(TypeA, []byte{192, 0, 2, 1}), 300)
		}, `c010 0002 0001 0000012c 0005 02 'ns' c010
		    c02d 0001 0001 0000012c 0004 c0000201`},
		{"names in MX and SOA are compressed", "example.com", func(m *Message, q *Query) {
			m.Append(Answer, q.Name, setOf(TypeMX, append([]byte{0, 10}, wire(t, "mx.example.com")...)), 300)
			soa := append(append(wire(t, "ns.example.com"), wire(t, "mx.example.com")...), bytes.Repeat([]byte{1}, 20)...)
			m.Append(Authority, q.Name, setOf(TypeSOA, soa), 300)
		}, `c00c 000f 0001 0000012c 0007 000a 02 'mx' c00c
		    c00c 0006 0001 0000012c 001b 02 'ns' c00c c02b 20*01`},
		{"names in SRV, DNAME and RP are not, and are not pointed to", "example.com", func(m *Message, q *Query) {
			m.Append(Answer, q.Name, setOf(TypeSRV, append([]byte{0, 1, 0, 2, 0, 3}, wire(t, "x.example.com")...)), 300)
			m.Append(Answer, q.Name, setOf(TypeDNAME, wire(t, "x.example.com")), 300)
			m.Append(Answer, q.Name, setOf(TypeRP, append(wire(t, "example.com"), wire(t, "example.com")...)), 300)
			m.Append(Answer, wire(t, "x.example.com"), setOf(TypeA, []byte{192, 0, 2, 1}), 300)
		}, `c00c 0021 0001 0000012c 0015 0001 0002 0003 01 'x' 07 'example' 03 'com' 00
		    c00c 0027 0001 0000012c 000f 01 'x' 07 'example' 03 'com' 00
		    c00c 0011 0001 0000012c 001a 07 'example' 03 'com' 00 07 'example' 03 'com' 00
		    01 'x' c00c 0001 0001 0000012c 0004 c0000201`},
		{"the root is written, never pointed to", ".", func(m *Message, q *Query) {
			m.Append(Answer, q.Name, setOf(TypeNS, names(t, ".", "a")...), 300)
		}, `00 0002 0001 0000012c 0001 00  00 0002 0001 0000012c 0003 01 'a' 00`},
		{"a label of which another is the start is another label", "ab.c", func(m *Message, q *Query) {
			m.Append(Answer, wire(t, "a.c"), setOf(TypeCNAME, names(t, "abc.c")...), 300)
		}, `01 'a' c00f 0005 0001 0000012c 0006 03 'abc' c00f`},
		{"the same label at another depth is another name", "a.b", func(m *Message, q *Query) {
			m.Append(Answer, wire(t, "a"), setOf(TypeCNAME, names(t, "b.b", "a.a.b")...), 300)
		}, `01 'a' 00 0005 0001 0000012c 0004 01 'b' c00e
		    c015 0005 0001 0000012c 0004 01 'a' c00c`},
		{"RDATA that holds no name stays as it is", "a.b", func(m *Message, q *Query) {
			m.Append(Answer, q.Name, setOf(TypeNS, []byte{0xc0, 0x0c}, []byte{1}, nil), 300)
			m.Append(Answer, q.Name, setOf(TypeMX, []byte{1}, []byte{0, 1}), 300)
		}, `c00c 0002 0001 0000012c 0002 c00c  c00c 0002 0001 0000012c 0001 01  c00c 0002 0001 0000012c 0000
		    c00c 000f 0001 0000012c 0001 01    c00c 000f 0001 0000012c 0002 0001`},
		{"a class of one's own", "id.server", func(m *Message, q *Query) {
			m.AppendRecordClass(Answer, q.Name, TypeTXT, ClassCH, 0, []byte("\x02n1"))
		}, "c00c 0010 0003 00000000 0003 02 'n1'"},
		{"a TTL of the caller's and one record", "www.example.com", func(m *Message, q *Query) {
			m.AppendRecord(Answer, q.Name, TypeA, 1<<31-1, []byte{192, 0, 2, 1})
		}, "c00c 0001 0001 7fffffff 0004 c0000201"},
	} {
		var m Message
		q := query(t, row.qname)
		m.Start(nil, q, 512)
		row.build(&m, q)
		got := m.Finish(nil)
		start := headerLen + len(q.Name) + 4
		if want := assemble(t, row.want); !bytes.Equal(got[start:], want) {
			t.Errorf("%s:\ngot  %x\nwant %x", row.what, got[start:], want)
		}
	}
}

// dump shows a message as dig would, with the section headings left out.
func dump(t *testing.T, packet []byte) string {
	t.Helper()
	m := unpack(t, packet)
	var lines []string
	for line := range strings.SplitSeq(m.String(), "\n") {
		if line != "" && !strings.HasSuffix(line, "SECTION:") && line != ";; OPT PSEUDOSECTION:" {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(lines, "\n")
}

func TestMessageHeader(t *testing.T) {
	q := query(t, "wWw.Example.com")
	q.Opcode, q.TC, q.AD = OpcodeNotify, true, true
	var m Message
	m.Start([]byte("before"), q, 512)
	m.SetAA(true)
	m.SetTC(true)
	m.SetTC(false)
	m.SetRCode(RCodeNXDomain)
	got := m.Finish(nil)
	want := assemble(t, "'before' 1234 a513 0001 0000 0000 0000 03 'wWw' 07 'Example' 03 'com' 00 0001 0001")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

// What was in the buffer before, such as room for a length, moves no pointer.
func TestMessageAfterOtherOctets(t *testing.T) {
	q := query(t, "www.example.com")
	build := func(dst []byte) []byte {
		var m Message
		m.Start(dst, q, 120)
		for i := 0; m.AppendRecord(Answer, q.Name, TypeA, 30, []byte{192, 0, 2, byte(i)}); i++ {
		}
		return m.Finish(&Reply{UDPSize: 1232})
	}
	plain, framed := build(nil), build([]byte{0, 0})
	if !bytes.Equal(plain, framed[2:]) || len(plain) > 120 {
		t.Errorf("got\n%x and after two octets\n%x", plain, framed)
	}
}

func TestMessageWithoutAQuestion(t *testing.T) {
	var q Query
	q.Parse(assemble(t, "1234 0000 0000 0000 0000 0000"))
	var m Message
	m.Start(nil, &q, 512)
	m.SetRCode(RCodeFormErr)
	if got, want := m.Finish(nil), assemble(t, "1234 8001 0000 0000 0000 0000"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// For every limit: a set is in the message whole or not at all, and what comes
// after it is as if it had never been tried.
func TestAppendIsWholeOrNothing(t *testing.T) {
	q := query(t, "www.example.com")
	big := setOf(TypeNS, names(t, "a.ns.example.org", "b.ns.example.org", "c.ns.example.net")...)
	small := setOf(TypeCNAME, names(t, "c.ns.example.net")...)
	build := func(limit int, sets ...*RRset) (packet []byte, fits []bool) {
		var m Message
		m.Start(nil, q, limit)
		for _, set := range sets {
			before := m.Len()
			ok := m.Append(Answer, wire(t, "x.example.com"), set, 300)
			if !ok && m.Len() != before {
				t.Fatalf("limit %d: %d octets were left behind", limit, m.Len()-before)
			}
			fits = append(fits, ok)
		}
		return m.Finish(nil), fits
	}
	full, _ := build(maxMessage, big)
	for limit := range len(full) + 60 {
		got, fits := build(limit, big, small)
		if want := limit >= len(full); fits[0] != want {
			t.Fatalf("limit %d: the set fits: %v, want %v", limit, fits[0], want)
		}
		var want []byte
		if !fits[0] {
			want, _ = build(limit, small)
		} else {
			want, _ = build(maxMessage, big, small)
			if !fits[1] {
				want = full
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("limit %d:\ngot  %x\nwant %x", limit, got, want)
		}
	}
}

func TestReservedOctetsAreKeptForOPT(t *testing.T) {
	q := query(t, "www.example.com")
	reply := &Reply{UDPSize: 1232, NSID: []byte("node-1")}
	for limit := 80; limit < 200; limit++ {
		var m Message
		m.Start(nil, q, limit)
		m.Reserve(reply.Len())
		records := 0
		for m.AppendRecord(Answer, q.Name, TypeA, 30, []byte{192, 0, 2, byte(records)}) {
			records++
		}
		room := limit - m.Len() - reply.Len()
		packet := m.Finish(reply)
		msg := unpack(t, packet)
		if len(packet) > limit || room < 0 || room >= 16 {
			t.Fatalf("limit %d: %d octets, room for %d more", limit, len(packet), room)
		}
		if opt := msg.IsEdns0(); msg.Truncated || len(msg.Answer) != records || opt == nil || len(opt.Option) != 1 {
			t.Fatalf("limit %d: got %v", limit, msg)
		}
	}
}

// A caller that reserves too little gets a shorter message, never a longer one.
func TestOPTThatWasNotReservedTruncates(t *testing.T) {
	q := query(t, "www.example.com")
	reply := &Reply{UDPSize: 1232, DO: true, NSID: []byte("node-1")}
	build := func(limit int) *dns.Msg {
		var m Message
		m.Start(nil, q, limit)
		m.AppendRecord(Answer, q.Name, TypeA, 30, []byte{192, 0, 2, 1})
		packet := m.Finish(reply)
		if len(packet) > limit {
			t.Errorf("limit %d: %d octets", limit, len(packet))
		}
		return unpack(t, packet)
	}
	const question, record, bare = 33, 16, 11
	if m := build(question + record + reply.Len()); len(m.Answer) != 1 || m.Truncated || len(m.IsEdns0().Option) != 1 {
		t.Errorf("room for all: got %v", m)
	}
	if m := build(question + record + reply.Len() - 1); len(m.Answer) != 0 || !m.Truncated || len(m.IsEdns0().Option) != 1 {
		t.Errorf("an octet short: got %v", m)
	}
	// Without records there is nothing to come back for over TCP.
	var m Message
	m.Start(nil, q, question+bare)
	if m := unpack(t, m.Finish(reply)); m.Truncated || len(m.IsEdns0().Option) != 0 {
		t.Errorf("room for a bare OPT, no records: got %v", m)
	}
	if m := build(question + bare); len(m.Answer) != 0 || !m.IsEdns0().Do() || len(m.IsEdns0().Option) != 0 {
		t.Errorf("room for a bare OPT: got %v", m)
	}
}

func TestTruncateAndClear(t *testing.T) {
	q := query(t, "www.example.com")
	build := func(undo func(m *Message)) string {
		var m Message
		m.Start(nil, q, 512)
		m.SetAA(true)
		m.SetRCode(RCodeNXDomain)
		m.Append(Answer, q.Name, setOf(TypeCNAME, names(t, "x.example.org")...), 300)
		m.Append(Additional, wire(t, "y.example.org"), setOf(TypeA, []byte{192, 0, 2, 1}), 300)
		undo(&m)
		// Sections begin anew, and no pointer leads to what is gone.
		if !m.Append(Answer, wire(t, "y.example.org"), setOf(TypeA, []byte{192, 0, 2, 9}), 300) {
			t.Error("the message is still full")
		}
		return dump(t, m.Finish(nil))
	}
	const rest = `;www.example.com. IN A
y.example.org. 300 IN A 192.0.2.9`
	want := `;; opcode: QUERY, status: NXDOMAIN, id: 4660
;; flags: qr aa tc rd cd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0
` + rest
	if got := build((*Message).Truncate); got != want {
		t.Errorf("after Truncate:\n%s\nwant\n%s", got, want)
	}
	want = `;; opcode: QUERY, status: NOERROR, id: 4660
;; flags: qr rd cd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0
` + rest
	if got := build((*Message).Clear); got != want {
		t.Errorf("after Clear:\n%s\nwant\n%s", got, want)
	}
}

func TestReplyOptions(t *testing.T) {
	q := query(t, "www.example.com")
	for _, row := range []struct {
		what  string
		reply Reply
		rcode RCode
		want  string
	}{
		{"nothing", Reply{UDPSize: 1232}, RCodeNoError, "0029 04d0 00 00 0000 0000"},
		{"DO", Reply{UDPSize: 512, DO: true}, RCodeNXDomain, "0029 0200 00 00 8000 0000"},
		{"BADVERS", Reply{UDPSize: 1232}, RCodeBadVers, "0029 04d0 01 00 0000 0000"},
		{"BADCOOKIE", Reply{UDPSize: 1232, Cookie: bytes.Repeat([]byte{7}, 24)}, RCodeBadCookie,
			"0029 04d0 01 00 0000 001c 000a 0018 24*07"},
		{"NSID", Reply{NSID: []byte("ab")}, 0, "0029 0000 00 00 0000 0006 0003 0002 'ab'"},
		{"ECS /24", Reply{ECS: &ECS{Family: 1, Source: 24, Scope: 20, Addr: netip.MustParseAddr("192.0.2.0")}}, 0,
			"0029 0000 00 00 0000 000b 0008 0007 0001 18 14 c00002"},
		{"ECS /0", Reply{ECS: &ECS{Family: 1, Addr: netip.MustParseAddr("0.0.0.0")}}, 0,
			"0029 0000 00 00 0000 0008 0008 0004 0001 00 00"},
		{"ECS of no family", Reply{ECS: &ECS{}}, 0, "0029 0000 00 00 0000 0008 0008 0004 0000 00 00"},
		{"ECS /56", Reply{ECS: &ECS{Family: 2, Source: 56, Scope: 48, Addr: netip.MustParseAddr("2001:db8:1:200::")}}, 0,
			"0029 0000 00 00 0000 000f 0008 000b 0002 38 30 20010db8000102"},
		{"ECS of a mapped address", Reply{ECS: &ECS{Family: 2, Source: 128, Addr: netip.MustParseAddr("::ffff:192.0.2.1")}}, 0,
			"0029 0000 00 00 0000 0018 0008 0014 0002 80 00 10*00 ffff c0000201"},
		{"keepalive of 10 s", Reply{KeepAlive: true, IdleTimeout: 100}, 0, "0029 0000 00 00 0000 0006 000b 0002 0064"},
		{"keepalive of nothing", Reply{KeepAlive: true}, 0, "0029 0000 00 00 0000 0006 000b 0002 0000"},
		{"extended error", Reply{EDE: &EDE{EDENotAuthoritative, "no zone"}}, RCodeRefused,
			"0029 0000 00 00 0000 000d 000f 0009 0014 'no' 20 'zone'"},
		{"all of them", Reply{
			UDPSize: 1232, DO: true, NSID: []byte("a"), Cookie: bytes.Repeat([]byte{7}, 24), KeepAlive: true, IdleTimeout: 1,
			ECS: &ECS{Family: 1, Source: 8, Addr: netip.MustParseAddr("10.0.0.0")}, EDE: &EDE{Code: EDEProhibited},
		}, 0, `0029 04d0 00 00 8000 0036 0003 0001 'a' 0008 0005 0001 08 00 0a 000a 0018 24*07
			000b 0002 0001 000f 0002 0012`},
	} {
		var m Message
		m.Start(nil, q, 512)
		m.SetRCode(row.rcode)
		packet := m.Finish(&row.reply)
		opt := packet[headerLen+len(q.Name)+4:]
		if want := append([]byte{0}, assemble(t, row.want)...); !bytes.Equal(opt, want) {
			t.Errorf("%s:\ngot  %x\nwant %x", row.what, opt, want)
		}
		if row.reply.Len() != len(opt) {
			t.Errorf("%s: Len is %d, want %d", row.what, row.reply.Len(), len(opt))
		}
		if msg := unpack(t, packet); msg.Rcode != int(row.rcode) {
			t.Errorf("%s: response code %d, want %d", row.what, msg.Rcode, row.rcode)
		}
	}
}

// Without OPT there is no room for the upper bits of a code; the lower ones alone
// would be a lie, NOERROR for BADVERS.
func TestExtendedCodeWithoutOPTIsServFail(t *testing.T) {
	for _, code := range []RCode{RCodeBadVers, RCodeBadCookie} {
		var m Message
		m.Start(nil, query(t, "a"), 512)
		m.SetRCode(code)
		if got := unpack(t, m.Finish(nil)).Rcode; got != dns.RcodeServerFailure {
			t.Errorf("%v became %s", code, dns.RcodeToString[got])
		}
	}
}

// A message of a Message used before is as one of a new one.
func TestMessageIsReusable(t *testing.T) {
	build := func(m *Message, buf []byte, q *Query) []byte {
		m.Start(buf, q, 512)
		m.Append(Answer, q.Name, setOf(TypeCNAME, names(t, "x.example.org")...), 300)
		return m.Finish(nil)
	}
	var used Message
	used.Start(nil, query(t, "other.example.org"), 100)
	used.SetAA(true)
	used.SetRCode(RCodeNXDomain)
	used.Reserve(60)
	for used.Append(Additional, wire(t, "x.example.org"), setOf(TypeA, []byte{192, 0, 2, 1}), 300) {
	}
	q := query(t, "www.example.com")
	if got, want := build(&used, nil, q), build(new(Message), nil, q); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestSectionsOutOfOrderPanic(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "dnswire: ") {
			t.Errorf("got %s", got)
		}
	}()
	q := query(t, "www.example.com")
	var m Message
	m.Start(nil, q, 512)
	m.AppendRecord(Additional, q.Name, TypeA, 0, []byte{192, 0, 2, 1})
	m.AppendRecord(Answer, q.Name, TypeA, 0, []byte{192, 0, 2, 1})
}

// Pointers have 14 bits: names beyond are written, and not pointed to.
func TestNamesBeyondTheReachOfAPointer(t *testing.T) {
	q := query(t, "www.example.com")
	var m Message
	m.Start(nil, q, maxMessage)
	filler := make([]byte, 16000)
	m.AppendRecord(Answer, q.Name, TypeNULL, 0, filler)
	var want []string
	for i := range 60 {
		owner := fmt.Sprintf("h%d.zone%d.test.", i, i)
		if !m.Append(Additional, wire(t, owner), setOf(TypeA, []byte{1, 2, 3, 4}, []byte{1, 2, 3, 5}), 300) {
			t.Fatal("the message is full")
		}
		want = append(want, owner, owner)
	}
	for i, rr := range unpack(t, m.Finish(nil)).Extra {
		if rr.Header().Name != want[i] {
			t.Fatalf("record %d has owner %s, want %s", i, rr.Header().Name, want[i])
		}
	}
}
