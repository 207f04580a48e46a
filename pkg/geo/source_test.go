package geo

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sourceOf(name string, places map[string]Place) *Source {
	b := NewSourceBuilder()
	for prefix, p := range places {
		b.Add(netip.MustParsePrefix(prefix), p)
	}
	return b.Source(name)
}

func TestLongestPrefixWinsInAnyOrder(t *testing.T) {
	prefixes := []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.255.0/24", "10.1.255.255/32", "11.0.0.0/8"}
	want := map[string]string{
		"9.255.255.255": "0.0.0.0/0", "10.0.0.0": "10.0.0.0/8", "10.1.0.0": "10.1.0.0/16",
		"10.1.255.0": "10.1.255.0/24", "10.1.255.255": "10.1.255.255/32", "10.2.0.0": "10.0.0.0/8",
		"11.0.0.0": "11.0.0.0/8", "12.0.0.0": "0.0.0.0/0", "255.255.255.255": "0.0.0.0/0",
	}
	rapid.Check(t, func(t *rapid.T) {
		b := NewSourceBuilder()
		for _, p := range rapid.Permutation(prefixes).Draw(t, "order") {
			b.Add(netip.MustParsePrefix(p), Place{City: p})
		}
		ix := Merge(b.Source("test"))
		for a, city := range want {
			if got := ix.Lookup(netip.MustParseAddr(a)).City; got != city {
				t.Errorf("%s: got %s, want %s", a, got, city)
			}
		}
	})
}

func TestOfEqualPrefixesTheLastCounts(t *testing.T) {
	b := NewSourceBuilder()
	b.Add(netip.MustParsePrefix("10.0.0.1/8"), Place{Country: "DE"})
	b.Add(netip.MustParsePrefix("::ffff:10.0.0.0/104"), Place{Country: "AT"})
	if got := Merge(b.Source("test")).Lookup(netip.MustParseAddr("10.9.9.9")).Country; got != "AT" {
		t.Errorf("got %s, want AT", got)
	}
}

// Ranges may overlap without one holding the other; the oracle asks all of
// them for every address of a small space.
func TestOverlappingRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type spanOf struct{ first, last uint8 }
		spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) spanOf {
			a, b := rapid.Uint8().Draw(t, "a"), rapid.Uint8().Draw(t, "b")
			return spanOf{min(a, b), max(a, b)}
		}), 0, 20).Draw(t, "spans")
		v6 := rapid.Bool().Draw(t, "v6")
		at := func(i uint8) netip.Addr { // the last 256 addresses of the space
			if v6 {
				a := [16]byte(slices.Repeat([]byte{255}, 16))
				a[15] = i
				return netip.AddrFrom16(a)
			}
			return netip.AddrFrom4([4]byte{255, 255, 255, i})
		}
		b := NewSourceBuilder()
		for i, s := range spans {
			b.AddRange(at(s.first), at(s.last), b.Ref(Place{ASN: uint32(i + 1)}))
		}
		ix := Merge(b.Source("test"))
		for i := range 256 {
			want := -1
			for k, s := range spans {
				if i < int(s.first) || i > int(s.last) {
					continue
				}
				if want < 0 || s.first > spans[want].first || s.first == spans[want].first && s.last <= spans[want].last {
					want = k
				}
			}
			if got := int(ix.Lookup(at(uint8(i))).ASN) - 1; got != want {
				t.Fatalf("%v: got span %d, want %d", at(uint8(i)), got, want)
			}
		}
		if got := ix.Lookup(at(0).Prev()); got.Known() {
			t.Fatalf("before all: got %v", got)
		}
	})
}

func TestUnusableEntriesAreLeftOut(t *testing.T) {
	b := NewSourceBuilder()
	b.Add(netip.Prefix{}, Place{Country: "DE"})
	b.AddRange(netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.1"), b.Ref(Place{Country: "DE"}))
	b.AddRange(netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("2001:db8::"), b.Ref(Place{Country: "DE"}))
	b.AddRange(netip.Addr{}, netip.Addr{}, b.Ref(Place{Country: "DE"}))
	src := b.Source("test")
	if v4, v6, _ := src.Size(); v4 != 1 || v6 != 1 {
		t.Errorf("got %d and %d ranges, want 1 and 1: nothing known anywhere", v4, v6)
	}
}

func TestPlacesArePutInOrder(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, c := range []struct {
		name     string
		in, want Place
	}{
		{"country brings its continent", Place{Country: "DE"}, Place{Continent: "EU", Country: "DE"}},
		{"the database's continent stays", Place{Country: "CY", Continent: "AS"}, Place{Country: "CY", Continent: "AS"}},
		{"small letters", Place{Country: "de"}, Place{Continent: "EU", Country: "DE"}},
		{"no code", Place{Country: "None", Continent: "-"}, Place{}},
		{"signs are no letters", Place{Country: "@["}, Place{}},
		{"kept to a millionth", Place{HasLocation: true, Lat: -33.8688, Lon: 151.2093}, Place{HasLocation: true, Lat: -33.8688, Lon: 151.2093}},
		{"off the globe", Place{HasLocation: true, Lat: 90.1, Lon: 0}, Place{}},
		{"not a number", Place{HasLocation: true, Lat: nan, Lon: 0}, Place{}},
		{"0,0 is a place", Place{HasLocation: true}, Place{HasLocation: true}},
		{"AA to ZZ", Place{Country: "AA", Continent: "ZZ"}, Place{Country: "AA", Continent: "ZZ"}},
	} {
		b := NewSourceBuilder()
		b.Add(netip.MustParsePrefix("10.0.0.0/8"), c.in)
		got := Merge(b.Source("test")).Lookup(netip.MustParseAddr("10.0.0.0"))
		if fmt.Sprint(*got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, *got, c.want)
		}
	}
}

func TestNamesDoNotHoldTheFileInMemory(t *testing.T) {
	file := strings.Repeat("x", 1<<20) + "BonnDE-NW"
	b := NewSourceBuilder()
	b.Ref(Place{City: file[1<<20 : 1<<20+4], Subdivisions: []string{file[1<<20+4:]}})
	src := b.Source("test")
	for _, held := range []string{src.places.names[1], src.places.subs[1][0]} {
		if inside(file, held) {
			t.Errorf("%q is a part of the file's memory", held)
		}
	}
}

func TestEachFieldComesFromTheFirstThatHasIt(t *testing.T) {
	city := sourceOf("city", map[string]Place{
		"10.0.0.0/8":    {Continent: "EU", Country: "DE"},
		"10.1.0.0/16":   {Country: "DE", City: "Bonn", Subdivisions: []string{"DE-NW"}},
		"10.2.0.0/16":   {CityID: 7},
		"2001:db8::/32": {Country: "JP", HasLocation: true, Lat: 35, Lon: 139},
	})
	second := sourceOf("second", map[string]Place{
		"10.0.0.0/15":   {Country: "AT", City: "Wien", CityID: 9, Subdivisions: []string{"AT-9"}, HasLocation: true, Lat: 48.2, Lon: 16.4},
		"10.2.0.0/16":   {City: "Graz", ASN: 64501},
		"11.0.0.0/8":    {Country: "US", City: "Bonn"},
		"2001:db8::/48": {HasLocation: true, Lat: 1, Lon: 1, ASN: 64502},
	})
	third := sourceOf("third", map[string]Place{"0.0.0.0/0": {ASN: 64503}})
	ix := Merge(city, second, third)
	for a, want := range map[string]string{
		"10.0.0.1":      "EU, DE, AT-9, Wien (9), AS64503, 48.2,16.4",
		"10.1.0.1":      "EU, DE, DE-NW, Bonn, AS64503, 48.2,16.4",
		"10.2.0.1":      "city 7, AS64501",
		"11.0.0.1":      "NA, US, Bonn, AS64503",
		"12.0.0.1":      "AS64503",
		"2001:db8::1":   "AS, JP, AS64502, 35,139",
		"2001:db8:1::1": "AS, JP, 35,139",
		"2001:db9::1":   "unknown",
	} {
		if got := ix.Lookup(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: got %s, want %s", a, got, want)
		}
	}
	if got, want := ix.Fields(), Continent|Country|Subdivision|City|ASN|Location; got != want {
		t.Errorf("fields: got %v, want %v", got, want)
	}
	if got := third.Fields; got != ASN {
		t.Errorf("fields of the third: got %v, want asn", got)
	}
}

func TestWithoutSourcesEverywhereIsNowhere(t *testing.T) {
	ix := Merge()
	for _, a := range []netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")} {
		if p := ix.Lookup(a); p == nil || p.Known() {
			t.Errorf("%v: got %v, want the zero Place", a, p)
		}
	}
	if got := ix.Fields().String(); got != "nothing" {
		t.Errorf("fields: got %s, want nothing", got)
	}
}

func TestRangesCoverBothFamilies(t *testing.T) {
	ix := Merge(sourceOf("test", map[string]Place{
		"10.0.0.0/8": {Country: "DE"}, "255.255.255.255/32": {Country: "AT"}, "2001:db8::/32": {Country: "JP"},
	}))
	var lines []string
	for r, p := range ix.Ranges() {
		lines = append(lines, fmt.Sprintf("%v-%v %v", r.First, r.Last, p))
	}
	want := `0.0.0.0-9.255.255.255 unknown
10.0.0.0-10.255.255.255 EU, DE
11.0.0.0-255.255.255.254 unknown
255.255.255.255-255.255.255.255 EU, AT
::-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff unknown
2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff AS, JP
2001:db9::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unknown`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for range ix.Ranges() {
		break // an early end is no panic
	}
}
