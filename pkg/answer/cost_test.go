package answer

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// costly is a question of each kind that a server is asked all day.
var costly = []struct{ name, question, qtype, subnet string }{
	{"static", "www.example.com.", "A", ""},
	{"nxdomain", "none.example.com.", "A", ""},
	{"alias", "alias.example.com.", "A", ""},
	{"referral", "www.sub.example.com.", "A", ""},
	{"mail", "example.com.", "MX", ""},
	{"steered", "steered.example.com.", "A", "10.1.2.0/24"},
	{"weighted", "weighted.example.com.", "A", ""},
}

const costZone = `zone example.com
$TTL 300
@        SOA ns1 hostmaster 1 3600 600 604800 60
@        NS ns1
@        MX 10 www
ns1      A 192.0.2.53
www      A 192.0.2.80
alias    CNAME www
sub      NS ns.sub
ns.sub   A 192.0.2.54
steered  STEER web
weighted STEER half
`

func costQuery(tb testing.TB, name, qtype, subnet string) []byte {
	tb.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[qtype])
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(1232)
	if subnet != "" {
		p := netip.MustParsePrefix(subnet)
		opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice(),
		})
	}
	m.Extra = append(m.Extra, opt)
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestAnAnswerAllocatesNothing(t *testing.T) {
	w := load(t, costZone)
	out := make([]byte, 0, 4096)
	for _, c := range costly {
		packet := costQuery(t, c.question, c.qtype, c.subnet)
		allocs := testing.AllocsPerRun(200, func() {
			reply, _ := w.resp.Answer(w.state, packet, Request{From: resolver, Now: 1}, out)
			if len(reply) <= len(packet) {
				t.Fatalf("%s: a reply of %d octets", c.name, len(reply))
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", c.name, allocs)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	w := load(b, costZone)
	out := make([]byte, 0, 4096)
	for _, c := range costly {
		packet := costQuery(b, c.question, c.qtype, c.subnet)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.resp.Answer(w.state, packet, Request{From: resolver, Now: 1}, out)
			}
		})
	}
}
