package geo

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// Addresses are drawn from few bytes, so that prefixes nest, touch and repeat.
func drawAddr(t *rapid.T) netip.Addr {
	octet := rapid.SampledFrom([]byte{0, 1, 127, 128, 255})
	if rapid.Bool().Draw(t, "v4") {
		return netip.AddrFrom4([4]byte(rapid.SliceOfN(octet, 4, 4).Draw(t, "octets")))
	}
	// Two bytes of each half vary, the others are zero.
	b := [16]byte{0: 0x20}
	if rapid.Bool().Draw(t, "embedded") {
		b[1] = rapid.SampledFrom([]byte{1, 2}).Draw(t, "alias") // Teredo and 6to4
		at := map[byte]int{1: 4, 2: 2}[b[1]]
		copy(b[at:], rapid.SliceOfN(octet, 4, 4).Draw(t, "within"))
		if rapid.Bool().Draw(t, "no deeper") {
			return netip.AddrFrom16(b)
		}
	}
	if b[1] == 0 {
		b[1] = octet.Draw(t, "b1")
	}
	b[7] = octet.Draw(t, "b7")
	b[8], b[15] = octet.Draw(t, "b8"), octet.Draw(t, "b15")
	return netip.AddrFrom16(b)
}

func drawPrefix(t *rapid.T) netip.Prefix {
	a := drawAddr(t)
	p, err := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func drawPlace(t *rapid.T) Place {
	p := Place{
		Continent: rapid.SampledFrom([]string{"", "", "EU", "AS"}).Draw(t, "continent"),
		Country:   rapid.SampledFrom([]string{"", "DE", "JP", "ZZ"}).Draw(t, "country"),
		City:      rapid.SampledFrom([]string{"", "Bonn", "Kobe"}).Draw(t, "city"),
		CityID:    rapid.SampledFrom([]uint32{0, 7}).Draw(t, "city id"),
		ASN:       rapid.SampledFrom([]uint32{0, 64500}).Draw(t, "asn"),
	}
	if rapid.Bool().Draw(t, "subdivided") {
		p.Subdivisions = rapid.SampledFrom([][]string{{"DE-NW"}, {"GB-ENG", "GB-OXF"}}).Draw(t, "subdivisions")
	}
	if rapid.Bool().Draw(t, "located") {
		p.HasLocation, p.Lat, p.Lon = true, -33.8688, rapid.SampledFrom([]float64{0, 151.2093}).Draw(t, "lon")
	}
	return p
}

func drawOracle(t *rapid.T) *oracle {
	entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) entry {
		return entry{drawPrefix(t), drawPlace(t)}
	}), 0, 12)
	sources := rapid.SliceOfN(entries, 0, 3).Draw(t, "sources")
	aliased := make([][2]bool, len(sources))
	for i := range aliased {
		aliased[i] = [2]bool{rapid.Bool().Draw(t, "6to4"), rapid.Bool().Draw(t, "teredo")}
	}
	return &oracle{
		sources:  sources,
		aliased:  aliased,
		networks: rapid.SliceOfN(rapid.Custom(drawPrefix), 0, 6).Draw(t, "networks"),
		classify: hashClass(rapid.SampledFrom([]int{1, 2, 3, 1000, 100_000}).Draw(t, "classes")),
	}
}

// interesting returns addresses on both sides of every edge, and some others.
func (o *oracle) interesting(t *rapid.T) []netip.Addr {
	var out []netip.Addr
	for _, e := range append(o.edges(true), o.edges(false)...) {
		out = append(out, e)
		if before := e.Prev(); before.IsValid() {
			out = append(out, before)
		}
	}
	return append(out, rapid.SliceOfN(rapid.Custom(drawAddr), 1, 4).Draw(t, "addresses")...)
}

func TestTableGivesWhatTheOracleGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		ix := o.build()
		table := Compile(ix, o.networks, o.classify)
		for _, v4 := range []bool{true, false} {
			edges := o.edges(v4)
			classes := make([]uint32, len(edges))
			for i, e := range edges {
				classes[i] = o.class(e)
			}
			for _, a := range o.interesting(t) {
				if a.Is4() != v4 {
					continue
				}
				if got, want := fmt.Sprint(*ix.Lookup(a)), fmt.Sprint(o.place(a)); got != want {
					t.Fatalf("place of %v: got %v, want %v", a, got, want)
				}
				class, bits := table.Lookup(a)
				wantClass, wantBits := o.class(a), o.scope(a, edges, classes)
				if class != wantClass || bits != wantBits {
					t.Fatalf("%v: got class %d for /%d, want %d for /%d", a, class, bits, wantClass, wantBits)
				}
			}
		}
	})
}

func TestClassifyIsAskedOncePerPlaceAndNetworks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		asked := make(map[string]int)
		Compile(o.build(), o.networks, func(p *Place, cidrs []int) uint32 {
			asked[fmt.Sprint(*p, cidrs)]++
			return 0
		})
		for what, n := range asked {
			if n > 1 {
				t.Errorf("asked %d times for %s", n, what)
			}
		}
		for _, a := range o.interesting(t) {
			if what := fmt.Sprint(o.place(a), o.holders(a)); asked[what] == 0 {
				t.Errorf("never asked for %s of %v", what, a)
			}
		}
	})
}

func TestTablesThatAnswerAlikeAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		o.aliased = nil // the same by an alias and written out are two tables
		a := Compile(o.build(), o.networks, o.classify)

		// The same answers by another way: one entry for each range of a.
		b := NewSourceBuilder()
		nobody := o.classify(&Place{}, nil)
		for _, first := range append(o.edges(true), o.edges(false)...) {
			after := netip.Addr{}
			for _, next := range o.edges(first.Is4()) {
				if first.Less(next) {
					after = next
					break
				}
			}
			last := lastOf(netip.PrefixFrom(first, 0))
			if after.IsValid() {
				last = after.Prev()
			}
			b.AddRange(first, last, b.Ref(Place{ASN: 1 + o.class(first)}))
		}
		for _, all := range []string{"0.0.0.0/0", "::/0"} {
			p := netip.MustParsePrefix(all)
			b.Add(p, Place{ASN: 1 + o.class(p.Addr())})
		}
		again := Compile(Merge(b.Source("again")), nil, func(p *Place, _ []int) uint32 {
			if p.ASN == 0 {
				return nobody
			}
			return p.ASN - 1
		})
		if !a.Equal(again) || !again.Equal(a) || a.Hash() != again.Hash() {
			t.Fatal("tables that answer alike differ")
		}

		// One class given another number must show, if it occurs.
		x := o.interesting(t)[0]
		changed, _ := a.Lookup(x)
		other := Compile(o.build(), o.networks, func(p *Place, cidrs []int) uint32 {
			if class := o.classify(p, cidrs); class != changed {
				return class
			}
			return 200_000
		})
		if a.Equal(other) || a.Hash() == other.Hash() {
			t.Fatalf("a table that answers otherwise for %v counts as equal", x)
		}
	})
}

func TestScopeIsTheShortestPrefixInOneClass(t *testing.T) {
	b := NewSourceBuilder()
	for prefix, country := range map[string]string{
		"192.0.2.0/24":          "DE",
		"192.0.3.0/24":          "AT", // merges with its neighbour: same class
		"198.51.100.0/25":       "DE",
		"203.0.113.7/32":        "DE",
		"2001:db8::/32":         "DE",
		"2001:db8:1::/48":       "US",
		"2001:db8:2:3:4::/80":   "US",
		"2001:db8:2:3:4:5::/96": "DE",
	} {
		b.Add(netip.MustParsePrefix(prefix), Place{Country: country})
	}
	table := Compile(Merge(b.Source("test")), []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")}, func(p *Place, cidrs []int) uint32 {
		switch {
		case len(cidrs) > 0:
			return 2
		case p.Country == "DE" || p.Country == "AT":
			return 1
		}
		return 0
	})
	for _, c := range []struct {
		addr  string
		class uint32
		bits  uint8
	}{
		{"192.0.2.1", 1, 23},
		{"192.0.3.255", 1, 23},
		{"192.0.1.255", 0, 23},
		{"198.51.100.0", 1, 25},
		{"198.51.100.128", 0, 25},
		{"203.0.113.7", 1, 32},
		{"203.0.113.6", 0, 32},
		{"203.0.113.9", 0, 29},
		{"100.100.1.1", 2, 10},
		{"1.1.1.1", 0, 2},
		{"::ffff:192.0.2.1", 1, 96 + 23},
		{"2001:db8::1", 1, 48},
		{"2001:db8:1::1", 0, 48},
		{"2001:db8:2:3:4::1", 0, 94},
		{"2001:db8:2:3:4:5::1", 1, 96},
		{"2001:db8:2:3:4:6::1", 0, 95},
		{"2001:db8:2:3:5::1", 1, 80},
		{"8000::", 0, 1},
	} {
		class, bits := table.Lookup(netip.MustParseAddr(c.addr))
		if class != c.class || bits != c.bits {
			t.Errorf("%s: got class %d for /%d, want %d for /%d", c.addr, class, bits, c.class, c.bits)
		}
	}
}

func TestOneClassForAFamilyHasScopeZero(t *testing.T) {
	b := NewSourceBuilder()
	b.Add(netip.MustParsePrefix("10.0.0.0/8"), Place{Country: "DE"})
	table := Compile(Merge(b.Source("test")), nil, func(*Place, []int) uint32 { return 9 })
	for _, a := range []string{"10.1.1.1", "255.255.255.255", "::", "2001:db8::1"} {
		if class, bits := table.Lookup(netip.MustParseAddr(a)); class != 9 || bits != 0 {
			t.Errorf("%s: got class %d for /%d, want 9 for /0", a, class, bits)
		}
	}
}

func TestInvalidAddressHasTheClassOfNowhere(t *testing.T) {
	b := NewSourceBuilder()
	b.Add(netip.MustParsePrefix("0.0.0.0/0"), Place{Country: "DE"})
	b.Add(netip.MustParsePrefix("::/0"), Place{Country: "DE"})
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), {}}
	table := Compile(Merge(b.Source("test")), all, func(p *Place, cidrs []int) uint32 {
		if p.Known() || len(cidrs) > 0 {
			return 1
		}
		return 5
	})
	if class, bits := table.Lookup(netip.Addr{}); class != 5 || bits != 0 {
		t.Errorf("got class %d for /%d, want 5 for /0", class, bits)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	b := NewSourceBuilder()
	b.Add(netip.MustParsePrefix("10.0.0.0/8"), Place{Country: "DE", City: "Bonn"})
	b.Add(netip.MustParsePrefix("2001:db8::5/128"), Place{Country: "DE"})
	ix := Merge(b.Source("test"))
	table := Compile(ix, nil, hashClass(1000))
	for _, s := range []string{"10.1.1.1", "::ffff:10.1.1.1", "2001:db8::5", "2001:db8::6"} {
		a := netip.MustParseAddr(s)
		if n := testing.AllocsPerRun(100, func() { table.Lookup(a) }); n != 0 {
			t.Errorf("Table.Lookup(%s): %v allocations, want none", s, n)
		}
		sum := 0
		if n := testing.AllocsPerRun(100, func() { sum += len(ix.Lookup(a).City) }); n != 0 {
			t.Errorf("Index.Lookup(%s): %v allocations, want none", s, n)
		}
	}
}
