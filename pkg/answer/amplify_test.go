package answer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// TestAmplificationIsBounded asks every kind of question as a forger would: with the
// shortest query that gets the largest answer, and without a cookie. No answer is
// longer than the size of UDP replies, and where nothing of the zone need be
// told, not by more than a few octets longer than the question.
func TestAmplificationIsBounded(t *testing.T) {
	var zone strings.Builder
	zone.WriteString(`zone example.com
$TTL 300
@       SOA ns1 hostmaster 1 3600 600 604800 60
@       NS ns1
@       MX 10 ns1
ns1     A 192.0.2.53
ns1     AAAA 2001:db8::53
big     TXT ` + strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 4) + `
huge    TXT ` + strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 12) + `
www     A 192.0.2.80
many    A 192.0.2.1
steered STEER web
failing STEER servfail
sub     NS ns.sub
ns.sub  A 192.0.2.54
`)
	for i := range 64 {
		fmt.Fprintf(&zone, "sixty A 192.0.2.%d\nsixty TXT t%d\nsub NS ns%d.sub\nns%d.sub A 192.0.2.%d\n", i+1, i, i, i, i+1)
	}
	w := load(t, zone.String())
	w.state.Cookies = Cookies{Enabled: true}
	w.state.NSID = []byte(strings.Repeat("n", 255))
	agent := "\x3f" + strings.Repeat("a", 63) + "\x20" + strings.Repeat("b", 32) + "\x00" // as long as it may be
	w.state.ReportAgent = dnswire.Name(agent)
	w.state.ExplainTo = []netip.Prefix{netip.PrefixFrom(resolver.Addr(), 32)}
	w.state.Reasons = func() func(health.ID) string { return func(health.ID) string { return strings.Repeat("why ", 60) } }
	down := w.down("fra")
	const (
		whole = DefaultUDPSize // data of the zone: as much as one packet holds
		told  = 4 + 98         // the report agent, beside what a zone here says
	)
	for _, c := range []struct {
		what, name, qtype string
		most              int // octets that the reply may have beyond the question, and what is told
		edit              func(*dns.Msg)
	}{
		{"an address", "www.example.com.", "A", 16, nil},
		{"ANY", "example.com.", "ANY", 64, nil},
		{"ANY of a node with much", "sixty.example.com.", "ANY", whole, nil},
		{"a large TXT", "big.example.com.", "TXT", whole, nil},
		{"a TXT too large", "huge.example.com.", "TXT", 0, nil},
		{"64 addresses", "sixty.example.com.", "A", whole, nil},
		{"a steered name", "steered.example.com.", "A", whole, nil},
		{"DNSKEY", "example.com.", "DNSKEY", 64, nil},
		{"NS and glue", "example.com.", "NS", 64, nil},
		{"MX and addresses", "example.com.", "MX", 64, nil},
		{"a large referral", "x.sub.example.com.", "A", whole, nil},
		{"NXDOMAIN", "nothing.example.com.", "A", 64, nil},
		{"no data", "www.example.com.", "AAAA", 64, nil},
		{"refused", "example.org.", "A", 8, nil},
		{"a transfer", "example.com.", "AXFR", 8, nil},
		{"an obsolete type", "example.com.", "MAILA", 8, nil},
		{"a type that is none", "example.com.", "TKEY", 8, nil},
		{"another class", "example.com.", "A", 8, func(m *dns.Msg) { m.Question[0].Qclass = 2 }},
		{"another version of EDNS", "example.com.", "A", 0, func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }},
		{"another opcode", "example.com.", "SOA", 0, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }},
		{"version.bind", "version.bind.", "TXT", 16, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }},
		{"an account of a decision", "_explain.steered.example.com.", "TXT", whole, nil},
		{"no site is up, and why", "failing.example.com.", "A", 24, nil},
		{"a client cookie", "www.example.com.", "A", 16 + 16, func(m *dns.Msg) {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})
		}},
		{"the name of the node", "www.example.com.", "A", 16 + 255, func(m *dns.Msg) {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		}},
	} {
		for _, edns := range []bool{true, false} {
			if !edns && c.edit != nil {
				continue
			}
			m := new(dns.Msg)
			m.SetQuestion(c.name, dns.StringToType[c.qtype])
			size := 512
			if edns {
				m.SetEdns0(65535, true)
				size = DefaultUDPSize
			}
			if c.edit != nil {
				c.edit(m)
			}
			packet, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			reply, o := w.resp.Answer(down, packet, Request{From: resolver, Now: 1}, make([]byte, 0, 4096))
			t.Logf("%-26s edns=%-5v %4d octets for %3d: × %.1f", c.what, edns, len(reply), len(packet), float64(len(reply))/float64(len(packet)))
			if len(reply) > size || len(reply) > len(packet)+c.most+told {
				t.Errorf("%s (EDNS: %v): %d octets for %d, at most %d more and %d in all", c.what, edns, len(reply), len(packet), c.most, size)
			}
			if short := dnswire.TruncateReply(reply); len(short) > len(packet)+16 { // a server cookie
				t.Errorf("%s: %d octets of slip for %d (%v)", c.what, len(short), len(packet), o.RCode)
			}
		}
	}
}
