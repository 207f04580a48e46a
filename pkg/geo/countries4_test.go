package geo

import (
	"net/netip"
	"testing"
)

// The ranges of countries are those of all places, joined.
func TestCountries4IsRangesJoined(t *testing.T) {
	b := NewSourceBuilder()
	for i, country := range []string{"DE", "DE", "US", "", "US", "US"} {
		b.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16), Place{Country: country, CityID: uint32(i + 1)})
	}
	b.Add(netip.MustParsePrefix("2001:db8::/32"), Place{Country: "FR"})
	ix := Merge(b.Source("test"))
	type run struct {
		CountryRange
		country string
	}
	var want []run
	for r, p := range ix.Ranges() {
		if !r.First.Is4() {
			break
		}
		first, last := uint32(addr4Of(r.First)), uint32(addr4Of(r.Last))
		if n := len(want); n > 0 && want[n-1].country == p.Country {
			want[n-1].Last = last
			continue
		}
		want = append(want, run{CountryRange{first, last}, p.Country})
	}
	i := 0
	for r, country := range ix.Countries4() {
		if i >= len(want) || want[i] != (run{r, country}) {
			t.Fatalf("range %d is %v of %q, want %v", i, r, country, want)
		}
		i++
	}
	if i != len(want) || i != 6 {
		t.Errorf("%d ranges, want %d", i, len(want))
	}
}
