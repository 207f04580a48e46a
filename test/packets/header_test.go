package packets

import (
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// headerTests vary the header of a good query.
func headerTests() []test {
	const header = "RFC 1035, Section 4.1.1"
	good := "NOERROR aa -tc q an=1"
	out := []test{
		{header, "plain", both, www().bytes(), good + " -opt -rd"},
		{header, "a response", both, www().with(flagQR).bytes(), "silent"},
		{header, "a response with an error", both, www().with(flagQR | 5).bytes(), "silent"},
		{header, "a malformed response", both, www().with(flagQR).count(question, 2).bytes(), "silent"},
		{header, "a response of the opcode UPDATE", both, soa().with(flagQR).opcode(5).bytes(), "silent"},
		{header, "a response, header alone", both, msg{flags: flagQR}.bytes(), "silent"},
		{header, "RD", both, www().with(flagRD).bytes(), good + " rd"},
		{header, "AA in a query", both, www().with(flagAA).bytes(), good},
		{header, "AA in a query for what is elsewhere", both, ask("www.example.org", dnswire.TypeA).with(flagAA).bytes(), "REFUSED -aa"},
		{header, "TC in a query", both, www().with(flagTC).bytes(), good + " | FORMERR"},
		{header, "RA in a query", both, www().with(flagRA).bytes(), good},
		{header, "Z in a query", both, www().with(flagZ).bytes(), good},
		{"RFC 6840, Section 5.7", "AD in a query", both, www().with(flagAD).bytes(), good},
		{"RFC 4035, Section 3.1.6", "CD in a query", both, www().with(flagCD).bytes(), good + " cd | " + good},
		{header, "all bits but QR", both, www().with(flagAA | flagTC | flagRD | flagRA | flagZ | flagAD | flagCD).bytes(), good + " | FORMERR"},
		{header, "RCODE 3 in a query", both, www().with(3).bytes(), good},
		{header, "RCODE 15 in a query", both, www().with(15).bytes(), good},
	}
	for n := range 12 {
		out = append(out, test{"RFC 8906, Section 4", fmt.Sprintf("%d octets", n), both, www().bytes()[:n], "silent"})
	}
	return append(out, opcodeTests()...)
}

// opcodeTests are all opcodes but QUERY, with a question and without.
func opcodeTests() []test {
	var out []test
	for op := 1; op < 16; op++ {
		rfc, want := "RFC 8906, Section 3.1.4", "NOTIMP -aa an=0 ns=0"
		switch op {
		case 4:
			rfc, want = "RFC 1996, Section 3.12", "NOTIMP -aa an=0 ns=0 | NOTAUTH | REFUSED | FORMERR | NOERROR"
		case 5:
			rfc, want = "RFC 2136, Section 3.1.1", "NOTIMP -aa an=0 ns=0 | NOTAUTH | REFUSED | FORMERR"
		}
		out = append(out,
			test{rfc, fmt.Sprintf("opcode %d with a question", op), both, soa().opcode(op).bytes(), want},
			test{rfc, fmt.Sprintf("opcode %d with EDNS", op), both, soa().opcode(op).edns(1232).bytes(), want + " opt | " + want},
			test{rfc, fmt.Sprintf("opcode %d, header alone", op), both, msg{}.opcode(op).bytes(), want + " | " + want + " | FORMERR"},
		)
	}
	out = append(out,
		test{"RFC 1996, Section 3.7", "NOTIFY with an SOA record", both, soa().opcode(4).record(answer, wire("example.com"), dnswire.TypeA, 1, 0, []byte{1, 2, 3, 4}).bytes(),
			"NOTIMP an=0 | NOTAUTH | REFUSED | FORMERR | NOERROR"},
		test{"RFC 2136, Section 2.5", "UPDATE with an addition", both,
			soa().opcode(5).record(authority, wire("new.example.com"), dnswire.TypeA, 1, 60, []byte{192, 0, 2, 1}).bytes(), "NOTIMP an=0 | NOTAUTH | REFUSED"},
		test{"RFC 2136, Section 2.4", "UPDATE with a prerequisite of class ANY", both,
			soa().opcode(5).record(answer, wire("www.example.com"), dnswire.TypeANY, 255, 0, nil).bytes(), "NOTIMP an=0 | NOTAUTH | REFUSED"},
		test{"RFC 8490, Section 5.1.1", "a DSO message over UDP", udp, msg{}.opcode(6).tail(0, 1, 0, 4, 0, 0, 0, 1).bytes(), "NOTIMP"},
	)
	return out
}

// cutTests are good queries cut off after every octet.
func cutTests() []test {
	const rfc = "RFC 1035, Section 4.1.1"
	var out []test
	whole := www().do(1232, opt(optNSID), ecs(1, 24, 0, 192, 0, 2), cookie()).bytes()
	for n := 12; n < len(whole); n++ {
		want := "FORMERR -aa -opt an=0 ns=0"
		if n < 12+21 {
			want += " -q | FORMERR -aa -opt an=0 ns=0"
		}
		out = append(out, test{rfc, fmt.Sprintf("%d octets of %d", n, len(whole)), both, slices.Clone(whole[:n]), want})
	}
	// A record before OPT, with a compressed owner.
	whole = www().record(answer, []byte{0xc0, 12}, dnswire.TypeA, 1, 60, []byte{192, 0, 2, 1}).edns(1232).bytes()
	for n := 34; n < len(whole); n++ {
		out = append(out, test{rfc, fmt.Sprintf("%d octets of %d, a record before OPT", n, len(whole)), udp, slices.Clone(whole[:n]), "FORMERR -aa -opt an=0 ns=0"})
	}
	return out
}
