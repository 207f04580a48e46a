package zone

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/miekg/dns"
)

// read returns the RDATA that one line gives, nil if it is refused.
func read(line string) []byte {
	l := &loader{opt: Options{}.withDefaults("z"), build: newBuilder("\x07example\x03com\x00", 0), files: []source{{"z", "z", []byte(line)}}}
	r := newReader(l, 0, []byte("\x07example\x03com\x00"))
	if !r.next() || r.broken {
		return nil
	}
	r.ownerOf = ownerKnown
	var rec record
	if !r.header(&rec, r.tokens[1:]) || !r.readRData(&rec) {
		return nil
	}
	return bytes.Clone(rec.rdata)
}

// TestRDataAgreesWithMiekg compares what is read here by layout with what
// miekg/dns reads.
func TestRDataAgreesWithMiekg(t *testing.T) {
	for _, line := range []string{
		"A 192.0.2.1", "A 0.0.0.0", "A 255.255.255.255",
		"AAAA 2001:db8::1", "AAAA ::", "AAAA ::ffff:192.0.2.1", "AAAA 64:ff9b::192.0.2.33", "AAAA 1:2:3:4:5:6:7:8",
		"NS ns1", "NS ns1.example.net.", "NS @", "NS .", "CNAME Host.Example.ORG.", `CNAME a\.b`, `CNAME a\046b\255.c`, `CNAME *.x`,
		"DNAME x.example.net.", "PTR a.b.c",
		"MX 10 mail", "MX 0 .", "MX 65535 Mail.example.net.",
		"SRV 1 2 3 host", "SRV 0 0 65535 .",
		"TXT a", `TXT "a b" c`, `TXT ""`, `TXT "a\"b\\c\065\200"`, `TXT "semi;colon"`, `SPF "v=spf1 -all"`, "TXT gr\xc3\xbcn",
		"X25 311061700956", "HINFO PC Linux", `HINFO "a b" ""`,
		"RP mbox.example.net. txt", "AFSDB 1 host",
		`NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" .`, `NAPTR 1 2 "S" "SIP+D2U" "" _sip._udp`,
		`CAA 0 issue "letsencrypt.org"`, `CAA 128 iodef "mailto:a@example.com"`, `CAA 0 issue ""`, "CAA 0 issue x",
		"SOA ns1 hostmaster 1 2 3 4 5", "SOA . . 4294967295 1h 1d 1w 30m", `SOA ns1 first\.last 2026112001 3600 600 604800 300`,
	} {
		rr, err := dns.NewRR("$ORIGIN example.com.\n. 0 IN " + line + "\n")
		if err != nil || rr == nil {
			t.Errorf("%s: miekg/dns: %v", line, err)
			continue
		}
		want, err := packRData(rr)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if _, here := layouts[dnswire.Type(rr.Header().Rrtype)]; !here {
			t.Errorf("%s: not read by layout", line)
		}
		if got := read("x " + line); !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %x\nwant %x", line, got, want)
		}
		// The same octets in the generic form.
		generic := "x " + dnswire.Type(rr.Header().Rrtype).String() + ` \# ` + strconv.Itoa(len(want)) + " " + hex.EncodeToString(want)
		if got := read(generic); !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %x\nwant %x", generic, got, want)
		}
	}
}

// TestWrongGenericRDataIsRefused: octets must make sense for their type.
func TestWrongGenericRDataIsRefused(t *testing.T) {
	for _, line := range []string{
		`A \# 3 c00002`, `A \# 5 c000020101`, `A \# 0`, `AAAA \# 4 c0000201`,
		`NS \# 2 c00c`, `NS \# 1 40`, `NS \# 3 0161`, `NS \# 2 0000`, `MX \# 2 000a`, `MX \# 4 000ac000`, `MX \# 4 000a0000`,
		`TXT \# 2 0561`, `TXT \# 0`, `SOA \# 2 0000`, `SRV \# 6 000100020003`, `CAA \# 2 0005`, `DS \# 2 0001`,
		`A \# 4 c000020g`, `A \# 4 c00002`, `A \#`, `A \# x`, `A \# 4 "c0000201"`, `A \# 70000 00`, `TYPE731 abc`, `TYPE731`,
	} {
		if got := read("x " + line); got != nil {
			t.Errorf("%s: got %x, want an error", line, got)
		}
	}
}

// TestForeignTypesAreRead is about those that miekg/dns reads, in their own and
// in the generic form.
func TestForeignTypesAreRead(t *testing.T) {
	for line, want := range map[string]string{
		"DS 1 13 2 " + zeros(64):             "00010d02" + zeros(64),
		"TLSA 3 1 1 " + zeros(64):            "030101" + zeros(64),
		"SSHFP 4 2 abcd":                     "0402abcd",
		"DNSKEY 257 3 13 AAAA":               "0101030d000000",
		"NSEC a A NS RRSIG":                  "016107" + "6578616d706c6503636f6d00" + "0006600000000002",
		`HTTPS 1 . alpn="h2,h3" port=443`:    "000100" + "0001000602683202" + "6833" + "0003000201bb",
		`HTTPS 0 www.example.net.`:           "0000" + "03777777076578616d706c65036e657400",
		"EUI48 00-00-5e-00-53-2a":            "00005e00532a",
		`URI 10 1 "ftp://x"`:                 "000a0001" + hex.EncodeToString([]byte("ftp://x")),
		"KX 10 Host":                         "000a" + "04486f7374" + "076578616d706c6503636f6d00",
		"MINFO a b":                          "0161076578616d706c6503636f6d00" + "0162076578616d706c6503636f6d00",
		"CSYNC 66 3 A NS AAAA":               "00000042000300" + "0460000008",
		"OPENPGPKEY AAAA":                    "000000",
		"APL 1:192.0.2.0/24 !1:192.0.2.0/25": "00011803c00002" + "00011983c00002",
	} {
		if got := hex.EncodeToString(read("x " + line)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", line, got, want)
		}
	}
	if got := read("x LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m"); len(got) != 16 {
		t.Errorf("LOC: %x", got)
	}
}

func zeros(n int) string { return string(bytes.Repeat([]byte("0"), n)) }

// TestEveryTypeIsReadBackFromItsGenericForm: one way to write a record must not
// accept what the other refuses.
func TestEveryTypeIsReadBackFromItsGenericForm(t *testing.T) {
	_, cases := readVerdicts(t)
	for name, text := range bindZones {
		cases = append(cases, verdict{name: name, zone: text})
	}
	types := map[dnswire.Type]bool{}
	for _, v := range cases {
		z, _ := Load(files("z", v.zone, "inc.db", bindInclude), "z", exampleCom(t), Options{})
		if z == nil {
			continue
		}
		for n := range z.Nodes() {
			for s := range n.Sets() {
				types[s.Type] = true
			}
		}
		again, list := Load(files("z", genericText(z)), "z", exampleCom(t), Options{})
		if again == nil {
			t.Errorf("%s:\n%s\n%s", v.name, genericText(z), linesOf(list))
		} else if got, want := dumpOf(again), dumpOf(z); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", v.name, got, want)
		}
	}
	if len(types) < 45 {
		t.Errorf("only %d types were tried", len(types))
	}
}
