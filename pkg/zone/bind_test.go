package zone

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/miekg/dns"
)

// bindZones are read by BIND and here; both must come to the same records, TTLs
// included.
var bindZones = map[string]string{
	"ttls": `@ 77 SOA ns1 hostmaster 1 3600 600 604800 300
@ NS ns1
ns1 99 A 192.0.2.53
www A 192.0.2.1
x 5 A 192.0.2.1
y TXT hi
$TTL 1h
z TXT a
$TTL 2d3h
z2 TXT a
z3 7 TXT a
z4 2147483648 TXT a
`,
	"soaMinimum": `@ SOA ns1 hostmaster 1 3600 600 604800 301
@ NS ns1
ns1 99 A 192.0.2.53
www A 192.0.2.1
x 5 A 192.0.2.1
y TXT hi
`,
	"differingTTLs": verdictHead + `a 100 A 192.0.2.1
a 50 A 192.0.2.2
 TXT b
b 200 A 192.0.2.1
c A 192.0.2.1
b 100 A 192.0.2.2
d 100 A 192.0.2.1
c TXT y
d 200 A 192.0.2.2
`,
	"lastTTLAfterDiffering": `@ 77 SOA ns1 hostmaster 1 3600 600 604800 300
@ NS ns1
ns1 A 192.0.2.53
a 100 A 192.0.2.1
a 50 A 192.0.2.2
b A 192.0.2.1
`,
	"words": verdictHead + `t1 TXT a"b"c
t2 TXT "a""b"
t3 TXT "a\"b\068" (x) y;z
t4 TXT ( a ; c )
 b
 ) ; d
( t5 A 192.0.2.1 )
t6 (A 192.0.2.1)
t\.7 TXT \"a\"
t\0008x TXT "\000\255"
"t 9" TXT x
@ TXT y
 300 IN TXT z
 in 300 txt zz
`,
	"origins": verdictHead + `$ORIGIN sub
www A 192.0.2.1
@ MX 10 www
$ORIGIN deep.sub.example.com.
 TXT still
www CNAME www.sub.example.com.
$ORIGIN .
abs.example.com TXT x
`,
	"includes": verdictHead + `www A 192.0.2.1
$INCLUDE inc.db
 TXT after
$INCLUDE inc.db sub ; comment
 TXT after2
z A 192.0.2.9
`,
	"generates": verdictHead + `$GENERATE 1-3 h$ A 192.0.2.$
$GENERATE 0-8/4 h${1,3,d} 60 IN A 192.0.2.$
$GENERATE 1-2 i${0,3} IN 70 A 192.0.2.$
$GENERATE 10-12 x${0,3,X} TXT "${0,0,o} $$ \$ x"
$GENERATE 10-12 n${0,3,n}.x TXT ${0,5,N}
$GENERATE 300-301 n${0,1,n}x TXT a${0,2,n}.b
$GENERATE 1-2 m${-5,4}x TXT a${-5,4,x}b${-5,3,n}
$GENERATE 1-2 $.sub CNAME $
$GENERATE 1-2 @ TXT x$
$GENERATE 1-5/3 p$ MX "10 mail$"
$GENERATE 1-2 e\$x TXT \$$\046
$GENERATE 1-2 ${0,3,d}${1,2,x} TXT $$$
`,
	"types": verdictHead + `a NAPTR 100 10 U E2U+sip !^.*!sip:a! .
b CAA 0 issue letsencrypt.org
c HINFO a b
d LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m
e HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1 port=443
f SSHFP 4 2 ( abababababababababababababababababababababababababababababababab )
g TYPE731 \# 6 abcdef ( 01
 23 45 )
h A \# 4 c0000201
i DNSKEY 257 3 13 ( mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+Gq
 JxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ== )
j CERT PKIX 2 RSASHA256 AAAA
k APL 1:192.0.2.0/24 !2:2001:db8::/32
l URI 10 1 "ftp://ftp.example.com/public"
m AAAA ::ffff:192.0.2.1
n RP mbox.example.com. Txt
o CSYNC 66 3 A NS AAAA
p NSEC a A NS TYPE1234
q SRV 1 2 3 Host.Example.NET.
r DS 1 ECDSAP256SHA256 2 ( 0000000000000000000000000000000000000000
 000000000000000000000000 )
s SVCB 0 foo.example.net.
u RRSIG A 13 3 300 20300101000000 20200101000000 1 example.com. AAAA
w ISDN "150862028003217" "004"
x EUI48 00-00-5e-00-53-2a
y SMIMEA 3 1 1 abcdef
z NSEC3PARAM 1 0 0 -
`,
	"outside": verdictHead + `www.example.net. A 192.0.2.1
$ORIGIN net.
 TXT mine?
www A 192.0.2.1
`,
	"duplicates": verdictHead + `a A 192.0.2.1
a A 192.0.2.1
b CNAME c.example.net.
b CNAME C.example.net.
d MX 10 ns1
d MX 10 NS1
`,
}

const bindInclude = "inc A 192.0.2.7\n$TTL 77\n$ORIGIN foo\n TXT blank\nbar A 192.0.2.8\n"

func TestRecordsAreThoseOfBIND(t *testing.T) {
	if _, err := exec.LookPath("named-checkzone"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("inc.db", bindInclude)
	for name, text := range bindZones {
		t.Run(name, func(t *testing.T) {
			write(name, text)
			cmd := exec.Command("named-checkzone", "-q", "-i", "none", "-k", "ignore", "-D", "-s", "full", "-o", name+".out", "example.com", name)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			dump, err := os.ReadFile(filepath.Join(dir, name+".out"))
			if err != nil {
				t.Fatal(err)
			}
			want := recordsOf(t, string(dump))
			z, list := Load(os.DirFS(dir), name, exampleCom(t), Options{})
			if z == nil {
				t.Fatal(linesOf(list))
			}
			got := dumpOf(z)
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Fatalf("got:\n%s\n\nwant:\n%s\n\nBIND:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), dump)
				}
			}
		})
	}
}

// recordsOf returns the records of BIND's dump as lines in order.
func recordsOf(t *testing.T, dump string) (lines []string) {
	parser := dns.NewZoneParser(strings.NewReader(dump), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		h := rr.Header()
		owner, err := dnswire.ParseName(h.Name)
		if err != nil {
			t.Fatal(err)
		}
		ttl, typ := h.Ttl, h.Rrtype
		h.Name = "."
		rdata, err := packRData(rr)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, lineOf(owner, ttl, dnswire.Type(typ), rdata))
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("%v\n%s", err, dump)
	}
	slices.Sort(lines)
	return lines
}

// dumpOf returns the records of a zone as lines in order.
func dumpOf(z *Zone) (lines []string) {
	for n := range z.Nodes() {
		for set := range n.Sets() {
			for rdata := range set.All() {
				lines = append(lines, lineOf(n.Name, set.TTL, set.Type, rdata))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// lineOf shows a record; BIND's dump folds the case of some names.
func lineOf(owner dnswire.Name, ttl uint32, typ dnswire.Type, rdata []byte) string {
	return fmt.Sprintf("%s %d %s %x", owner, ttl, typ, foldedRData(typ, rdata))
}
