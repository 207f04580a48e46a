// Package geodbtest writes small MMDB files for tests, in MaxMind's layout and
// in a flat one. Networks may overlap (the longest prefix wins) and may be
// reserved for documentation.
//
//	geodbtest.WriteCity(t, path, geodbtest.Places{
//		"203.0.113.0/24": {Country: "DE", City: "Bonn"},
//	})
package geodbtest

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// Built is the date in the metadata of all databases written here.
var Built = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Places maps networks, as text, to what the database says of them.
type Places map[string]geo.Place

// WriteCity writes a database like GeoLite2-City: all fields but the ASN.
func WriteCity(t testing.TB, path string, places Places) {
	t.Helper()
	Write(t, path, "GeoLite2-City", records(places, City))
}

// WriteCountry writes a database like GeoLite2-Country: continent and country.
func WriteCountry(t testing.TB, path string, places Places) {
	t.Helper()
	Write(t, path, "GeoLite2-Country", records(places, func(p geo.Place) mmdbtype.Map {
		return City(geo.Place{Continent: p.Continent, Country: p.Country})
	}))
}

// WriteASN writes a database like GeoLite2-ASN: the ASN alone.
func WriteASN(t testing.TB, path string, places Places) {
	t.Helper()
	Write(t, path, "GeoLite2-ASN", records(places, func(p geo.Place) mmdbtype.Map {
		return mmdbtype.Map{
			"autonomous_system_number":       mmdbtype.Uint32(p.ASN),
			"autonomous_system_organization": mmdbtype.String("Example"),
		}
	}))
}

// WriteFlat writes a database in the layout of ip-location-db: the fields of
// the places side by side, and no key for a field that is not known.
func WriteFlat(t testing.TB, path string, places Places) {
	t.Helper()
	Write(t, path, "test ipvAll", records(places, Flat))
}

func records(places Places, record func(geo.Place) mmdbtype.Map) map[string]mmdbtype.Map {
	out := make(map[string]mmdbtype.Map, len(places))
	for prefix, p := range places {
		out[prefix] = record(p)
	}
	return out
}

// City returns the record of a place in MaxMind's City layout. Its registered
// country is always FM, which must never be taken for the country.
func City(p geo.Place) mmdbtype.Map {
	r := mmdbtype.Map{"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("FM")}}
	if p.Continent == "" {
		p.Continent = geo.ContinentOf(p.Country)
	}
	if p.Continent != "" {
		r["continent"] = mmdbtype.Map{"code": mmdbtype.String(p.Continent)}
	}
	if p.Country != "" {
		r["country"] = mmdbtype.Map{"iso_code": mmdbtype.String(p.Country)}
	}
	if len(p.Subdivisions) > 0 {
		var levels mmdbtype.Slice
		for _, s := range p.Subdivisions {
			_, code, _ := strings.Cut(s, "-")
			levels = append(levels, mmdbtype.Map{"iso_code": mmdbtype.String(code)})
		}
		r["subdivisions"] = levels
	}
	if p.City != "" || p.CityID != 0 {
		city := mmdbtype.Map{}
		if p.City != "" {
			city["names"] = mmdbtype.Map{"en": mmdbtype.String(p.City), "de": mmdbtype.String("auf Deutsch")}
		}
		if p.CityID != 0 {
			city["geoname_id"] = mmdbtype.Uint32(p.CityID)
		}
		r["city"] = city
	}
	if p.HasLocation {
		r["location"] = mmdbtype.Map{"latitude": mmdbtype.Float64(p.Lat), "longitude": mmdbtype.Float64(p.Lon)}
	}
	return r
}

// Flat returns the record of a place in a flat layout.
func Flat(p geo.Place) mmdbtype.Map {
	r := mmdbtype.Map{}
	text := func(key, value string) {
		if value != "" {
			r[mmdbtype.String(key)] = mmdbtype.String(value)
		}
	}
	text("continent_code", p.Continent)
	text("country_code", p.Country)
	text("city", p.City)
	for i, s := range p.Subdivisions[:min(2, len(p.Subdivisions))] {
		text([]string{"state1", "state2"}[i], s)
	}
	if p.CityID != 0 {
		r["geoname_id"] = mmdbtype.Uint32(p.CityID)
	}
	if p.ASN != 0 {
		r["autonomous_system_number"] = mmdbtype.Uint32(p.ASN)
	}
	if p.HasLocation {
		r["latitude"], r["longitude"] = mmdbtype.Float64(p.Lat), mmdbtype.Float64(p.Lon)
	}
	return r
}

// WriteUnaliased is WriteCity without the IPv4 part under 6to4 and Teredo.
func WriteUnaliased(t testing.TB, path string, places Places) {
	t.Helper()
	write(t, path, "GeoLite2-City", records(places, City), true)
}

// Write writes a database of any type with the given records by network. If
// all networks are IPv4 it is an IPv4 database. It has no description, which
// is legal and known to upset readers.
func Write(t testing.TB, path, databaseType string, records map[string]mmdbtype.Map) {
	t.Helper()
	write(t, path, databaseType, records, false)
}

func write(t testing.TB, path, databaseType string, records map[string]mmdbtype.Map, unaliased bool) {
	t.Helper()
	prefixes := sortedPrefixes(t, records)
	version := 4
	for _, p := range prefixes {
		if p.Addr().Is6() {
			version = 6
		}
	}
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch:              Built.Unix(),
		DatabaseType:            databaseType,
		IPVersion:               version,
		IncludeReservedNetworks: true,
		DisableIPv4Aliasing:     unaliased,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prefixes {
		network := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := tree.Insert(network, records[p.String()]); err != nil {
			t.Fatalf("%v: %v", p, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
}

// sortedPrefixes returns the keys, wide networks first: the writer lets what
// comes later replace what was there.
func sortedPrefixes(t testing.TB, records map[string]mmdbtype.Map) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, text := range slices.Sorted(maps.Keys(records)) {
		p, err := netip.ParsePrefix(text)
		if err != nil || p != p.Masked() || p.String() != text {
			t.Fatalf("%q: not a network in its usual form", text)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
	return out
}
