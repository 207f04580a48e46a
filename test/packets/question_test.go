package packets

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// questionTests vary the question.
func questionTests() []test {
	const (
		count = "RFC 9619, Section 4"
		label = "RFC 1035, Section 2.3.4"
		form  = "RFC 1035, Section 4.1.4"
		bad   = "FORMERR -aa -opt an=0 ns=0"
	)
	inName := func(octets ...byte) []byte { return askWire(octets, dnswire.TypeA, dnswire.ClassIN).bytes() }
	under := func(prefix []byte) []byte { return slices.Concat(prefix, wire("example.com")) }
	out := []test{
		{count, "no question", both, msg{}.bytes(), bad},
		{count, "no question but EDNS", both, msg{}.edns(1232).bytes(), "FORMERR -aa opt -q | " + bad},
		{count, "no question but a record", both, msg{}.record(answer, root, dnswire.TypeA, 1, 0, []byte{1, 2, 3, 4}).bytes(), bad},
		{count, "a question, none counted", both, www().count(question, 0).bytes(), bad},
		{count, "two questions", both, msg{counts: [4]uint16{2}, body: slices.Concat(www().body, soa().body)}.bytes(), bad},
		{count, "twice the same question", both, msg{counts: [4]uint16{2}, body: slices.Concat(www().body, www().body)}.bytes(), bad},
		{count, "two questions with EDNS", both, msg{counts: [4]uint16{2}, body: slices.Concat(www().body, soa().body)}.edns(1232).bytes(), "FORMERR -aa"},
		{count, "one question, two counted", both, www().count(question, 2).bytes(), bad},
		{count, "one question, 256 counted", both, www().count(question, 256).bytes(), bad},
		{count, "one question, 65535 counted", both, www().count(question, 65535).bytes(), bad},

		{form, "a pointer to itself", both, inName(0xc0, 12), bad},
		{form, "a pointer to itself after a label", both, inName(1, 'a', 0xc0, 14), bad},
		{form, "a pointer to the first label of its name", both, inName(1, 'a', 0xc0, 12), bad},
		{form, "a pointer forward", both, inName(0xc0, 14, 3, 'w', 'w', 'w', 0), bad},
		{form, "a pointer into the type", both, inName(0xc0, 15), bad},
		{form, "a pointer past the end", both, inName(0xff, 0xff), bad},
		{form, "a pointer to the header's ID", both, inName(0xc0, 0), bad + " | NOERROR | REFUSED"},
		{form, "a pointer to zero octets of the header", both, inName(0xc0, 8), bad + " | NOERROR | REFUSED"},
		{form, "two pointers that point to each other", both, inName(0xc0, 14, 0xc0, 12), bad},
		{form, "half a pointer", both, append(www().bytes()[:12], 0xc0), bad},
		{"RFC 6891, Section 5", "a label of type 0x40", both, inName(0x41, 0x08, 0), bad},
		{"RFC 6891, Section 5", "a label of type 0x40, bit string", both, inName(0x41, 8, 0xff, 3, 'c', 'o', 'm', 0), bad},
		{form, "a label of type 0x80", both, inName(0x81, 'a', 0), bad},
		{form, "a label of type 0x80 at the end", both, inName(1, 'a', 0x80, 0), bad},

		{label, "the longest label", both, inName(under(labels(1, 63))...), "NXDOMAIN aa q"},
		{label, "a label of 64 octets", both, inName(under(labels(1, 64))...), bad},
		{label, "a label of 65 octets", both, inName(under(append([]byte{65}, strings.Repeat("a", 65)...))...), bad},
		{label, "the longest name", both, inName(under(slices.Concat(labels(3, 63), labels(1, 49)))...), "NXDOMAIN aa q"},
		{label, "a name of 256 octets", both, inName(under(slices.Concat(labels(3, 63), labels(1, 50)))...), bad},
		{label, "a name of 257 octets", both, inName(under(slices.Concat(labels(3, 63), labels(1, 51)))...), bad},
		{label, "as many labels as there can be", both, inName(under(labels(121, 1))...), "NXDOMAIN aa q"},
		{label, "one label more", both, inName(under(labels(122, 1))...), bad},
		{label, "a thousand labels", both, inName(under(labels(1000, 1))...), bad},
		{label, "a name without an end", both, inName(labels(250, 1)...), bad},

		{"RFC 4343, Section 3", "letters in another case", both, ask("wWW.eXAMPLE.cOM", dnswire.TypeA).bytes(), "NOERROR aa q an=1"},
		{"RFC 4343, Section 3", "letters in another case, NXDOMAIN", both, ask("NO.eXAMPLE.cOM", dnswire.TypeA).bytes(), "NXDOMAIN aa q ns=1"},
		{"RFC 4343, Section 3", "letters in another case, a CNAME", both, ask("ALIAS.example.COM", dnswire.TypeA).bytes(), "NOERROR aa q an=2"},
		{"RFC 4343, Section 3", "letters in another case, a wildcard", both, ask("X.WILD.example.com", dnswire.TypeA).bytes(), "NOERROR aa q an=1"},
		{"RFC 2181, Section 11", "every octet in a label", both, inName(under([]byte{6, 0, '.', '\\', 255, ' ', '@'})...), "NXDOMAIN aa q"},
		{"RFC 2181, Section 11", "a dot in a label", both, inName(slices.Concat([]byte{5}, []byte("www.e"), wire("xample.com"))...), "REFUSED -aa q"},
		{"RFC 2181, Section 11", "a label that looks like a name", both, inName(slices.Concat([]byte{11}, []byte("www.example"), wire("com"))...), "REFUSED -aa q"},
		{"RFC 2181, Section 11", "a zero octet at the end of a label", both, inName(slices.Concat([]byte{4}, []byte("www\x00"), wire("example.com"))...), "NXDOMAIN aa q"},

		{"RFC 1034, Section 3.1", "the root", both, ask(".", dnswire.TypeNS).bytes(), "REFUSED -aa q an=0"},
		{"RFC 1034, Section 3.1", "the root, of type A", both, ask(".", dnswire.TypeA).bytes(), "REFUSED -aa q an=0"},
		{"RFC 1034, Section 4.3.1", "a name above the zone", both, ask("com", dnswire.TypeA).bytes(), "REFUSED -aa q an=0"},
		{"RFC 1034, Section 4.3.1", "a name of nobody's", both, ask("www.example.org", dnswire.TypeA).bytes(), "REFUSED -aa q an=0"},
		{"RFC 1034, Section 4.3.1", "a name that ends like the zone", both, ask("www.badexample.com", dnswire.TypeA).bytes(), "REFUSED -aa q an=0"},
	}
	for i := 1; i <= 16; i++ {
		octets := www().tail([]byte(strings.Repeat("x", i))...).bytes()
		out = append(out, test{"RFC 1035, Section 4.1", fmt.Sprintf("%d octets after the question", i), both, octets, "NOERROR aa q an=1 | FORMERR"})
	}
	out = append(out,
		test{"RFC 1035, Section 4.1", "400 zero octets after the question", both, www().tail(make([]byte, 400)...).bytes(), "NOERROR aa q an=1 | FORMERR"},
		test{"RFC 1035, Section 4.1", "1000 octets after the OPT record", both, www().edns(1232).tail(make([]byte, 1000)...).bytes(), "NOERROR aa q an=1 opt | FORMERR"},
		test{"RFC 1035, Section 4.1", "an OPT record that is not counted", both, www().edns(1232).count(additional, 0).bytes(), "NOERROR aa q an=1 -opt | FORMERR"},
	)
	// A name from the first to the last length that fits, all below the zone.
	for n := 1; n <= 241; n += 16 {
		prefix := slices.Concat(labels(n/64, 63), labels(1, max(1, n%64-1)))
		out = append(out, test{label, fmt.Sprintf("a prefix of %d octets", len(prefix)), udp, inName(under(prefix)...), "NXDOMAIN aa q"})
	}
	return out
}

// recordTests put records into queries.
func recordTests() []test {
	const (
		rfc  = "RFC 1035, Section 4.1.3"
		bad  = "FORMERR -aa an=0"
		fine = "NOERROR aa q an=1"
	)
	a := []byte{192, 0, 2, 1}
	name := wire("other.example")
	var out []test
	for i, word := range []string{"answer", "authority", "additional"} {
		section := answer + i
		out = append(out,
			test{rfc, "a record counted and not there, " + word, both, www().count(section, 1).bytes(), bad + " -opt"},
			test{rfc, "65535 records counted and not there, " + word, both, www().count(section, 65535).bytes(), bad + " -opt"},
			test{rfc, "a record, two counted, " + word, both, www().record(section, name, dnswire.TypeA, 1, 0, a).count(section, 2).bytes(), bad + " -opt"},
			test{rfc, "a good record, " + word, both, www().record(section, name, dnswire.TypeA, 1, 0, a).bytes(), fine + " -opt | FORMERR"},
			test{rfc, "a good record and EDNS, " + word, both, www().record(section, name, dnswire.TypeA, 1, 0, a).edns(1232).bytes(), fine + " opt | FORMERR"},
			test{rfc, "a record of an unknown type, " + word, both, www().record(section, name, 65279, 1, 0, a).bytes(), fine + " | FORMERR"},
			test{rfc, "a record with a pointer forward, " + word, both, www().record(section, []byte{0xc0, 60}, dnswire.TypeA, 1, 0, a).bytes(), bad},
			test{rfc, "a record with a pointer to itself, " + word, both, www().record(section, []byte{0xc0, 33}, dnswire.TypeA, 1, 0, a).bytes(), bad},
			test{rfc, "a record with a label of type 0x80, " + word, both, www().record(section, []byte{0x81, 'a', 0}, dnswire.TypeA, 1, 0, a).bytes(), bad},
			test{rfc, "a record of a compressed name, " + word, both, www().record(section, []byte{0xc0, 12}, dnswire.TypeA, 1, 0, a).bytes(), fine + " | FORMERR"},
		)
	}
	many := www()
	for range 30 {
		many = many.record(additional, name, dnswire.TypeA, 1, 0, a)
	}
	for _, r := range []struct {
		what string
		typ  dnswire.Type
		data []byte
	}{
		{"A of 3 octets", dnswire.TypeA, a[:3]}, {"A of 5 octets", dnswire.TypeA, append(a[:4:4], 0)}, {"A of none", dnswire.TypeA, nil},
		{"AAAA of 4 octets", dnswire.TypeAAAA, a}, {"NS of no name", dnswire.TypeNS, nil}, {"CNAME cut off", dnswire.TypeCNAME, []byte{3, 'a'}},
		{"NS that points forward", dnswire.TypeNS, []byte{0xc0, 99}}, {"SOA cut off", dnswire.TypeSOA, []byte{0, 0, 1, 2}}, {"TXT cut off", dnswire.TypeTXT, []byte{9, 'a'}},
		{"MX of one octet", dnswire.TypeMX, []byte{1}},
	} {
		// Nobody needs to look into it; BIND does.
		out = append(out, test{"RFC 1035, Section 3.3", r.what, both, www().record(additional, name, r.typ, 1, 0, r.data).bytes(), bad + " | " + fine})
	}
	return append(out,
		test{rfc, "RDATA longer than the packet", both, lengthen(www().record(additional, name, dnswire.TypeA, 1, 0, a).bytes(), 4), bad},
		test{rfc, "30 records", both, many.bytes(), fine + " | FORMERR"},
		test{rfc, "30 records and EDNS", both, many.edns(1232).bytes(), fine + " opt | FORMERR"},
	)
}

// lengthen makes the length of the RDATA at the end of a packet, of n octets
// now, claim one octet more.
func lengthen(packet []byte, n int) []byte {
	packet[len(packet)-n-1]++
	return packet
}
