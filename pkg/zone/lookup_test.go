package zone

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"pgregory.net/rapid"
)

// load returns the zone of a text, or ends the test.
func load(t testing.TB, origin, text string) *Zone {
	t.Helper()
	name, err := dnswire.ParseName(origin)
	if err != nil {
		t.Fatal(err)
	}
	z, list := Load(fstest.MapFS{"z": {Data: []byte(text)}}, "z", name, Options{})
	if z == nil {
		t.Fatalf("zone %s:\n%s\n%s", origin, text, linesOf(list))
	}
	return z
}

// show returns a result as one line.
func show(z *Zone, name []byte, r Result) string {
	var b strings.Builder
	b.WriteString(r.Outcome.String())
	if r.Node != nil {
		fmt.Fprintf(&b, " at %s", r.Node.Name)
	}
	if r.Wildcard {
		b.WriteString(" (wildcard)")
	}
	if r.Set != nil {
		fmt.Fprintf(&b, ": %s", r.Set.Type)
		for d := range r.Set.All() {
			fmt.Fprintf(&b, " %x", d)
		}
	}
	if r.Outcome == Steered {
		fmt.Fprintf(&b, " by %q", z.Steers[r.Node.Steer()].Text)
	}
	if r.Outcome == NXDomain || r.Wildcard {
		fmt.Fprintf(&b, ", closest encloser %s", dnswire.FormatName(name[r.Encloser:]))
	}
	return b.String()
}

// TestLookups runs the transcript testdata/lookups.txt: zones, and below each
// questions with what is found for them.
func TestLookups(t *testing.T) {
	data, err := os.ReadFile("testdata/lookups.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "=== ")
	out := parts[0]
	for _, p := range parts[1:] {
		origin, rest, _ := strings.Cut(p, "\n")
		text, questions, _ := strings.Cut(rest, "---\n")
		z := load(t, origin, text)
		out += "=== " + origin + "\n" + text + "---\n"
		for line := range strings.Lines(questions) {
			question, _, isQuestion := strings.Cut(strings.TrimSuffix(line, "\n"), " -> ")
			if !isQuestion {
				out += line
				continue
			}
			words := strings.Fields(question)
			typ, ok := dnswire.ParseType(words[1])
			if !ok {
				t.Fatalf("type %q", words[1])
			}
			name := mustWire(t, words[0])
			out += question + " -> " + show(z, name, z.Lookup(name, typ)) + "\n"
		}
	}
	goldentest.Compare(t, "testdata/lookups.txt", string(data), out)
}

// genZone draws a small zone from few labels, so that names meet.
func genZone(t *rapid.T) *oracle {
	origin := dnswire.Name("\x01z\x00")
	o := &oracle{origin: origin, records: []oracleRecord{
		{origin, dnswire.TypeSOA, "\x00\x00" + strings.Repeat("\x00", 20)},
		{origin, dnswire.TypeNS, "\x01x\x00"},
	}}
	label := rapid.SampledFrom([]string{"a", "b", "*", "a", "c"})
	types := rapid.SampledFrom([]dnswire.Type{
		dnswire.TypeA, dnswire.TypeA, dnswire.TypeTXT, dnswire.TypeNS, dnswire.TypeCNAME,
		dnswire.TypeDNAME, dnswire.TypeDS, dnswire.TypeSTEER,
	})
	for range rapid.IntRange(0, 12).Draw(t, "records") {
		owner := string(origin)
		for range rapid.IntRange(0, 4).Draw(t, "labels") {
			owner = "\x01" + label.Draw(t, "label") + owner
		}
		r := oracleRecord{owner: dnswire.Name(owner), typ: types.Draw(t, "type"), rdata: "\x01x\x00"}
		if o.allows(r) {
			o.records = append(o.records, r)
		}
	}
	return o
}

// allows reports whether a zone may hold the record beside those it has.
func (o *oracle) allows(r oracleRecord) bool {
	alone := func(t dnswire.Type) bool { return t == dnswire.TypeCNAME }
	for _, have := range o.records {
		below := r.owner != have.owner && r.owner.IsSubdomainOf(have.owner)
		above := r.owner != have.owner && have.owner.IsSubdomainOf(r.owner)
		switch {
		case below && have.typ == dnswire.TypeDNAME && !isWildcard(have.owner),
			above && r.typ == dnswire.TypeDNAME && !isWildcard(r.owner):
			return false
		case r.owner != have.owner:
		case r.typ == have.typ, alone(r.typ), alone(have.typ):
			return false
		case r.typ == dnswire.TypeSTEER && slices.Contains(elsewhere(r.owner, o.origin), have.typ),
			have.typ == dnswire.TypeSTEER && slices.Contains(elsewhere(r.owner, o.origin), r.typ):
			return false
		}
	}
	return true
}

func elsewhere(owner, origin dnswire.Name) []dnswire.Type {
	if owner == origin {
		return []dnswire.Type{dnswire.TypeDNAME}
	}
	return []dnswire.Type{dnswire.TypeNS, dnswire.TypeDNAME}
}

// text returns the records as a master file in the generic form.
func (o *oracle) text() string {
	var b strings.Builder
	b.WriteString("$TTL 60\n")
	for _, r := range o.records {
		switch r.typ {
		case dnswire.TypeSTEER:
			fmt.Fprintf(&b, "%s STEER web\n", r.owner)
		case dnswire.TypeA:
			fmt.Fprintf(&b, "%s A 192.0.2.1\n", r.owner)
		case dnswire.TypeTXT:
			fmt.Fprintf(&b, "%s TXT x\n", r.owner)
		case dnswire.TypeDS:
			fmt.Fprintf(&b, "%s DS 1 13 200 00\n", r.owner)
		case dnswire.TypeSOA:
			fmt.Fprintf(&b, "%s SOA . . 1 2 3 4 5\n", r.owner)
		default:
			fmt.Fprintf(&b, "%s %s x.\n", r.owner, r.typ)
		}
	}
	return b.String()
}

func TestLookupAgreesWithTheObviousOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := genZone(t)
		z, list := Load(fstest.MapFS{"z": {Data: []byte(o.text())}}, "z", o.origin, Options{})
		if z == nil {
			t.Fatalf("%s\n%s", o.text(), linesOf(list))
		}
		label := rapid.SampledFrom([]string{"a", "b", "*", "c", "d"})
		types := rapid.SampledFrom([]dnswire.Type{
			dnswire.TypeA, dnswire.TypeTXT, dnswire.TypeNS, dnswire.TypeCNAME, dnswire.TypeDNAME,
			dnswire.TypeDS, dnswire.TypeSTEER, dnswire.TypeANY, dnswire.TypeSOA,
		})
		for range 20 {
			name := string(o.origin)
			for range rapid.IntRange(0, 6).Draw(t, "labels") {
				name = "\x01" + label.Draw(t, "label") + name
			}
			typ := types.Draw(t, "type")
			r := z.Lookup([]byte(name), typ)
			got := says{outcome: r.Outcome, wildcard: r.Wildcard, encloser: dnswire.Name(name[r.Encloser:])}
			if r.Node != nil {
				got.node = r.Node.Name
			}
			if r.Set != nil {
				got.set = r.Set.Type
			}
			if want := o.lookup(dnswire.Name(name), typ); got != want {
				t.Fatalf("%s %s in\n%sgot  %+v\nwant %+v", dnswire.Name(name), typ, o.text(), got, want)
			}
		}
	})
}

func TestLookupFindsTheDeepestEncloserOfLongNames(t *testing.T) {
	z := load(t, "z", "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\na.a.a.a.a.a.a.a.a.a A 192.0.2.1\n*.a.a.a TXT x\n")
	for labels := 1; labels <= 125; labels++ {
		name := append(append([]byte(strings.Repeat("\x01b", labels)), "\x01a\x01a\x01a"...), z.Origin...)
		if len(name) > dnswire.MaxName {
			break
		}
		r := z.Lookup(name, dnswire.TypeTXT)
		if r.Outcome != Answer || !r.Wildcard || string(name[r.Encloser:]) != "\x01a\x01a\x01a\x01z\x00" {
			t.Fatalf("%d labels: %+v", labels, r)
		}
	}
}

// TestLookupOutsideTheZoneDoesNoHarm is about what must not be asked.
func TestLookupOutsideTheZoneDoesNoHarm(t *testing.T) {
	z := load(t, "example.com", verdictHead)
	for _, name := range []string{"", "\x00", "\x03net\x00", "\x03com\x00", "\x01a\x07example\x03net\x00", "\xff\xff", strings.Repeat("\x00", 300)} {
		z.Lookup([]byte(name), dnswire.TypeA)
		z.Glue([]byte(name))
	}
}

func TestGlueIsFoundBelowCuts(t *testing.T) {
	z := load(t, "example.com", verdictHead+"sub NS ns.sub\nns.sub A 192.0.2.7\nns.sub AAAA 2001:db8::7\nmail.sub MX 10 ns1\n")
	a, aaaa := z.Glue(mustWire(t, "ns.sub.example.com"))
	if a == nil || aaaa == nil || a.Type != dnswire.TypeA || aaaa.Type != dnswire.TypeAAAA {
		t.Errorf("glue: %v, %v", a, aaaa)
	}
	for _, name := range []string{"mail.sub.example.com", "nowhere.example.com", "example.net"} {
		if a, aaaa := z.Glue(mustWire(t, name)); a != nil || aaaa != nil {
			t.Errorf("%s: %v, %v", name, a, aaaa)
		}
	}
}

func TestLookupMakesNoGarbage(t *testing.T) {
	z := load(t, "example.com", verdictHead+"*.wild A 192.0.2.1\nsub NS ns1\na.b.c.d.e TXT x\nwww STEER web\n")
	set := NewSet([]*Zone{z})
	long := mustWire(t, strings.Repeat("x.", 100)+"d.e.example.com")
	for _, name := range [][]byte{
		mustWire(t, "ns1.example.com"), mustWire(t, "a.wild.example.com"), mustWire(t, "a.sub.example.com"),
		mustWire(t, "nowhere.example.com"), mustWire(t, "www.example.com"), long,
	} {
		allocs := testing.AllocsPerRun(100, func() {
			set.Find(name, dnswire.TypeA).Lookup(name, dnswire.TypeA)
			z.Glue(name)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", dnswire.FormatName(name), allocs)
		}
	}
}

func TestSetFindsTheDeepestZone(t *testing.T) {
	soa := "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\n"
	com, sub := load(t, "example.com", soa), load(t, "sub.example.com", soa)
	other := load(t, "a.b.example.net", soa)
	set := NewSet([]*Zone{com, sub, other})
	for _, c := range []struct {
		name string
		typ  dnswire.Type
		want *Zone
	}{
		{"example.com", dnswire.TypeA, com},
		{"www.example.com", dnswire.TypeA, com},
		{"sub.example.com", dnswire.TypeA, sub},
		{"x.y.sub.example.com", dnswire.TypeDS, sub},
		{"sub.example.com", dnswire.TypeDS, com},   // the parent's
		{"example.com", dnswire.TypeDS, com},       // no parent here
		{"a.b.example.net", dnswire.TypeDS, other}, // nor here
		{"x.a.b.example.net", dnswire.TypeA, other},
		{"b.example.net", dnswire.TypeA, nil},
		{"com", dnswire.TypeA, nil},
		{".", dnswire.TypeA, nil},
		{"anexample.com", dnswire.TypeA, nil},
		{strings.Repeat("x.", 100) + "sub.example.com", dnswire.TypeA, sub},
	} {
		if got := set.Find(mustWire(t, c.name), c.typ); got != c.want {
			t.Errorf("%s %s: %v", c.name, c.typ, got)
		}
	}
	root := load(t, ".", "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\nx A 192.0.2.1\n")
	all := NewSet([]*Zone{com, root})
	if got := all.Find(mustWire(t, "example.com"), dnswire.TypeDS); got != root {
		t.Errorf("DS below the root zone: %v", got)
	}
	if got := all.Find(mustWire(t, "."), dnswire.TypeDS); got != root {
		t.Errorf("DS of the root: %v", got)
	}
	if (&Set{}).Find(mustWire(t, "example.com"), dnswire.TypeA) != nil {
		t.Error("the empty set found a zone")
	}
}

func BenchmarkLookup(b *testing.B) {
	z := load(b, "example.com", string(bigZone(100_000))+"*.wild A 192.0.2.1\n")
	for _, c := range []struct{ what, name string }{
		{"exact", "host40.example.com"},
		{"nxdomain", "nowhere.example.com"},
		{"wildcard", "a.wild.example.com"},
		{"delegation", "a.sub7.example.com"},
		{"manyLabels", strings.Repeat("x.", 110) + "example.com"},
	} {
		name := mustWire(b, c.name)
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z.Lookup(name, dnswire.TypeA)
			}
		})
	}
}
