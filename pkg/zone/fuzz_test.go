package zone

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// small are bounds under which no input can take long.
var small = Options{MaxRecords: 20_000, MaxBytes: 1 << 16, MaxFindings: 100}

// seeds adds the zones of the transcripts to the corpus.
func seeds(f *testing.F, add func(text string)) {
	f.Helper()
	for _, text := range bindZones {
		add(text)
	}
	for _, text := range []string{
		verdictHead + "www 30 STEER web\napi STEER \"{failover: [a, \" \"b]}\"\n*.x TYPE65400 \\# 4 03776562\n",
		verdictHead + "sub NS ns.sub\nns.sub A 192.0.2.1\nd DNAME x.\n* MX 10 y\na.*.b TXT c\nz CNAME a.d\n",
		verdictHead + "$INCLUDE inc\n$INCLUDE inc x\n$INCLUDE ../inc\n",
		"\ufeff$ttl 1h\r\n@ SOA . . 1 2 3 4 5\r\n NS .\r\n",
		"@ SOA . . ( 1 2 3 4 5",
		"@ TXT ( \"a\nb\" \"",
	} {
		add(text)
	}
}

func FuzzLoad(f *testing.F) {
	seeds(f, func(text string) { f.Add([]byte(text)) })
	f.Fuzz(func(t *testing.T, text []byte) {
		fsys := files("z", string(text), "inc", bindInclude)
		origin := dnswire.Name("\x07example\x03com\x00")
		z, list := Load(fsys, "z", origin, small)
		if len(list) > small.MaxFindings+1 {
			t.Fatalf("%d findings", len(list))
		}
		for _, d := range list {
			if d.Pos.File == "" || d.What == "" || strings.Contains(d.What, "%!") || strings.Contains(d.Right, "%!") {
				t.Fatalf("finding %+v", d)
			}
		}
		if (z == nil) != list.HasErrors() {
			t.Fatalf("zone nil is %t, with\n%s", z == nil, linesOf(list))
		}
		if z == nil {
			return
		}
		// What was read, written in the generic form, is read as the same.
		again, list := Load(files("z", genericText(z)), "z", origin, Options{})
		if again == nil {
			t.Fatalf("%s\n%s", genericText(z), linesOf(list))
		}
		if got, want := dumpOf(again), dumpOf(z); !slices.Equal(got, want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
		for i, s := range z.Steers {
			if z.Node(s.Owner).Steer() != i || s.Text == "" {
				t.Fatalf("steer %d: %+v", i, s)
			}
		}
	})
}

// genericText returns a zone as a master file in the form of RFC 3597.
func genericText(z *Zone) string {
	var b strings.Builder
	for n := range z.Nodes() {
		for set := range n.Sets() {
			for rdata := range set.All() {
				fmt.Fprintf(&b, "%s %d TYPE%d \\# %d %x\n", n.Name, set.TTL, set.Type, len(rdata), rdata)
			}
		}
	}
	return b.String()
}

func FuzzLookup(f *testing.F) {
	seeds(f, func(text string) {
		for _, name := range []string{"\x03www", "\x01a\x01b", "\x01x\x01d", "\x02ns\x03sub", ""} {
			f.Add([]byte(text), []byte(name), uint16(dnswire.TypeA))
		}
	})
	f.Fuzz(func(t *testing.T, text, labels []byte, typ uint16) {
		origin := dnswire.Name("\x07example\x03com\x00")
		z, _ := Load(files("z", string(text), "inc", bindInclude), "z", origin, Options{MaxRecords: 200, MaxBytes: 1 << 12})
		if z == nil {
			return
		}
		name, err := dnswire.NameOf(append(slices.Clone(labels), origin...))
		if err != nil || !name.IsSubdomainOf(origin) {
			z.Lookup(labels, dnswire.Type(typ)) // must do no harm
			return
		}
		o := oracleOf(z)
		r := z.Lookup([]byte(name), dnswire.Type(typ))
		got := says{outcome: r.Outcome, wildcard: r.Wildcard, encloser: name[r.Encloser:]}
		if r.Node != nil {
			got.node = r.Node.Name
		}
		if r.Set != nil {
			got.set = r.Set.Type
		}
		if want := o.lookup(name, dnswire.Type(typ)); got != want {
			t.Fatalf("%s %s in\n%s\ngot  %+v\nwant %+v", name, dnswire.Type(typ), text, got, want)
		}
	})
}

// oracleOf returns the records of a zone as the oracle takes them.
func oracleOf(z *Zone) *oracle {
	o := &oracle{origin: z.Origin}
	for n := range z.Nodes() {
		for set := range n.Sets() {
			o.records = append(o.records, oracleRecord{n.Name, set.Type, ""})
		}
		if n.Steer() >= 0 {
			o.records = append(o.records, oracleRecord{n.Name, dnswire.TypeSTEER, ""})
		}
	}
	return o
}
