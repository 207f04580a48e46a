// Package geo answers where an address is and for how wide a prefix that
// answer holds: places (continent, country, subdivision, city, autonomous
// system, coordinates), several databases merged into one [Index], and the
// longest-prefix tables that are compiled from it.
//
// It knows nothing of sites, policies, DNS or files. A database is fed into a
// [SourceBuilder] by whoever can read it; [Merge] joins sources into an
// [Index]; [Compile] turns an index, a list of networks and a classifier into
// a [Table]; [Table.Lookup] is what a query costs. All but the builder are
// immutable once built and safe for concurrent use.
//
// What it costs: an [Index] of a City database (4 million IPv4 and 1.5 million
// IPv6 ranges, 200,000 places) holds 70 MiB, with an ASN database merged in
// 90 MiB. A [Table] costs 5 bytes for each IPv4 range and 9 for each IPv6
// range of its classes (up to 256 of them); 50 policies that go by country, all
// different, take about 5 seconds to compile and 250 MiB. A look-up takes 20 to
// 40 ns (IPv4) and 75 to 130 ns (IPv6), by the size of the table. TestBudget
// and the benchmarks measure this.
//
// IPv4 and IPv6 are two separate address spaces. An IPv4-mapped IPv6 address
// (::ffff:192.0.2.1) is its IPv4 address everywhere; one of 6to4 or Teredo has
// the place of the IPv4 address in it where a database says so ([Aliases]).
package geo

import (
	"fmt"
	"strings"
)

// Place is what the databases know about an address. A field that none of
// them carries is zero; the zero Place is nowhere.
type Place struct {
	Continent    string   // two letters, as in [Continents]: "EU"
	Country      string   // ISO 3166-1 alpha-2: "GB"
	Subdivisions []string // ISO 3166-2, the largest first: "GB-ENG", "GB-OXF"; shared, not to be changed
	City         string   // English name
	CityID       uint32   // GeoNames id
	ASN          uint32   // number of the autonomous system
	Lat, Lon     float64  // degrees, to a millionth; valid if HasLocation
	HasLocation  bool
}

// Known reports whether anything is known about the place.
func (p *Place) Known() bool { return p.Fields() != 0 }

// Fields returns which fields of the place are known.
func (p *Place) Fields() Fields {
	var f Fields
	if p.Continent != "" {
		f |= Continent
	}
	if p.Country != "" {
		f |= Country
	}
	if len(p.Subdivisions) > 0 {
		f |= Subdivision
	}
	if p.City != "" || p.CityID != 0 {
		f |= City
	}
	if p.ASN != 0 {
		f |= ASN
	}
	if p.HasLocation {
		f |= Location
	}
	return f
}

// String returns the place in words, the widest field first:
// "EU, GB, GB-ENG, Boxford (2655045), AS20712, 51.75,-1.25". Nowhere is
// "unknown".
func (p *Place) String() string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(p.Continent)
	add(p.Country)
	parts = append(parts, p.Subdivisions...)
	switch {
	case p.City != "" && p.CityID != 0:
		add(fmt.Sprintf("%s (%d)", p.City, p.CityID))
	case p.CityID != 0:
		add(fmt.Sprintf("city %d", p.CityID))
	default:
		add(p.City)
	}
	if p.ASN != 0 {
		add(fmt.Sprintf("AS%d", p.ASN))
	}
	if p.HasLocation {
		add(fmt.Sprintf("%g,%g", p.Lat, p.Lon))
	}
	if len(parts) == 0 {
		return "unknown"
	}
	return strings.Join(parts, ", ")
}

// Fields is a set of fields of a [Place]: what a source carries, or what a
// condition needs.
type Fields uint8

// The fields, from the widest to the narrowest. City is the name and the
// GeoNames id together.
const (
	Continent Fields = 1 << iota
	Country
	Subdivision
	City
	ASN
	Location
)

var fieldNames = [...]string{"continent", "country", "subdivision", "city", "asn", "location"}

// Has reports whether all fields of want are in f.
func (f Fields) Has(want Fields) bool { return f&want == want }

// String returns the names of the fields as steering.yaml has them, with
// commas between: "continent, country"; the empty set is "nothing".
func (f Fields) String() string {
	var names []string
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
