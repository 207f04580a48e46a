package e2e

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestEveryTypeAtASite asks for records of every kind that a site may carry:
// those of the site whose address is answered, and no others, also where the
// name is the apex or a wildcard.
func TestEveryTypeAtASite(t *testing.T) {
	t.Parallel()
	carried := []string{
		"MX 10 mail.fra.example.", `TXT "fra" "two"`, "SRV 1 2 5060 sip.fra.example.", `HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1"`,
		`SVCB 1 svc.fra.example. port="8443"`, `CAA 0 issue "ca.example"`, "TLSA 3 1 1 " + strings.Repeat("ab", 32), "TYPE65333 \\# 2 abcd",
	}
	yaml := "sites:\n  fra:\n    addresses: [192.0.2.1]\n    records:\n"
	for _, r := range carried {
		yaml += "      - '" + r + "'\n"
	}
	yaml += "  iad: {addresses: [192.0.2.2, \"2001:db8::2\"], records: [MX 10 mail.iad.example.]}\n  big: {records: [CNAME edge.example.net.]}\n  inner: {records: [CNAME www.example.com.]}\n"
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("www 30 STEER \"{failover: [fra, iad]}\"\n@ 40 STEER \"{failover: [fra, iad]}\"\n*.app 50 STEER \"{failover: [fra, iad]}\"\ncdn 20 STEER \"{failover: [big, iad]}\"\nin 20 STEER inner\n"),
		"zones/steering.yaml":    yaml,
	})
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	ask := func(name, kind string) *dns.Msg {
		t.Helper()
		qtype, ok := dns.StringToType[kind]
		if !ok {
			n, err := strconv.ParseUint(strings.TrimPrefix(kind, "TYPE"), 10, 16)
			if err != nil {
				t.Fatal(kind)
			}
			qtype = uint16(n)
		}
		return a.must(t, query(name, qtype, netip.Prefix{}))
	}
	// answered holds the answer section against records in presentation form.
	answered := func(name, kind string, want ...string) {
		t.Helper()
		m := ask(name, kind)
		var got, right []string
		for _, rr := range m.Answer {
			got = append(got, strings.ToLower(rr.String()))
		}
		for _, text := range want {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(text, err)
			}
			right = append(right, strings.ToLower(rr.String()))
		}
		if m.Rcode != dns.RcodeSuccess || !m.Authoritative || !slices.Equal(got, right) {
			t.Errorf("%s %s: %s\n%q, want\n%q", name, kind, dns.RcodeToString[m.Rcode], got, right)
		}
	}
	// nodata wants an empty answer whose SOA lives as long as the STEER at most.
	nodata := func(name, kind string, ttl uint32) {
		t.Helper()
		m := ask(name, kind)
		var soa *dns.SOA
		if len(m.Ns) == 1 {
			soa, _ = m.Ns[0].(*dns.SOA)
		}
		if m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 || soa == nil || soa.Hdr.Name != "example.com." || soa.Hdr.Ttl != ttl || soa.Minttl != 60 {
			t.Errorf("%s %s is no NODATA with an SOA of TTL %d:\n%v", name, kind, ttl, m)
		}
	}
	for name, ttl := range map[string]uint32{"www.example.com.": 30, "example.com.": 40, "x.app.example.com.": 50} {
		stem := name + " " + map[uint32]string{30: "30", 40: "40", 50: "50"}[ttl] + " IN "
		answered(name, "A", stem+"A 192.0.2.1")
		for _, r := range carried {
			answered(name, strings.Fields(r)[0], stem+r)
		}
		nodata(name, "AAAA", ttl) // iad has one, and is not chosen
		nodata(name, "LOC", ttl)
		nodata(name, "TYPE65400", ttl)
	}
	answered("cdn.example.com.", "A", "cdn.example.com. 20 IN CNAME edge.example.net.")
	answered("cdn.example.com.", "TXT", "cdn.example.com. 20 IN CNAME edge.example.net.")
	answered("in.example.com.", "MX", "in.example.com. 20 IN CNAME www.example.com.", "www.example.com. 30 IN MX 10 mail.fra.example.")

	s.change("drain", "fra")
	s.change("drain", "big")
	for name, ttl := range map[string]uint32{"www.example.com.": 30, "example.com.": 40} {
		stem := name + " " + map[uint32]string{30: "30", 40: "40"}[ttl] + " IN "
		answered(name, "A", stem+"A 192.0.2.2")
		answered(name, "AAAA", stem+"AAAA 2001:db8::2")
		answered(name, "MX", stem+"MX 10 mail.iad.example.")
		for _, kind := range []string{"TXT", "SRV", "HTTPS", "SVCB", "CAA", "TLSA"} {
			nodata(name, kind, ttl) // fra has them, and its address is not answered
		}
	}
	answered("cdn.example.com.", "A", "cdn.example.com. 20 IN A 192.0.2.2")

	// What cannot stand is refused, and what was served stays.
	files{"zones/example.com.zone": zoneText("@ 30 STEER \"{failover: [iad, big]}\"\n")}.write(t, dir)
	if out, code := command(t, dir, "check"); code != 1 || !strings.Contains(out, "example.com.zone:5:12: STEER at the origin can choose the CNAME of site big") {
		t.Errorf("a CNAME at the apex: code %d\n%s", code, out)
	}
	s.awaitLog(0, refusedLine, notice)
	answered("www.example.com.", "A", "www.example.com. 30 IN A 192.0.2.2")
}
