package packets

import (
	"fmt"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// typeTests ask for all sorts of types and classes.
func typeTests() []test {
	class := func(c dnswire.Class) []byte { return askWire(wire("www.example.com"), dnswire.TypeA, c).bytes() }
	chaos := func(name string, t dnswire.Type) []byte { return askWire(wire(name), t, dnswire.ClassCH).bytes() }
	const none = "NOERROR aa q an=0 ns=1"
	out := []test{
		{"RFC 1035, Section 3.2.4", "class HS", both, class(dnswire.ClassHS), "REFUSED -aa an=0"},
		{"RFC 1035, Section 3.2.4", "class CS", both, class(2), "NOTIMP -aa an=0 | FORMERR | REFUSED"},
		{"RFC 2136, Section 2.4", "class NONE", both, class(dnswire.ClassNONE), "FORMERR -aa an=0 | REFUSED"},
		{"RFC 1035, Section 3.2.5", "class ANY", both, class(dnswire.ClassANY), "FORMERR -aa an=0 | REFUSED | NOERROR"},
		{"RFC 6895, Section 3.2", "class 0", both, class(0), "FORMERR -aa an=0 | REFUSED"},
		{"RFC 6895, Section 3.2", "class 65279", both, class(65279), "NOTIMP -aa an=0 | FORMERR | REFUSED"},
		{"RFC 6895, Section 3.2", "class 65535", both, class(65535), "NOTIMP -aa an=0 | FORMERR | REFUSED"},
		{"RFC 4892, Section 3", "version.bind", both, chaos("version.bind", dnswire.TypeTXT), "NOERROR q an=1"},
		{"RFC 4892, Section 3", "VERSION.BIND", both, chaos("VERSION.BIND", dnswire.TypeTXT), "NOERROR q an=1"},
		{"RFC 4892, Section 3", "id.server", both, chaos("id.server", dnswire.TypeTXT), "NOERROR q an=1"},
		{"RFC 4892, Section 3", "hostname.bind", both, chaos("hostname.bind", dnswire.TypeTXT), "NOERROR q an=1"},
		{"RFC 4892, Section 3", "a name in CHAOS of nobody's", both, chaos("nothing.bind", dnswire.TypeTXT), "REFUSED -aa q an=0 | NXDOMAIN an=0"},
		{"RFC 4892, Section 3", "a name in IN, asked in CHAOS", both, chaos("www.example.com", dnswire.TypeTXT), "REFUSED -aa q an=0"},

		{"RFC 8482, Section 4.1", "ANY", both, ask("example.com", dnswire.TypeANY).bytes(), "NOERROR aa q an=1 | NOERROR aa q | NOERROR tc an=0 | NOTIMP"},
		{"RFC 8482, Section 4.1", "ANY at a CNAME", both, ask("alias.example.com", dnswire.TypeANY).bytes(), "NOERROR aa q an=1 | NOERROR q | NOERROR tc an=0 | NOTIMP"},
		{"RFC 8482, Section 4.1", "ANY at an empty non-terminal", both, ask("ent.example.com", dnswire.TypeANY).bytes(), none + " | NOERROR q an=1 | NOTIMP | NOERROR tc an=0"},
		{"RFC 8482, Section 4.1", "ANY at no name", both, ask("no.example.com", dnswire.TypeANY).bytes(), "NXDOMAIN aa q an=0 ns=1 | NOERROR q | NOTIMP"},
		{"RFC 5936, Section 2.2.1", "AXFR", both, ask("example.com", dnswire.TypeAXFR).bytes(), "REFUSED an=0 | NOTAUTH an=0 | NOTIMP an=0 | FORMERR an=0"},
		{"RFC 5936, Section 2.2.1", "AXFR of what is elsewhere", both, ask("example.org", dnswire.TypeAXFR).bytes(), "NOTAUTH an=0 | REFUSED an=0 | NOTIMP an=0 | FORMERR an=0"},
		{"RFC 1995, Section 2", "IXFR", both, ixfr().bytes(), "REFUSED an=0 | NOTAUTH an=0 | NOTIMP an=0 | NOERROR aa an=1"},
		{"RFC 1995, Section 3", "IXFR without SOA", both, ask("example.com", dnswire.TypeIXFR).bytes(), "REFUSED an=0 | FORMERR an=0 | NOTIMP an=0 | NOTAUTH an=0 | NOERROR aa an=1"},
		{"RFC 1035, Section 3.2.3", "MAILB", both, ask("example.com", dnswire.TypeMAILB).bytes(), "NOTIMP an=0 | " + none + " | REFUSED an=0"},
		{"RFC 1035, Section 3.2.3", "MAILA", both, ask("example.com", dnswire.TypeMAILA).bytes(), "NOTIMP an=0 | " + none + " | REFUSED an=0"},
		{"RFC 6891, Section 6.1.1", "OPT as a question", both, ask("example.com", dnswire.TypeOPT).bytes(), "FORMERR an=0 | " + none + " | NOTIMP an=0 | REFUSED an=0"},
		{"RFC 8945, Section 4.1", "TSIG as a question", both, ask("example.com", dnswire.TypeTSIG).bytes(), "FORMERR an=0 | " + none + " | NOTIMP an=0 | REFUSED an=0"},
		{"RFC 2930, Section 3", "TKEY as a question", both, ask("example.com", dnswire.TypeTKEY).bytes(), "FORMERR an=0 | " + none + " | NOTIMP an=0 | REFUSED an=0"},
		{"RFC 6895, Section 3.1", "type 0", both, ask("www.example.com", 0).bytes(), none + " | FORMERR an=0 | REFUSED an=0 | NOTIMP an=0"},
		{"RFC 3597, Section 2", "type 65535", both, ask("www.example.com", 65535).bytes(), none + " | FORMERR an=0 | REFUSED an=0"},
		{"RFC 3597, Section 2", "an unknown type that is there", both, ask("odd.example.com", 65280).bytes(), "NOERROR aa q an=1"},
		{"RFC 3597, Section 2", "an unknown type at no name", both, ask("no.example.com", 65281).bytes(), "NXDOMAIN aa q an=0 ns=1"},
		{"RFC 3597, Section 2", "an unknown type at a CNAME", both, ask("alias.example.com", 65281).bytes(), "NOERROR aa q an=1 ns=1"},
	}
	// Types without records at a name that is there, with the ends of all
	// ranges of RFC 6895, Section 3.1.
	for _, t := range []dnswire.Type{2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 24, 25, 29, 30, 33, 35, 38, 39, 42, 43, 46, 47, 48, 50, 52, 64, 65,
		99, 100, 127, 256, 257, 258, 1000, 32768, 61439, 61440, 65279, 65280, 65400, 65534} {
		out = append(out, test{"RFC 3597, Section 2", fmt.Sprintf("no %v at the name", t), both, ask("www.example.com", t).bytes(), none})
	}
	for t := dnswire.Type(128); t < 249; t += 10 { // Q and meta types that nobody assigned
		out = append(out, test{"RFC 6895, Section 3.1", fmt.Sprintf("meta type %v", t), udp, ask("www.example.com", t).bytes(),
			"FORMERR -aa an=0 | " + none + " | NOTIMP an=0 | REFUSED an=0"})
	}
	return out
}

func ixfr() msg {
	serial := append(append(wire("ns1.example.com"), wire("hostmaster.example.com")...), make([]byte, 20)...)
	return ask("example.com", dnswire.TypeIXFR).record(authority, wire("example.com"), dnswire.TypeSOA, 1, 0, serial)
}

// answerTests ask for one of each sort of answer.
func answerTests() []test {
	t := func(rfc, what, name string, typ dnswire.Type, want string) test {
		return test{rfc, what, both, ask(name, typ).bytes(), want}
	}
	const (
		a    = dnswire.TypeA
		aaaa = dnswire.TypeAAAA
		txt  = dnswire.TypeTXT
	)
	return []test{
		t("RFC 1034, Section 4.3.2", "SOA", "example.com", dnswire.TypeSOA, "NOERROR aa q an=1"),
		t("RFC 1034, Section 4.3.2", "NS", "example.com", dnswire.TypeNS, "NOERROR aa q an=2"),
		t("RFC 1034, Section 4.3.2", "MX", "example.com", dnswire.TypeMX, "NOERROR aa q an=1"),
		t("RFC 2782", "SRV", "_sip._tcp.example.com", dnswire.TypeSRV, "NOERROR aa q an=1"),
		t("RFC 2308, Section 2.2", "NODATA", "mail.example.com", txt, "NOERROR aa q an=0 ns=1"),
		t("RFC 2308, Section 2.2", "NODATA at the apex", "example.com", aaaa, "NOERROR aa q an=0 ns=1"),
		t("RFC 2308, Section 2.1", "NXDOMAIN", "nope.example.com", a, "NXDOMAIN aa q an=0 ns=1"),
		t("RFC 2308, Section 2.1", "NXDOMAIN, deep", "a.b.c.d.e.f.nope.example.com", a, "NXDOMAIN aa q an=0 ns=1"),
		t("RFC 2308, Section 2.1", "NXDOMAIN below a name with records", "below.www.example.com", a, "NXDOMAIN aa q an=0 ns=1"),
		t("RFC 8020, Section 2", "an empty non-terminal", "ent.example.com", a, "NOERROR aa q an=0 ns=1"),
		t("RFC 8020, Section 2", "an empty non-terminal, deeper", "b.ent.example.com", a, "NOERROR aa q an=0 ns=1"),
		t("RFC 8020, Section 2", "a name below an empty non-terminal", "a.b.ent.example.com", a, "NOERROR aa q an=1"),
		t("RFC 8020, Section 2", "no name below an empty non-terminal", "c.ent.example.com", a, "NXDOMAIN aa q an=0 ns=1"),
		t("RFC 4592, Section 2.2", "a wildcard", "x.wild.example.com", a, "NOERROR aa q an=1"),
		t("RFC 4592, Section 2.2", "a wildcard, deep", "x.y.z.wild.example.com", a, "NOERROR aa q an=1"),
		t("RFC 4592, Section 2.2", "a wildcard without the type", "x.wild.example.com", aaaa, "NOERROR aa q an=0 ns=1"),
		t("RFC 4592, Section 2.2.1", "the wildcard itself", "*.wild.example.com", a, "NOERROR aa q an=1"),
		t("RFC 4592, Section 2.2.2", "the name above a wildcard", "wild.example.com", a, "NOERROR aa q an=0 ns=1"),
		t("RFC 1034, Section 3.6.2", "a CNAME", "alias.example.com", a, "NOERROR aa q an=2"),
		t("RFC 1034, Section 3.6.2", "a CNAME asked for", "alias.example.com", dnswire.TypeCNAME, "NOERROR aa q an=1"),
		t("RFC 1034, Section 3.6.2", "two CNAMEs", "alias2.example.com", a, "NOERROR aa q an=3"),
		t("RFC 2308, Section 2.2", "a CNAME to no data", "alias.example.com", txt, "NOERROR aa q an=1 ns=1"),
		t("RFC 6604, Section 3", "a CNAME to no name", "gone.example.com", a, "NXDOMAIN aa q an=1 ns=1"),
		t("RFC 1034, Section 4.3.2", "a CNAME to another zone here", "out.example.com", a, "NOERROR aa q an=2 | NOERROR aa q an=1"),
		t("RFC 1034, Section 4.3.2", "a CNAME to elsewhere", "away.example.com", a, "NOERROR aa q an=1"),
		t("RFC 6672, Section 3.1", "a DNAME", "www.dname.example.com", a, "NOERROR aa q an=3"),
		t("RFC 6672, Section 2.3", "the name of a DNAME", "dname.example.com", a, "NOERROR aa q an=0 ns=1"),
		t("RFC 6672, Section 2.3", "a DNAME asked for", "dname.example.com", dnswire.TypeDNAME, "NOERROR aa q an=1"),
		t("RFC 6672, Section 3.1", "a DNAME to no name", "no.dname.example.com", a, "NXDOMAIN aa q an=2 ns=1"),
		{"RFC 6672, Section 2.2", "a DNAME to a name too long", both, askWire(append(append(labels(3, 63), labels(1, 43)...), wire("dname.example.com")...), a, 1).bytes(), "YXDOMAIN aa q an=1"},
		t("RFC 1034, Section 4.3.2", "a referral", "www.sub.example.com", a, "NOERROR -aa q an=0 ns=2"),
		t("RFC 9471, Section 3.1", "a referral with its glue", "x.sub.example.com", a, "NOERROR -aa q an=0 ns=2 ar=3 | NOERROR -aa q an=0 ns=2 ar=2"),
		t("RFC 1034, Section 4.3.2", "the name of a zone cut", "sub.example.com", a, "NOERROR -aa q an=0 ns=2"),
		t("RFC 1034, Section 4.3.2", "NS of a zone cut", "sub.example.com", dnswire.TypeNS, "NOERROR -aa q an=0 ns=2"),
		t("RFC 1034, Section 4.3.2", "glue asked for", "ns.sub.example.com", a, "NOERROR -aa q an=0 ns=2"),
		t("RFC 4035, Section 3.1.4.1", "DS of a zone cut", "sub.example.com", dnswire.TypeDS, "NOERROR aa q an=0 ns=1"),
		t("RFC 4035, Section 3.1.4.1", "DS of the apex", "example.com", dnswire.TypeDS, "NOERROR aa q an=0 ns=1 | REFUSED -aa"),
		t("RFC 4035, Section 3.1.4.1", "DS below a zone cut", "www.sub.example.com", dnswire.TypeDS, "NOERROR -aa q an=0 ns=2"),
		t("RFC 4035, Section 3.1.3", "RRSIG of an unsigned name", "www.example.com", dnswire.TypeRRSIG, "NOERROR aa q an=0 ns=1 | REFUSED"),
	}
}

// sizeTests ask for answers that are too large.
func sizeTests() []test {
	many, huge := ask("many.example.com", dnswire.TypeA), ask("huge.example.com", dnswire.TypeTXT)
	const (
		rfc   = "RFC 6891, Section 6.2.3"
		whole = "NOERROR aa -tc q an=60"
		cut   = "NOERROR aa tc q"
	)
	out := []test{
		{"RFC 2181, Section 9", "more than 512 octets without EDNS", udp, many.bytes(), cut + " -opt size=512"},
		{"RFC 7766, Section 5", "more than 512 octets without EDNS", tcp, many.bytes(), whole + " -opt"},
		{"RFC 7766, Section 5", "4000 octets", tcp, huge.bytes(), "NOERROR aa -tc q an=20"},
		{"RFC 7766, Section 5", "4000 octets with a small size", tcp, huge.edns(512).bytes(), "NOERROR aa -tc q an=20 opt"},
	}
	for _, size := range []uint16{0, 1, 12, 511, 512, 513, 600, 1000} {
		out = append(out, test{rfc, fmt.Sprintf("UDP size %d, too small for the answer", size), udp, many.edns(size).bytes(),
			fmt.Sprintf("%s opt size=%d", cut, max(512, size))})
		out = append(out, test{rfc, fmt.Sprintf("UDP size %d, enough for the answer", size), both, www().edns(size).bytes(), "NOERROR aa -tc an=1 opt size=512"})
	}
	for _, size := range []uint16{1232, 1400, 4096, 65535} {
		out = append(out, test{rfc, fmt.Sprintf("UDP size %d, large enough", size), both, many.edns(size).bytes(), whole + " opt"})
	}
	for _, size := range []uint16{512, 1232, 1400} {
		out = append(out, test{rfc, fmt.Sprintf("4000 octets for a UDP size of %d", size), udp, huge.edns(size).bytes(), fmt.Sprintf("%s opt size=%d", cut, size)})
	}
	for _, size := range []uint16{4096, 65535} {
		out = append(out, test{"RFC 9715, Section 3.1", fmt.Sprintf("4000 octets for a UDP size of %d", size), udp, huge.edns(size).bytes(),
			cut + " opt size=1232 | " + cut + " size=1452 | NOERROR aa -tc q an=20"})
	}
	return out
}
