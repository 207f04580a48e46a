package dnswire

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// The packet of a resolver: EDNS with client subnet and cookie.
const benchQuery = `1234 0010 0001 0000 0000 0001 03 'www' 07 'example' 03 'com' 00 0001 0001
	00 0029 04d0 0000 8000 0017  0008 0007 0001 18 00 c00002  000a 0008 0102030405060708`

// answerTo builds the reply of a steered name: two addresses and OPT.
func answerTo(m *Message, q *Query, buf []byte, ecs *ECS, cookie []byte) []byte {
	*ecs = q.EDNS.ECS
	ecs.Scope = 20
	reply := Reply{UDPSize: 1232, DO: q.EDNS.DO, ECS: ecs, Cookie: cookie}
	m.Start(buf, q, 1232)
	m.SetAA(true)
	m.Reserve(reply.Len())
	for i := range byte(2) {
		addr := [4]byte{192, 0, 2, i}
		m.AppendRecord(Answer, q.Name, TypeA, 30, addr[:])
	}
	return m.Finish(&reply)
}

// referral builds a reply with thirteen name servers and their addresses, as of
// the root: much to compress.
func referral(m *Message, q *Query, buf []byte, zone []byte, ns *RRset, hosts [][]byte, a *RRset) []byte {
	m.Start(buf, q, 4096)
	m.Append(Authority, zone, ns, ns.TTL)
	for _, host := range hosts {
		m.Append(Additional, host, a, a.TTL)
	}
	return m.Finish(nil)
}

func rootServers(t testing.TB) (zone []byte, ns *RRset, hosts [][]byte, a *RRset) {
	for c := 'a'; c <= 'm'; c++ {
		hosts = append(hosts, wire(t, fmt.Sprintf("%c.gtld-servers.net", c)))
	}
	return wire(t, "com"), NewRRset(TypeNS, 172800, hosts...), hosts, setOf(TypeA, []byte{192, 0, 2, 1})
}

func TestHotPathAllocatesNothing(t *testing.T) {
	packet := assemble(t, benchQuery)
	buf := make([]byte, 0, 4096)
	addr := netip.MustParseAddr("2001:db8::1")
	zone, ns, hosts, a := rootServers(t)
	var (
		q      Query
		m      Message
		ecs    ECS
		cookie [24]byte
		name   = Name("\x03www\x07example\x03com\x00")
		set    = map[Name]int{name: 1}
		small  = make([]byte, 0, 600)
		sum    uint64
	)
	for what, f := range map[string]func(){
		"Parse": func() { q.Parse(packet) },
		"an answer": func() {
			q.Parse(packet)
			copy(cookie[:], q.EDNS.ClientCookie[:])
			AppendServerCookie(cookie[:8], [16]byte{1}, q.EDNS.ClientCookie, addr, 1)
			if len(answerTo(&m, &q, buf, &ecs, cookie[:])) == 0 {
				t.Error("no answer")
			}
		},
		"a referral": func() { referral(&m, &q, buf, zone, ns, hosts, a) },
		"a set that does not fit": func() {
			m.Start(small, &q, 100)
			if m.Append(Authority, zone, ns, 1) {
				t.Error("it fits")
			}
			m.Truncate()
			m.Finish(nil)
		},
		"names": func() {
			q.Parse(packet)
			_ = set[Name(q.Lower)]
			_ = name.Parent().IsSubdomainOf("\x03com\x00")
			_ = name.NumLabels()
		},
		"cookies": func() {
			if !CheckServerCookie([16]byte{1}, [8]byte{}, AppendServerCookie(cookie[:0], [16]byte{1}, [8]byte{}, addr, 5), addr, 5) {
				t.Error("not believed")
			}
		},
		"SipHash": func() { sum += SipHash([16]byte{1}, packet) },
		"names of codes": func() {
			_, _, _ = TypeA.String(), RCodeRefused.String(), ClassIN.String()
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", what, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, row := range []struct{ name, packet string }{
		{"plain", "1234 0010 0001 0000 0000 0000 03 'www' 07 'example' 03 'com' 00 0001 0001"},
		{"edns", benchQuery},
	} {
		b.Run(row.name, func(b *testing.B) {
			packet := assemble(b, row.packet)
			var q Query
			b.ReportAllocs()
			for b.Loop() {
				if q.Parse(packet) != Proceed {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	var (
		q      Query
		m      Message
		ecs    ECS
		cookie [24]byte
	)
	q.Parse(assemble(b, benchQuery))
	buf := make([]byte, 0, 1232)
	b.ReportAllocs()
	for b.Loop() {
		answerTo(&m, &q, buf, &ecs, cookie[:])
	}
}

func BenchmarkReferral(b *testing.B) {
	zone, ns, hosts, a := rootServers(b)
	q := query(b, "www.example.com")
	var m Message
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		referral(&m, q, buf, zone, ns, hosts, a)
	}
}

func BenchmarkServerCookie(b *testing.B) {
	addr := netip.MustParseAddr("2001:db8::1")
	var buf [16]byte
	b.ReportAllocs()
	for b.Loop() {
		AppendServerCookie(buf[:0], [16]byte{1}, [8]byte{2}, addr, 1)
	}
}

// What a set of names costs that share nothing: the bound on the table holds.
func BenchmarkManyNames(b *testing.B) {
	q := query(b, "www.example.com")
	ns := NewRRset(TypeNS, 1)
	for i := range 1000 {
		ns.Add(nil, wire(b, fmt.Sprintf("ns.host%d.zone%d.test%d", i, i, i)))
	}
	var m Message
	buf := make([]byte, 0, maxMessage)
	b.ReportAllocs()
	for b.Loop() {
		m.Start(buf, q, maxMessage)
		if !m.Append(Answer, q.Name, ns, 1) {
			b.Fatal("full")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}

// The yardstick: the same question and answer through miekg/dns.
func BenchmarkMiekgParse(b *testing.B) {
	packet := assemble(b, benchQuery)
	b.ReportAllocs()
	for b.Loop() {
		var m dns.Msg
		if err := m.Unpack(packet); err != nil {
			b.Fatal(err)
		}
	}
}
