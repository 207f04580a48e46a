package packets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// ecsTests vary the client subnet. Servers that do not know it ignore it.
func ecsTests() []test {
	const (
		form = "RFC 7871, Section 6"
		echo = "RFC 7871, Section 7.2.1"
		bad  = "FORMERR -aa an=0 | NOERROR aa an=1 -ecs"
	)
	asked := func(options ...[]byte) []byte { return www().edns(1232, options...).bytes() }
	v6 := netip.MustParseAddr("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff").As16()
	out := []test{
		{echo, "a /24", both, asked(ecs(1, 24, 0, 198, 51, 100)), "NOERROR aa an=1 ecs ecs=1/24/0 | NOERROR aa an=1 -ecs"},
		{echo, "a /24 and NXDOMAIN", both, ask("no.example.com", 1).edns(1232, ecs(1, 24, 0, 198, 51, 100)).bytes(), "NXDOMAIN aa ecs ecs=1/24/0 | NXDOMAIN aa -ecs"},
		{echo, "a /24 and NODATA", both, ask("www.example.com", 16).edns(1232, ecs(1, 24, 0, 198, 51, 100)).bytes(), "NOERROR aa an=0 ecs ecs=1/24/0 | NOERROR aa -ecs"},
		{echo, "a /24 and REFUSED", both, ask("no.example.org", 1).edns(1232, ecs(1, 24, 0, 198, 51, 100)).bytes(), "REFUSED ecs ecs=1/24/0 | REFUSED -ecs"},
		{echo, "a /24 and a CNAME", both, ask("alias.example.com", 1).edns(1232, ecs(1, 24, 0, 198, 51, 100)).bytes(), "NOERROR an=2 ecs ecs=1/24/0 | NOERROR an=2 -ecs"},
		{"RFC 7871, Section 7.1.2", "a /0", both, asked(ecs(1, 0, 0)), "NOERROR aa an=1 ecs ecs=1/0/0 | NOERROR aa an=1 -ecs"},
		{"RFC 7871, Section 7.1.2", "a ::/0", both, asked(ecs(2, 0, 0)), "NOERROR aa an=1 ecs ecs=2/0/0 | NOERROR aa an=1 -ecs"},
		{"RFC 7871, Section 7.1.2", "family 0 without address", both, asked(ecs(0, 0, 0)), "NOERROR aa an=1 ecs ecs=0/0/0 | NOERROR aa an=1 -ecs | FORMERR"},
		{form, "family 0 with an address", both, asked(ecs(0, 8, 0, 10)), bad},
		{form, "family 0 with octets", both, asked(ecs(0, 0, 0, 10)), bad},
		{form, "a scope in a query", both, asked(ecs(1, 24, 24, 198, 51, 100)), bad},
		{form, "a scope of 255 in a query", both, asked(ecs(1, 24, 255, 198, 51, 100)), bad},
		{form, "SOURCE 0 with a scope", both, asked(ecs(1, 0, 1)), bad},
		{form, "SOURCE 0 with an address", both, asked(ecs(1, 0, 0, 198)), bad},
		{form, "twice", both, asked(ecs(1, 24, 0, 198, 51, 100), ecs(1, 24, 0, 203, 0, 113)), "NOERROR aa an=1 | FORMERR"},
		{form, "twice, the second malformed", both, asked(ecs(1, 24, 0, 198, 51, 100), ecs(1, 24, 0, 203)), "FORMERR | NOERROR"},
		{form, "twice, the first malformed", both, asked(ecs(1, 24, 0, 203), ecs(1, 24, 0, 198, 51, 100)), "FORMERR | NOERROR"},
		{form, "longer than the option list", both, asked(optLen(optECS, 9, 0, 1, 24, 0, 198, 51, 100)), "FORMERR an=0"},
	}
	for n := range 4 {
		out = append(out, test{form, fmt.Sprintf("an option of %d octets", n), both, asked(opt(optECS, []byte{0, 1, 0, 0}[:n]...)), bad})
	}
	for _, family := range []uint16{3, 4, 255, 256, 16384, 65535} {
		out = append(out, test{form, fmt.Sprintf("family %d", family), both, asked(ecs(family, 24, 0, 198, 51, 100)), bad})
	}
	for bits := range 33 {
		p := netip.PrefixFrom(netip.MustParseAddr("203.0.113.255"), bits).Masked()
		octets := p.Addr().AsSlice()[:(bits+7)/8]
		out = append(out, test{echo, fmt.Sprintf("an IPv4 /%d", bits), udp, asked(ecs(1, byte(bits), 0, octets...)),
			fmt.Sprintf("NOERROR aa an=1 ecs ecs=1/%d/0 | NOERROR aa an=1 -ecs", bits)})
		if bits%8 == 0 {
			continue
		}
		octets[len(octets)-1] |= 1
		out = append(out, test{form, fmt.Sprintf("a bit beyond the prefix, IPv4 /%d", bits), udp, asked(ecs(1, byte(bits), 0, octets...)), bad})
	}
	for _, bits := range []int{1, 7, 8, 9, 32, 48, 55, 56, 57, 64, 127, 128} {
		p, _ := netip.AddrFrom16(v6).Prefix(bits)
		octets := p.Addr().AsSlice()[:(bits+7)/8]
		out = append(out, test{echo, fmt.Sprintf("an IPv6 /%d", bits), both, asked(ecs(2, byte(bits), 0, octets...)),
			fmt.Sprintf("NOERROR aa an=1 ecs ecs=2/%d/0 | NOERROR aa an=1 -ecs", bits)})
	}
	for _, source := range []byte{33, 64, 128, 255} {
		out = append(out, test{form, fmt.Sprintf("an IPv4 /%d", source), both, asked(ecs(1, source, 0, make([]byte, (int(source)+7)/8)...)), bad})
	}
	for _, source := range []byte{129, 136, 255} {
		out = append(out, test{form, fmt.Sprintf("an IPv6 /%d", source), both, asked(ecs(2, source, 0, make([]byte, (int(source)+7)/8)...)), bad})
	}
	for n := range 8 {
		if n != 3 {
			out = append(out, test{form, fmt.Sprintf("a /24 in %d octets", n), both, asked(ecs(1, 24, 0, make([]byte, n)...)), bad})
		}
	}
	return out
}

// cookieTests vary the cookie.
func cookieTests() []test {
	const (
		form  = "RFC 7873, Section 5.2.2"
		only  = "RFC 7873, Section 5.4"
		fresh = "NOERROR aa q an=1 opt cookie cookie9018"
		// Whoever asks for cookies may refuse to answer without a good one.
		weak = " | NOERROR aa q an=1 opt cookie | BADCOOKIE -aa an=0 opt cookie"
		bad  = "FORMERR -aa an=0 opt | FORMERR -aa an=0"
		none = "NOERROR -aa -q an=0 ns=0 opt cookie cookie9018"
	)
	asked := func(options ...[]byte) []byte { return www().edns(1232, options...).bytes() }
	alone := func(options ...[]byte) []byte { return msg{}.edns(1232, options...).bytes() }
	now := uint32(time.Now().Unix())
	client := netip.MustParseAddr("127.0.0.1")
	made := func(at uint32) []byte { return dnswire.AppendServerCookie(nil, secret, clientCookie, client, at) }
	forged := slices.Concat(made(now)[:15], []byte{made(now)[15] ^ 1})
	version2 := slices.Concat([]byte{2}, made(now)[1:])
	reserved := slices.Concat([]byte{1, 0, 0, 1}, made(now)[4:])
	out := []test{
		{"RFC 7873, Section 5.2.3", "a client cookie", both, asked(cookie()), fresh + weak},
		{"RFC 9018, Section 4", "a good server cookie", both, asked(cookie(made(now)...)), fresh + weak},
		{"RFC 9018, Section 4.3", "a cookie of half an hour ago", both, asked(cookie(made(now - 1800)...)), fresh + weak},
		{"RFC 9018, Section 4.3", "a cookie of two hours ago", both, asked(cookie(made(now - 7200)...)), fresh + weak},
		{"RFC 9018, Section 4.3", "a cookie of a minute ahead", both, asked(cookie(made(now + 60)...)), fresh + weak},
		{"RFC 9018, Section 4.3", "a cookie of ten minutes ahead", both, asked(cookie(made(now + 600)...)), fresh + weak},
		{"RFC 7873, Section 5.2.4", "a forged cookie", both, asked(cookie(forged...)), fresh + weak},
		{"RFC 9018, Section 4.1", "a cookie of version 2", both, asked(cookie(version2...)), fresh + weak},
		{"RFC 9018, Section 4.2", "a cookie with reserved octets", both, asked(cookie(reserved...)), fresh + weak},
		{"RFC 7873, Section 5.2", "a cookie and NXDOMAIN", tcp, ask("no.example.com", 1).edns(1232, cookie()).bytes(), "NXDOMAIN cookie"},
		{"RFC 7873, Section 5.2", "a cookie and REFUSED", tcp, ask("no.example.org", 1).edns(1232, cookie()).bytes(), "REFUSED cookie"},
		{"RFC 7873, Section 5.2", "a good cookie and REFUSED", both, ask("no.example.org", 1).edns(1232, cookie(made(now)...)).bytes(), "REFUSED cookie | BADCOOKIE cookie"},
		{"RFC 7873, Section 5.2", "no cookie", both, asked(), "NOERROR aa q an=1 opt -cookie"},
		{"RFC 7873, Section 5.2", "two cookies", both, asked(cookie(), cookie()), "NOERROR aa q an=1 opt cookie | FORMERR | BADCOOKIE"},
		{"RFC 7873, Section 5.2", "a good cookie, then a malformed one", both, asked(cookie(), opt(optCookie, 1)), bad + weak},
		{"RFC 7873, Section 5.2", "a cookie and NSID", tcp, asked(cookie(), opt(optNSID)), "NOERROR aa an=1 opt cookie nsid"},

		{only, "no question, a client cookie", both, alone(cookie()), none + " | NOERROR -q an=0 cookie | BADCOOKIE -q cookie | FORMERR"},
		{only, "no question, a good server cookie", both, alone(cookie(made(now)...)), none + " | NOERROR -q an=0 cookie | FORMERR"},
		{only, "no question, a forged cookie", both, alone(cookie(forged...)), "BADCOOKIE -aa -q an=0 opt cookie | FORMERR"},
		{only, "no question, an old cookie", both, alone(cookie(made(now - 7200)...)), "BADCOOKIE -aa -q an=0 opt cookie | FORMERR"},
		{only, "no question, a malformed cookie", both, alone(opt(optCookie, 1, 2, 3)), "FORMERR -aa -q an=0"},
		{only, "no question, a cookie of EDNS version 1", both, msg{}.ednsTTL(1232, 1<<16, cookie()).bytes(), "BADVERS -q an=0 opt | FORMERR"},
		{only, "no question, a cookie and a record", both, msg{}.record(answer, root, 1, 1, 0, []byte{1, 2, 3, 4}).edns(1232, cookie()).bytes(),
			"NOERROR -q an=0 cookie | BADCOOKIE | FORMERR"},
		{only, "no question, NSID alone", both, alone(opt(optNSID)), "FORMERR -aa an=0"},
	}
	for n := range 50 {
		data := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(clientCookie[:]))
		data = append(data, make([]byte, 50)...)[:n]
		want := bad
		if n == 8 || 16 <= n && n <= 40 {
			want = fresh + weak
		}
		out = append(out, test{form, fmt.Sprintf("a cookie of %d octets", n), both, asked(opt(optCookie, data...)), want})
	}
	return out
}

// tsigTests are signed by a key that nobody knows, or badly.
func tsigTests() []test {
	const (
		rfc     = "RFC 8945, Section 5.2.1"
		place   = "RFC 8945, Section 5.2"
		unknown = "NOTAUTH -aa an=0 badkey"
	)
	mac := make([]byte, 32)
	signed := func(m msg) msg { return m.tsig("key.nobody", "hmac-sha256", mac) }
	other := []byte{192, 0, 2, 1}
	return []test{
		{rfc, "a key of nobody's", both, signed(www()).bytes(), unknown},
		{rfc, "a key of nobody's, in capitals", both, www().tsig("KEY.Nobody", "HMAC-SHA256", mac).bytes(), unknown},
		{rfc, "a key of nobody's, MD5", both, www().tsig("key.nobody", "hmac-md5.sig-alg.reg.int", mac[:16]).bytes(), unknown},
		{rfc, "a key of nobody's, an algorithm of nobody's", both, www().tsig("key.nobody", "rot13.example", mac).bytes(), unknown},
		{rfc, "a key named as the root", both, www().tsig(".", "hmac-sha256", mac).bytes(), unknown},
		{rfc, "a key of nobody's, without a signature", both, www().tsig("key.nobody", "hmac-sha256", nil).bytes(), unknown + " | FORMERR"},
		{rfc, "a key of nobody's and EDNS", both, signed(www().edns(1232)).bytes(), unknown + " | " + unknown + " opt"},
		{rfc, "a key of nobody's, a name that is elsewhere", both, signed(ask("example.org", 1)).bytes(), unknown + " | REFUSED -aa"},
		{rfc, "a key of nobody's, no name", both, signed(ask("no.example.com", 1)).bytes(), unknown},
		{rfc, "a key of nobody's and AXFR", both, signed(ask("example.com", dnswire.TypeAXFR)).bytes(), unknown + " | FORMERR"},
		{rfc, "a key of nobody's and a long answer", udp, signed(ask("many.example.com", 1)).bytes(), unknown},
		{place, "TSIG before another record", both, signed(www()).record(additional, wire("x"), 1, 1, 0, other).bytes(), "FORMERR -aa an=0"},
		{place, "TSIG before OPT", both, signed(www()).edns(1232).bytes(), "FORMERR -aa an=0"},
		{place, "TSIG twice", both, signed(signed(www())).bytes(), "FORMERR -aa an=0"},
		{place, "TSIG in the answer section", both, www().record(answer, wire("key"), dnswire.TypeTSIG, 255, 0, tsigData("hmac-sha256", mac)).bytes(), "FORMERR -aa an=0"},
		{place, "TSIG in the authority section", both, www().record(authority, wire("key"), dnswire.TypeTSIG, 255, 0, tsigData("hmac-sha256", mac)).bytes(), "FORMERR -aa an=0"},
		{"RFC 8945, Section 4.2", "TSIG of class IN", both, www().record(additional, wire("key"), dnswire.TypeTSIG, 1, 0, tsigData("hmac-sha256", mac)).bytes(), "FORMERR -aa an=0"},
		{"RFC 8945, Section 4.2", "TSIG with a TTL", both, www().record(additional, wire("key"), dnswire.TypeTSIG, 255, 60, tsigData("hmac-sha256", mac)).bytes(), unknown + " | FORMERR"},
		{"RFC 8945, Section 4.2", "TSIG without RDATA", both, www().record(additional, wire("key"), dnswire.TypeTSIG, 255, 0, nil).bytes(), "FORMERR -aa an=0"},
		{"RFC 8945, Section 4.2", "TSIG with RDATA cut off", both, www().record(additional, wire("key"), dnswire.TypeTSIG, 255, 0, tsigData("hmac-sha256", mac)[:30]).bytes(), "FORMERR -aa an=0"},
		{"RFC 8945, Section 4.2", "TSIG with a MAC longer than RDATA", both, www().record(additional, wire("key"), dnswire.TypeTSIG, 255, 0, append(tsigData("hmac-sha256", mac)[:21], 255, 255)).bytes(), "FORMERR -aa an=0"},
		{"RFC 2931, Section 3", "SIG(0) of nobody's", both, www().record(additional, root, dnswire.TypeSIG, 255, 0, append(make([]byte, 18), 0, 1, 2, 3, 4)).bytes(), "NOERROR aa an=1 | FORMERR | REFUSED | NOTAUTH"},
	}
}

// tsig signs a message, with any signature.
func (m msg) tsig(key, algorithm string, mac []byte) msg {
	return m.record(additional, wire(key), dnswire.TypeTSIG, uint16(dnswire.ClassANY), 0, tsigData(algorithm, mac))
}

// tsigData returns the RDATA of a TSIG record (RFC 8945, Section 4.2).
func tsigData(algorithm string, mac []byte) []byte {
	b := append(wire(algorithm), 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(time.Now().Unix()))
	b = binary.BigEndian.AppendUint16(b, 300) // fudge
	b = binary.BigEndian.AppendUint16(b, uint16(len(mac)))
	b = append(b, mac...)
	return append(b, 0, 0, 0, 0, 0, 0) // original ID, error, other length
}
