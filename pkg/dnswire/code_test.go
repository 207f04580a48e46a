package dnswire

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestTypesHaveTheNamesOfTheRegistry(t *testing.T) {
	for number, name := range dns.TypeToString {
		if name == "None" || name == "Reserved" {
			continue // names of a library, not of the registry
		}
		if got := Type(number).String(); got != name {
			t.Errorf("type %d: got %s, want %s", number, got, name)
		}
	}
}

func TestParseTypeReadsEveryNameBack(t *testing.T) {
	for n := range 1 << 16 {
		typ := Type(n)
		if got, ok := ParseType(typ.String()); !ok || got != typ {
			t.Errorf("%v: got %v, %v", typ, got, ok)
		}
	}
}

func TestParseType(t *testing.T) {
	for _, row := range []struct {
		text string
		want Type
		ok   bool
	}{
		{"aaaa", TypeAAAA, true},
		{"type1", TypeA, true},
		{"TYPE65400", TypeSTEER, true},
		{"steer", TypeSTEER, true},
		{"TYPE0", 0, true},
		{"TYPE65535", 65535, true},
		{"TYPE65536", 0, false},
		{"TYPE", 0, false},
		{"TYPE-1", 0, false},
		{"TYPE+1", 0, false},
		{"TYPE1x", 0, false},
		{"", 0, false},
		{"AA", 0, false},
	} {
		if got, ok := ParseType(row.text); ok != row.ok || ok && got != row.want {
			t.Errorf("ParseType(%q): got %v, %v, want %v, %v", row.text, got, ok, row.want, row.ok)
		}
	}
}

func TestCodesHaveTheNamesThatDigPrints(t *testing.T) {
	for number, name := range dns.RcodeToString {
		got := RCode(number).String()
		if strings.HasPrefix(got, "RCODE") || number == dns.RcodeBadVers {
			continue // not sent by an authoritative server; BADVERS is BADSIG there
		}
		if got != name {
			t.Errorf("response code %d: got %s, want %s", number, got, name)
		}
	}
	for _, row := range [][2]string{
		{RCodeBadVers.String(), "BADVERS"}, {RCode(3841).String(), "RCODE3841"},
		{ClassIN.String(), "IN"}, {ClassCH.String(), "CH"}, {Class(2).String(), "CLASS2"},
		{OpcodeUpdate.String(), "UPDATE"}, {Opcode(9).String(), "OPCODE9"},
		{FormErr.String(), "FORMERR"}, {Drop.String(), "drop"}, {Proceed.String(), "proceed"},
	} {
		if row[0] != row[1] {
			t.Errorf("got %s, want %s", row[0], row[1])
		}
	}
}

func TestFormatRData(t *testing.T) {
	for _, row := range []struct {
		typ   Type
		rdata string
		want  string
	}{
		{TypeA, "c0000201", "192.0.2.1"},
		{TypeAAAA, "20010db8 12*00", "2001:db8::"},
		{TypeNS, "02 'ns' 07 'Example' 00", "ns.Example."},
		{TypeMX, "000a 04 'mail' 00", "10 mail."},
		{TypeTXT, "02 'a\"' 01 'b'", `"a\"" "b"`},
		{TypeSRV, "0001 0002 0035 01 'x' 00", "1 2 53 x."},
		{TypeSTEER, "03 'web'", `"web"`},
		{Type(65399), "0102", `\# 2 0102`},
		{Type(65399), "", `\# 0`},
		{TypeA, "c00002", `\# 3 c00002`},
		{TypeA, "c000020100", `\# 5 c000020100`},
		{TypeNS, "c000", `\# 2 c000`},
	} {
		if got := FormatRData(row.typ, assemble(t, row.rdata)); got != row.want {
			t.Errorf("%v %s: got %s, want %s", row.typ, row.rdata, got, row.want)
		}
	}
}
