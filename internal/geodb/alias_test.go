package geodb_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// scattered returns places for networks of all lengths, among them some below
// 6to4 and Teredo where the file is to have no alias there.
func scattered(r *rand.Rand, unaliased bool) geodbtest.Places {
	out := geodbtest.Places{"2a00::/12": {Country: "DE"}, "2003::/16": {Country: "FR"}}
	countries := []string{"DE", "FR", "US", "JP", "BR", "ZA"}
	add := func(a netip.Addr, bits int) {
		p, _ := a.Prefix(bits)
		out[p.String()] = geo.Place{Country: countries[r.IntN(len(countries))]}
	}
	for range 60 {
		v4 := netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		bits := 6 + r.IntN(27)
		add(v4, bits)
		if unaliased && r.IntN(3) == 0 {
			add(under(r.IntN(2), v4), 34+r.IntN(16))
		}
	}
	return out
}

// under returns an address of 6to4 (0) or Teredo (1) with an IPv4 address in it.
func under(k int, v4 netip.Addr) netip.Addr {
	b := geo.Aliases()[k].Addr().As16()
	a := v4.As4()
	copy(b[geo.Aliases()[k].Bits()/8:], a[:])
	return netip.AddrFrom16(b)
}

// The reader of the format answers each address by a walk through the file. What
// it says of 6to4 and Teredo is what we say, where the file has aliases and where
// it has none, and nothing else holds within the scope.
func TestAliasesAreThoseOfTheReader(t *testing.T) {
	for seed := range uint64(12) {
		unaliased := seed%3 == 0
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			write := geodbtest.WriteCity
			if unaliased {
				write = geodbtest.WriteUnaliased
			}
			path := filepath.Join(t.TempDir(), "test.mmdb")
			write(t, path, scattered(r, unaliased))
			src, err := geodb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := maxminddb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			country := func(a netip.Addr) string {
				var out struct {
					Country struct {
						Code string `maxminddb:"iso_code"`
					} `maxminddb:"country"`
				}
				if err := reader.Lookup(a).Decode(&out); err != nil {
					t.Fatal(err)
				}
				return out.Country.Code
			}
			compareAliases(t, r, geo.Merge(src), country)
		})
	}
}

func compareAliases(t *testing.T, r *rand.Rand, ix *geo.Index, country func(netip.Addr) string) {
	class := map[string]uint32{}
	table := geo.Compile(ix, nil, func(p *geo.Place, _ []int) uint32 {
		if _, known := class[p.Country]; !known {
			class[p.Country] = uint32(len(class))
		}
		return class[p.Country]
	})
	known := 0
	for i := range 6000 {
		v4 := netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		a := under(i%2, v4)
		want := country(a)
		if got := ix.Lookup(a).Country; got != want {
			t.Fatalf("%v: got country %q, the reader says %q", a, got, want)
		}
		if want != "" {
			known++
		}
		got, bits := table.Lookup(a)
		if got != class[want] {
			t.Fatalf("%v: got class %d, want that of %q", a, got, want)
		}
		for range 8 {
			if b := within(r, a, int(bits)); country(b) != want {
				t.Fatalf("%v: scope /%d, but %v is in %q and not %q", a, bits, b, country(b), want)
			}
		}
	}
	if known == 0 {
		t.Error("no address was known")
	}
}

// within returns a random address of the prefix of a.
func within(r *rand.Rand, a netip.Addr, bits int) netip.Addr {
	b := a.As16()
	for i := bits; i < 128; i++ {
		if r.IntN(2) == 1 {
			b[i/8] ^= 1 << (7 - i%8)
		}
	}
	return netip.AddrFrom16(b)
}
