package zone

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// files returns a file system from pairs of path and text.
func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

// wantFindings loads a zone and compares what is said.
func wantFindings(t *testing.T, fsys fstest.MapFS, opt Options, want ...string) *Zone {
	t.Helper()
	z, list := Load(fsys, "example.com.zone", exampleCom(t), opt)
	if got := strings.TrimSuffix(linesOf(list), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	return z
}

func TestZoneTellsSerialNegativeTTLAndFiles(t *testing.T) {
	z := wantFindings(t, files(
		"example.com.zone", "$TTL 1h\n@ 900 SOA ns1 hostmaster ( 2026112001 1h 10m 1w 30m )\n@ NS ns1\n$INCLUDE sub/hosts.db\n$INCLUDE sub/hosts.db\n",
		"sub/hosts.db", "ns1 A 192.0.2.1\n",
	), Options{})
	if z.Serial != 2026112001 || z.NegativeTTL != 900 || z.SOA.TTL != 900 {
		t.Errorf("serial %d, negative TTL %d, SOA %d", z.Serial, z.NegativeTTL, z.SOA.TTL)
	}
	if want := []string{"example.com.zone", "sub/hosts.db"}; !slices.Equal(z.Files, want) {
		t.Errorf("files %q, want %q", z.Files, want)
	}
	if z.Records != 3 || z.Names() != 2 {
		t.Errorf("%d records, %d names", z.Records, z.Names())
	}
}

func TestOwnersAreFoldedAndRDataKeepsItsCase(t *testing.T) {
	z := load(t, "example.com", verdictHead+"WWW CNAME Host.Example.NET.\n")
	set := z.Node(dnswire.Name(mustWire(t, "www.example.com"))).Set(dnswire.TypeCNAME)
	if got := string(set.First()); got != "\x04Host\x07Example\x03NET\x00" {
		t.Errorf("RDATA %q", got)
	}
}

func TestFindingsOfAllFilesAreShownAtTheirPlaces(t *testing.T) {
	wantFindings(t, files(
		"example.com.zone", verdictHead+"a A 1\n$INCLUDE sub/b.db\nd A 3\n",
		"sub/b.db", "grün TXT \"ü\" \"x\nb AAAA 2\n",
	), Options{Display: "zones/example.com.zone"},
		`zones/example.com.zone:5:5: bad address "1": an IPv4 address such as 192.0.2.1`,
		`zones/example.com.zone:7:5: bad address "3": an IPv4 address such as 192.0.2.1`,
		`zones/sub/b.db:1:14: quoted string is never closed: another " ends it on the same line`,
		`zones/sub/b.db:2:8: bad address "2": an IPv6 address such as 2001:db8::1`,
	)
}

func TestIncludeStaysWithinTheFolder(t *testing.T) {
	for path, what := range map[string]string{
		"/etc/passwd":        `absolute path "/etc/passwd"`,
		"../secret":          `path that leads out of the folder of the zones "../secret"`,
		"a/../../secret":     `path that leads out of the folder of the zones "a/../../secret"`,
		"a/./../../x":        `path that leads out of the folder of the zones "a/./../../x"`,
		`\046./secret`:       `path that leads out of the folder of the zones "../secret"`,
		`\047etc\047passwd`:  `absolute path "/etc/passwd"`,
		`"sub/../../secret"`: `path that leads out of the folder of the zones "sub/../../secret"`,
		`""`:                 `no name of a file ""`,
	} {
		wantFindings(t, files("example.com.zone", verdictHead+"$INCLUDE "+path+"\n"), Options{},
			"example.com.zone:5:10: "+what+": a path below the folder of the zones, such as include/mail.db")
	}
}

func TestIncludeLoopsAndDepthEnd(t *testing.T) {
	wantFindings(t, files(
		"example.com.zone", verdictHead+"$INCLUDE a\n",
		"a", "$INCLUDE b\n",
		"b", "x TXT y\n$INCLUDE ./a\n",
	), Options{}, "b:2:10: include loop: example.com.zone, a, b, a")

	deep := files("example.com.zone", verdictHead+"$INCLUDE f0\n")
	for i := range 20 {
		deep[fmt.Sprintf("f%d", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "$INCLUDE f%d\n", i+1)}
	}
	wantFindings(t, deep, Options{}, "f9:1:10: more than 10 files within files")
}

func TestManyIncludesOfOneFileAreBounded(t *testing.T) {
	fsys := files("example.com.zone", verdictHead+strings.Repeat("$INCLUDE f0\n", 100))
	for i := range 9 {
		fsys[fmt.Sprintf("f%d", i)] = &fstest.MapFile{Data: []byte(strings.Repeat(fmt.Sprintf("$INCLUDE f%d\n", i+1), 100))}
	}
	fsys["f9"] = &fstest.MapFile{}
	start := stalltest.CPU()
	z, list := Load(fsys, "example.com.zone", exampleCom(t), Options{MaxBytes: 1 << 20})
	if took := stalltest.CPU() - start; z != nil || len(list) != 1 || took > 5*time.Second {
		t.Errorf("took %v: %s", took, linesOf(list))
	}
}

func TestBoundsEndTheReading(t *testing.T) {
	hosts := strings.Repeat("x TXT a\n", 5)
	for i := range 50 {
		hosts += fmt.Sprintf("h%d A 192.0.2.%d\n", i, i)
	}
	wantFindings(t, files("example.com.zone", verdictHead+hosts), Options{MaxRecords: 10},
		"example.com.zone:16:4: more than 10 records")
	wantFindings(t, files("example.com.zone", verdictHead+hosts), Options{MaxBytes: 100},
		"example.com.zone: file of more than 100 octets")
	wantFindings(t, files("example.com.zone", verdictHead+strings.Repeat("x A y\n", 50)), Options{MaxFindings: 2},
		`example.com.zone:5:5: bad address "y": an IPv4 address such as 192.0.2.1`,
		`example.com.zone:6:5: bad address "y": an IPv4 address such as 192.0.2.1`,
		`example.com.zone:6:5: more than 2 findings, the rest is not looked at`)
	wantFindings(t, files("example.com.zone", verdictHead+"$GENERATE 1-60000 a$ TXT x\n$GENERATE 1-6000 b$ TXT x\n"), Options{},
		"example.com.zone:6:11: more than 65536 records made by $GENERATE in one zone")
	wantFindings(t, files("example.com.zone", verdictHead+"$GENERATE 0-2147483647 a$ TXT x\n"), Options{},
		"example.com.zone:5:11: more than 65536 records made by $GENERATE in one zone")
	wantFindings(t, fstest.MapFS{}, Options{Display: "zones/x"}, "zones/x: no such file")
}

func TestLargeSetsDoNotTakeTheSquareOfTheirSize(t *testing.T) {
	var b strings.Builder
	for range 2 { // each record twice
		for i := range 60_000 {
			fmt.Fprintf(&b, "x AAAA 2001:db8::%x\n", i)
		}
	}
	start := stalltest.CPU()
	z := load(t, "example.com", verdictHead+b.String())
	if took := stalltest.CPU() - start; took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if n := z.Node(dnswire.Name(mustWire(t, "x.example.com"))).Set(dnswire.TypeAAAA).Len(); n != 60_000 {
		t.Errorf("%d records", n)
	}
}

func TestSteerRecords(t *testing.T) {
	for data, want := range map[string]string{
		`STEER web`:                                   "web",
		`STEER "web"`:                                 "web",
		`steer web`:                                   "web",
		`TYPE65400 web`:                               "web",
		`STEER \# 4 03776562`:                         "web",
		`TYPE65400 \# 5 02776501 62`:                  "web",
		`STEER "{failover: [fra, iad]}"`:              "{failover: [fra, iad]}",
		`STEER "{failover: " "[fra, iad]}"`:           "{failover: [fra, iad]}",
		`STEER ( "{failover: "` + "\n" + `"[fra]}" )`: "{failover: [fra]}",
		`STEER {failover:[fra]}`:                      "{failover:[fra]}",
		`STEER "{cidr: \"x\", a: \\}"`:                `{cidr: "x", a: \}`,
		`STEER w\101b`:                                "web",
		`STEER "a;b"`:                                 "a;b",
	} {
		z := load(t, "example.com", verdictHead+"www 30 "+data+"\n")
		if len(z.Steers) != 1 || z.Steers[0].Text != want || z.Steers[0].TTL != 30 {
			t.Errorf("%s: %+v", data, z.Steers)
			continue
		}
		n := z.Node(z.Steers[0].Owner)
		if n == nil || n.Steer() != 0 || n.set.Type != 0 {
			t.Errorf("%s: node %+v", data, n)
		}
		pos := z.Steers[0].Pos
		if wantCol := 8 + strings.IndexAny(data, " ") + 1; !strings.HasPrefix(data, "STEER (") && (pos.Line != 5 || pos.Col != wantCol) {
			t.Errorf("%s: at %v, want column %d", data, pos, wantCol)
		}
	}
}

func TestWrongSteerRecords(t *testing.T) {
	for data, want := range map[string]string{
		`www STEER`:                   `5:5: STEER record without a policy: the name of a policy, or a policy in quotes, such as "{failover: [fra, iad]}"`,
		`www STEER ""`:                `5:11: STEER record with an empty policy: the name of a policy, or a policy in quotes, such as "{failover: [fra, iad]}"`,
		`www STEER {failover: [fra]}`: `5:11: policy in place without quotes: quotes around it, such as "{failover: [fra, iad]}"`,
		`www STEER "` + strings.Repeat("x", 256) + `"`: `5:11: string of more than 255 octets: several strings in a row, each of at most 255; they are joined`,
		`www STEER \# 4 04776562`:                      `5:11: these 4 octets are no STEER record: such as \# 4 03776562`,
		`www STEER \# 3 03776562`:                      `5:14: length 3, but there are 4 octets: 4`,
		`www STEER "\255"`:                             `5:11: policy that is no text: text in UTF-8`,
		`www STER web`:                                 `5:5: unknown type "STER": did you mean STEER?`,
		"www STEER a\nwww STEER b":                     `6:5: second STEER record at www.example.com., the first is in line 5: one only; a policy can hold others`,
		"www STEER a\nwww CNAME b":                     `6:5: CNAME beside STEER at www.example.com.: a CNAME stands alone at its name (RFC 1034, Section 3.6.2)`,
		"www CNAME b\nwww STEER a":                     `6:5: STEER beside CNAME at www.example.com.: a CNAME stands alone at its name (RFC 1034, Section 3.6.2)`,
		"www NS ns1\nwww STEER a":                      `6:5: STEER beside NS at www.example.com.: a steered name is answered here and not elsewhere`,
		"www STEER a\nwww NS ns1":                      `6:5: NS beside STEER at www.example.com.: a steered name is answered here and not elsewhere`,
		"www STEER a\nwww DNAME b":                     `6:5: DNAME beside STEER at www.example.com.: a steered name is answered here and not elsewhere`,
		"@ DNAME b\n@ STEER a":                         `6:3: STEER beside DNAME at example.com.: a steered name is answered here and not elsewhere`,
	} {
		_, list := Load(files("z", verdictHead+data+"\n"), "z", exampleCom(t), Options{})
		errors := slices.DeleteFunc(slices.Clone(list), func(d diag.Diag) bool { return d.Severity != diag.Error })
		if got := linesOf(errors); got != "z:"+want+"\n" && !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %swant z:%s", data, got, want)
		}
	}
	z, list := Load(files("z", verdictHead+"sub NS ns1\nx.sub STEER a\nwww.example.net. STEER b\n"), "z", exampleCom(t), Options{})
	want := "z:6:13: warning: STEER below sub.example.com., which sends everybody elsewhere, is never asked\n" +
		"z:7:1: warning: www.example.net. is outside the zone and is ignored: names below example.com.\n"
	if got := linesOf(list); z == nil || got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestSteeredTargetsHaveAddresses: a name server or mail server may be steered.
func TestSteeredTargetsHaveAddresses(t *testing.T) {
	wantFindings(t, files("example.com.zone", "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 300\n@ NS ns1\n@ MX 10 ns1\nns1 STEER web\n"), Options{})
}

func TestGenerateTemplates(t *testing.T) {
	// As BIND 9.18 makes them.
	for _, c := range []struct {
		template string
		n        int64
		want     string
	}{
		{"h$", 7, "h7"},
		{"h${0,3}", 7, "h007"},
		{"h${0,3,x}", 10, "h00a"},
		{"h${0,3,X}", 10, "h00A"},
		{"${0,0,o}", 10, "12"},
		{"$$", 10, "$"},
		{`\$`, 10, `\$`},
		{`\$$\046`, 1, `\$1\046`},
		{"${0,3,n}.x", 10, "a.0.x"},
		{"${0,5,N}", 10, "A.0.0"},
		{"h${0,4,n}x", 10, "ha.0.x"},
		{"a${0,0,n}.b", 10, "aa.b"},
		{"h${0,1,n}x", 300, "hc.2.1x"},
		{"a${0,2,n}.b", 300, "ac.2.1.b"},
		{"h${-5,4}x", 1, "h-004x"},
		{"${-5,4,x}", 1, "fffffffc"},
		{"${-5,3,n}", 2, "d.f.f.f.f.f.f.f"},
		{"${5}", 1, "6"},
		{"${0,3,d}${1,2,x}", 1, "00102"},
		{"$$$", 1, "$1"},
		{"${0,16,n}", 10, "a.0.0.0.0.0.0.0."},
	} {
		got, err := expand(nil, []byte(c.template), c.n)
		if err != nil || string(got) != c.want {
			t.Errorf("%s for %d: got %q, %v; want %q", c.template, c.n, got, err, c.want)
		}
	}
	for _, bad := range []string{"${", "${}", "${5,}", "${5,2,z}", "${5,2,d", "${x}", "${1,2,d,4}", "${2147483647}", "${0,5000}", "${+1}", "${1,-2}", "${1,2,}"} {
		if got, err := expand(nil, []byte(bad), 5); err == nil {
			t.Errorf("%s: got %q, want an error", bad, got)
		}
	}
	if _, err := expand(nil, []byte(strings.Repeat("${0,4000}", 1000)), 5); err == nil {
		t.Error("no end to what is made")
	}
}

func TestPeriods(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "300": 300, "1h": 3600, "1H30M": 5400, "1w2d3h4m5s": 788645, "4294967295": 4294967295,
		"4294967296": -1, "": -1, "h": -1, "1x": -1, "1h30": -1, "-1": -1, "1.5": -1, "99999w": -1, "1hh": -1, "1 h": -1,
	} {
		got, ok := period([]byte(text))
		if ok != (want >= 0) || ok && int64(got) != want {
			t.Errorf("%q: got %d, %t; want %d", text, got, ok, want)
		}
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	for _, c := range []struct {
		text string
		at   uint32
		want int
	}{{"abc", 0, 1}, {"abc", 2, 3}, {"a\nbc", 3, 2}, {"grün x", 6, 6}, {"\ufeffab", 4, 2}, {"a\rb", 2, 1}, {"ab", 9, 3}} {
		if got := column([]byte(c.text), c.at); got != c.want {
			t.Errorf("%q at %d: column %d, want %d", c.text, c.at, got, c.want)
		}
	}
}

func TestMessagesAreShortWhateverTheWord(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	text := verdictHead + long + " A 192.0.2.1\nx " + long + " y\nx A " + long + "\n$" + long + "\n$INCLUDE " + long +
		"\nx MX 1 " + long + "\nx DS " + long + "\nx A 192.0.2.1 " + long + "\nx STEER " + long + "\n$GENERATE 1-2 " + long + " A 192.0.2.1\n"
	start := stalltest.CPU()
	_, list := Load(files("z", text), "z", exampleCom(t), Options{})
	if len(list) != 10 {
		t.Errorf("%d findings, want 10", len(list))
	}
	for _, d := range list {
		if len(d.String()) > 2000 {
			t.Errorf("finding of %d octets: %.100s…", len(d.String()), d)
		}
	}
	if took := stalltest.CPU() - start; took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
