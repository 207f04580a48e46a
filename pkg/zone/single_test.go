package zone

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestParseRecord(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`CNAME d1.example.net.`, "CNAME \x02d1\x07example\x03net\x00"},
		{`MX 10 mail.example.com.`, "MX \x00\x0a\x04mail\x07example\x03com\x00"},
		{`TXT "fra" one`, "TXT \x03fra\x03one"},
		{`TXT ( "a b" )`, "TXT \x03a b"},
		{`IN TXT fra ; a comment`, "TXT \x03fra"},
		{`HTTPS 1 . alpn=h2`, "HTTPS \x00\x01\x00\x00\x01\x00\x03\x02h2"},
		{`TYPE65280 \# 2 abcd`, "TYPE65280 \xab\xcd"},
		{`CAA 0 issue "ca.example.net"`, "CAA \x00\x05issueca.example.net"},

		{"", "1:1: empty record: type and data, such as: MX 10 mail.example.com."},
		{"; nothing", "1:1: empty record: type and data, such as: MX 10 mail.example.com."},
		{"MX 10", "1:4: MX record without a mail server: a name, such as host or host.example.com."},
		{"MX 10 mail", "1:1: MX record with a relative name: the whole name with a dot at its end"},
		{"CNAME @", "1:1: CNAME record with a relative name: the whole name with a dot at its end"},
		{"HTTPS 1 svc alpn=h2", "1:1: HTTPS record with a relative name: the whole name with a dot at its end"},
		{"300 TXT x", "1:1: record with a TTL: leave it out: the TTL is that of the STEER record"},
		{"A 192.0.2.1", "1:1: A record cannot be a site's: addresses: […]"},
		{"SOA a. b. 1 2 3 4 5", "1:1: SOA record cannot be a site's: the zone file"},
		{"STEER web", "1:1: STEER record cannot be a site's: a policy in steering.yaml"},
		{"TXT x\n@ 0 NS evil.", "1:1: record of several lines: an entry of the list for each record"},
		{"$INCLUDE x", `1:1: unknown type "$INCLUDE": a type such as A, AAAA, CNAME or MX, or TYPE and a number`},
		{`TXT ( "a"`, `1:5: "(" is never closed: ")" ends it`},
	} {
		typ, rdata, list := ParseRecord(c.text)
		got := typ.String() + " " + string(rdata)
		if len(list) > 0 {
			var lines []string
			for _, d := range list {
				lines = append(lines, strings.TrimPrefix(d.String(), ":"))
			}
			got = strings.Join(lines, "\n")
		}
		if got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(`TXT ( "a b" )`)
	f.Add(`HTTPS 1 . alpn=h2`)
	f.Fuzz(func(t *testing.T, text string) {
		typ, rdata, list := ParseRecord(text)
		if !list.HasErrors() && (typ == 0 || len(rdata) > 65535) {
			t.Errorf("%q: type %d, %d octets", text, typ, len(rdata))
		}
	})
}

func TestARangeOfTTLs(t *testing.T) {
	const head = "$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	for _, c := range []struct {
		line        string
		most, least uint32
		wrong       string
	}{
		{line: "www 60/10 STEER web", most: 60, least: 10},
		{line: "www 1m/10s IN STEER web", most: 60, least: 10},
		{line: "www IN 60/60 STEER web", most: 60, least: 60},
		{line: "www 60 STEER web", most: 60, least: 60},
		{line: "www STEER web", most: 300, least: 300},
		{line: "www 10/60 STEER web", wrong: `z:5:5: range of TTLs "10/60": the larger first: 60/10`},
		{line: "www 60/10 A 192.0.2.1", wrong: "z:5:5: a range of TTLs is for STEER records, whose answers health can change: one TTL"},
	} {
		z, list := Load(fstest.MapFS{"z": {Data: []byte(head + c.line + "\n")}}, "z", "\x07example\x00", Options{})
		if c.wrong != "" {
			if len(list) != 1 || list[0].String() != c.wrong {
				t.Errorf("%s: %v, want %s", c.line, list, c.wrong)
			}
			continue
		}
		if z == nil || z.Steers[0].TTL != c.most || z.Steers[0].MinTTL != c.least {
			t.Errorf("%s: %v", c.line, list)
		}
	}
}
