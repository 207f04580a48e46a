package packets

import (
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// ednsTests vary the OPT record.
func ednsTests() []test {
	const (
		one   = "RFC 6891, Section 6.1.1"
		form  = "RFC 6891, Section 6.1.2"
		flags = "RFC 6891, Section 6.1.4"
		good  = "NOERROR aa q an=1 opt -nsid"
		bad   = "FORMERR -aa an=0 ns=0"
	)
	o := func(m msg) msg { return m.edns(1232) }
	asked := func(options ...[]byte) []byte { return www().edns(1232, options...).bytes() }
	out := []test{
		{one, "no EDNS", both, www().bytes(), "NOERROR aa q an=1 -opt"},
		{one, "an OPT record", both, o(www()).bytes(), good + " -do"},
		{one, "an OPT record and NXDOMAIN", both, o(ask("no.example.com", 1)).bytes(), "NXDOMAIN aa q opt"},
		{one, "an OPT record and REFUSED", both, o(ask("no.example.org", 1)).bytes(), "REFUSED -aa q opt"},
		{one, "an OPT record and NODATA", both, o(ask("www.example.com", 16)).bytes(), "NOERROR aa q an=0 opt"},
		{one, "an OPT record and a referral", both, o(ask("www.sub.example.com", 1)).bytes(), "NOERROR -aa q an=0 opt"},
		{"RFC 6891, Section 7", "an OPT record and another opcode", both, o(soa()).opcode(15).bytes(), "NOTIMP -aa opt | NOTIMP -aa"},
		{"RFC 6891, Section 7", "an OPT record and no question", both, o(msg{}).bytes(), bad + " opt | " + bad},
		{"RFC 6891, Section 7", "an OPT record and a meta type", both, o(ask("example.com", dnswire.TypeAXFR)).bytes(), "REFUSED opt | NOTAUTH opt | NOTIMP opt | FORMERR opt"},
		{one, "two OPT records", both, o(o(www())).bytes(), bad},
		{one, "three OPT records", both, o(o(o(www()))).bytes(), bad},
		{one, "two OPT records, the second with options", both, o(www()).edns(4096, opt(optNSID)).bytes(), bad},
		{one, "OPT in the answer section", both, www().record(answer, root, dnswire.TypeOPT, 1232, 0, nil).bytes(), bad + " | NOERROR -opt"},
		{one, "OPT in the authority section", both, www().record(authority, root, dnswire.TypeOPT, 1232, 0, nil).bytes(), bad + " | NOERROR -opt"},
		{one, "OPT in the answer section and where it belongs", both, o(www().record(answer, root, dnswire.TypeOPT, 1232, 0, nil)).bytes(), bad},
		{form, "OPT of another name", both, www().record(additional, wire("www"), dnswire.TypeOPT, 1232, 0, nil).bytes(), bad},
		{form, "OPT of the question's name", both, www().record(additional, []byte{0xc0, 12}, dnswire.TypeOPT, 1232, 0, nil).bytes(), bad},
		{form, "OPT of the root by a pointer", both, www().record(additional, []byte{0xc0, 28}, dnswire.TypeOPT, 1232, 0, nil).bytes(), bad + " | " + good},
		{one, "a record before OPT", both, o(www().record(additional, wire("x"), 1, 1, 0, []byte{1, 2, 3, 4})).bytes(), good + " | FORMERR"},
		{one, "a record after OPT", both, o(www()).record(additional, wire("x"), 1, 1, 0, []byte{1, 2, 3, 4}).bytes(), good + " | FORMERR"},
		{form, "OPT cut off, counted", both, www().count(additional, 1).tail(0, 0, 41).bytes(), bad + " -opt"},
		{form, "OPT with a length beyond the packet", both, lengthen(www().edns(1232).bytes(), 0), bad},
		{form, "an option of 3 octets", both, asked([]byte{0, 3, 0}), bad},
		{form, "an option longer than OPT", both, asked(optLen(100, 5, 1, 2, 3, 4)), bad},
		{form, "an option far longer than OPT", both, asked(optLen(100, 65535, 1, 2, 3, 4)), bad},
		{form, "a good option, then half a one", both, asked(opt(100, 1, 2), []byte{0, 3}), bad},
		{"RFC 6891, Section 6.1.3", "an extended code in a query", both, www().ednsTTL(1232, 0x17<<24).bytes(), good},

		{"RFC 3225, Section 3", "DO", both, www().do(1232).bytes(), "NOERROR aa q an=1 opt do"},
		{"RFC 3225, Section 3", "DO and NXDOMAIN", both, ask("no.example.com", 1).do(1232).bytes(), "NXDOMAIN aa q opt do"},
		{"RFC 3225, Section 3", "DO and REFUSED", both, ask("no.example.org", 1).do(1232).bytes(), "REFUSED q opt"},
		{"RFC 3225, Section 3", "no DO", both, o(www()).bytes(), "NOERROR aa opt -do"},

		{"RFC 5001, Section 2.2", "NSID", both, asked(opt(optNSID)), "NOERROR aa q an=1 opt nsid"},
		{"RFC 5001, Section 2.2", "NSID and REFUSED", both, ask("no.example.org", 1).edns(1232, opt(optNSID)).bytes(), "REFUSED q opt nsid"},
		{"RFC 5001, Section 2.2", "NSID and NXDOMAIN", both, ask("no.example.com", 1).edns(1232, opt(optNSID)).bytes(), "NXDOMAIN q opt nsid"},
		{"RFC 5001, Section 2.1", "NSID with data", both, asked(opt(optNSID, 'm', 'e')), "NOERROR aa q an=1 opt nsid | NOERROR opt | FORMERR"},
		{"RFC 5001, Section 2.1", "NSID twice", both, asked(opt(optNSID), opt(optNSID)), "NOERROR aa q an=1 opt nsid | FORMERR"},
		{"RFC 5001, Section 2.2", "NSID after other options", both, asked(opt(65001, 1, 2, 3), opt(optNSID)), "NOERROR aa q an=1 opt nsid"},

		{"RFC 7828, Section 3.3.2", "keepalive", tcp, asked(opt(optKeepAlive)), "NOERROR aa q an=1 opt keepalive | NOERROR opt"},
		{"RFC 7828, Section 3.2.1", "keepalive over UDP", udp, asked(opt(optKeepAlive)), "NOERROR aa q an=1 opt -keepalive"},
		{"RFC 7828, Section 3.2.1", "keepalive with a timeout", tcp, asked(opt(optKeepAlive, 0, 100)), "NOERROR aa q an=1 opt | FORMERR"},
		{"RFC 7828, Section 3.1", "keepalive of 3 octets", both, asked(opt(optKeepAlive, 1, 2, 3)), "NOERROR aa q opt | FORMERR"},
		{"RFC 7830, Section 3", "padding", both, asked(opt(optPadding, make([]byte, 64)...)), "NOERROR aa q an=1 opt"},
		{"RFC 7830, Section 3", "padding of no octets", both, asked(opt(optPadding)), "NOERROR aa q an=1 opt"},
		{"RFC 7830, Section 3", "padding that is not zero", both, asked(opt(optPadding, 1, 2, 3)), "NOERROR aa q an=1 opt"},
		{"RFC 7314, Section 3.1", "EXPIRE", both, soa().edns(1232, opt(optExpire)).bytes(), "NOERROR aa q an=1 opt"},
		{"RFC 7901, Section 4", "CHAIN", both, asked(opt(optChain, 0)), "NOERROR aa q an=1 opt"},
		{"RFC 8145, Section 4.1", "key tags", both, asked(opt(optKeyTag, 0x4a, 0x5c)), "NOERROR aa q an=1 opt"},
		{"RFC 8914, Section 2", "an extended error in a query", both, asked(opt(optEDE, 0, 1)), "NOERROR aa q an=1 opt"},
		{"RFC 9567, Section 6.1", "a report channel in a query", both, asked(opt(18, wire("agent.example")...)), "NOERROR aa q an=1 opt"},
	}
	for bit := range 15 {
		out = append(out, test{flags, fmt.Sprintf("flag %#04x", 1<<bit), both, www().ednsTTL(1232, 1<<bit).bytes(), good + " -do"})
	}
	out = append(out, test{flags, "all flags", both, www().ednsTTL(1232, 0xffff).bytes(), "NOERROR aa q an=1 opt do"})
	for _, code := range []uint16{0, 4, 20, 100, 4096, 26946, 65000, 65001, 65534, 65535} {
		for _, data := range [][]byte{nil, {1}, {1, 2, 3, 4}, make([]byte, 500)} {
			out = append(out, test{form, fmt.Sprintf("option %d of %d octets", code, len(data)), both, asked(opt(code, data...)), "NOERROR aa q an=1 opt"})
		}
	}
	return append(out, test{form, "a hundred unknown options", both, asked(slices.Repeat(opt(65001), 100)), "NOERROR aa q an=1 opt"})
}

// versionTests are all versions of EDNS but 0.
func versionTests() []test {
	const (
		rfc  = "RFC 6891, Section 6.1.3"
		want = "BADVERS -aa an=0 ns=0 opt"
	)
	version := func(v int, ttl uint32, options ...[]byte) msg {
		return soa().ednsTTL(1232, uint32(v)<<16|ttl, options...)
	}
	var out []test
	for v := 1; v < 256; v++ {
		over := udp
		if v < 4 || v == 255 {
			over = both
		}
		out = append(out, test{rfc, fmt.Sprintf("version %d", v), over, version(v, 0).bytes(), want})
	}
	for _, v := range []int{1, 2, 127, 128, 255} {
		out = append(out,
			test{rfc, fmt.Sprintf("version %d with DO", v), both, version(v, 1<<15).bytes(), want},
			test{rfc, fmt.Sprintf("version %d with an unknown flag", v), both, version(v, 0x40).bytes(), want},
			test{rfc, fmt.Sprintf("version %d with an unknown option", v), both, version(v, 0, opt(100)).bytes(), want},
			test{rfc, fmt.Sprintf("version %d with a cookie", v), both, version(v, 0, cookie()).bytes(), want},
			test{rfc, fmt.Sprintf("version %d with NSID", v), both, version(v, 0, opt(optNSID)).bytes(), want},
			test{rfc, fmt.Sprintf("version %d with options malformed in version 0", v), both, version(v, 0, []byte{1, 2, 3}).bytes(), want + " | FORMERR"},
			test{rfc, fmt.Sprintf("version %d for what is elsewhere", v), both, ask("example.org", 1).ednsTTL(1232, uint32(v)<<16).bytes(), want},
			test{rfc, fmt.Sprintf("version %d without a question", v), both, msg{}.ednsTTL(1232, uint32(v)<<16).bytes(), want + " | FORMERR"},
			test{rfc, fmt.Sprintf("version %d with another opcode", v), both, version(v, 0).opcode(15).bytes(), "NOTIMP -aa | " + want},
		)
	}
	return out
}

// commonTests are the queries of RFC 8906, Section 8, with its expectations.
func commonTests() []test {
	const version1 = 1 << 16
	opt100 := opt(100)
	multiple := [][]byte{cookie(), opt(optNSID), opt(optExpire), ecs(1, 0, 0)}
	return []test{
		{"RFC 8906, Section 8.1.1", "is the server configured for the zone", both, soa().bytes(), "NOERROR aa an=1 -opt"},
		{"RFC 8906, Section 8.1.2", "unknown types", both, ask("example.com", 1000).bytes(), "NOERROR aa an=0 -opt"},
		{"RFC 8906, Section 8.1.3.1", "CD=1", both, soa().with(flagCD).bytes(), "NOERROR aa an=1"},
		{"RFC 8906, Section 8.1.3.2", "AD=1", both, soa().with(flagAD).bytes(), "NOERROR aa an=1"},
		{"RFC 8906, Section 8.1.3.3", "the reserved bit", both, soa().with(flagZ).bytes(), "NOERROR aa an=1"},
		{"RFC 8906, Section 8.1.3.4", "recursive queries", both, soa().with(flagRD).bytes(), "NOERROR aa an=1 rd"},
		{"RFC 8906, Section 8.1.4", "unknown opcodes", both, msg{}.opcode(15).bytes(), "NOTIMP -aa an=0 -opt"},
		{"RFC 8906, Section 8.1.5", "TCP", tcp, soa().bytes(), "NOERROR aa an=1"},
		{"RFC 8906, Section 8.2.1", "minimal EDNS", both, soa().edns(1232).bytes(), "NOERROR aa an=1 opt"},
		{"RFC 8906, Section 8.2.2", "EDNS version negotiation", both, soa().ednsTTL(1232, version1).bytes(), "BADVERS -aa an=0 opt"},
		{"RFC 8906, Section 8.2.3", "unknown EDNS options", both, soa().edns(1232, opt100).bytes(), "NOERROR aa an=1 opt"},
		{"RFC 8906, Section 8.2.4", "unknown EDNS flags", both, soa().ednsTTL(1232, 0x40).bytes(), "NOERROR aa an=1 opt"},
		{"RFC 8906, Section 8.2.5", "EDNS version negotiation with unknown flags", both, soa().ednsTTL(1232, version1|0x40).bytes(), "BADVERS -aa an=0 opt"},
		{"RFC 8906, Section 8.2.6", "EDNS version negotiation with unknown options", both, soa().ednsTTL(1232, version1, opt100).bytes(), "BADVERS -aa an=0 opt"},
		{"RFC 8906, Section 8.2.7", "truncated responses", udp, ask("many.example.com", 1).do(512).bytes(), "NOERROR tc opt size=512"},
		{"RFC 8906, Section 8.2.8", "DO=1", both, soa().do(1232).bytes(), "NOERROR aa an=1 opt do"},
		{"RFC 8906, Section 8.2.9", "EDNS version negotiation with DO=1", both, soa().ednsTTL(1232, version1|1<<15).bytes(), "BADVERS -aa an=0 opt do | BADVERS -aa an=0 opt"},
		{"RFC 8906, Section 8.2.10", "multiple defined EDNS options", both, soa().edns(1232, multiple...).bytes(),
			"NOERROR aa an=1 opt cookie nsid ecs | NOERROR aa an=1 opt"},
	}
}
