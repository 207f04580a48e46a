package geodb

import (
	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// A layout is the shape of a database's records, found by looking at them: the
// type in the metadata is free text, and everybody writes something else.
type layout uint8

const (
	unknownLayout layout = iota // no record so far said which
	nestedLayout                // MaxMind's City, Country, Enterprise: country.iso_code
	flatLayout                  // country_code, autonomous_system_number, …
)

// nestedKeys hold a map in MaxMind's layout and, where they occur, text in the
// flat ones.
var nestedKeys = []string{"continent", "country", "registered_country", "represented_country", "city", "location", "subdivisions", "postal", "traits"}

func layoutOf(record map[string]any) layout {
	for _, key := range nestedKeys {
		switch record[key].(type) {
		case map[string]any, []any:
			return nestedLayout
		}
	}
	if len(record) > 0 {
		return flatLayout
	}
	return unknownLayout
}

// decode returns the place of a network's record.
func (l *loader) decode(network maxminddb.Result) (geo.Place, error) {
	if l.layout != nestedLayout {
		var record map[string]any
		if err := network.Decode(&record); err != nil {
			return geo.Place{}, err
		}
		if l.layout == unknownLayout {
			l.layout = layoutOf(record)
		}
		if l.layout != nestedLayout {
			return flatPlace(record), nil
		}
	}
	// Enterprise is the widest of MaxMind's records; the others are parts of it.
	var record geoip2.Enterprise
	if err := network.Decode(&record); err != nil {
		return geo.Place{}, err
	}
	return nestedPlace(&record), nil
}

// nestedPlace translates a record in MaxMind's layout. The country is where
// the address is used; registered_country, where its holder sits, and
// represented_country, as of an embassy or a base, say nothing about distance.
func nestedPlace(r *geoip2.Enterprise) geo.Place {
	p := geo.Place{
		Continent: r.Continent.Code,
		Country:   r.Country.ISOCode,
		City:      r.City.Names.English,
		CityID:    uint32(r.City.GeoNameID),
		ASN:       uint32(r.Traits.AutonomousSystemNumber),
	}
	for _, level := range r.Subdivisions {
		p.Subdivisions = appendSubdivision(p.Subdivisions, p.Country, level.ISOCode)
	}
	if lat, lon := r.Location.Latitude, r.Location.Longitude; lat != nil && lon != nil {
		p.Lat, p.Lon, p.HasLocation = *lat, *lon, true
	}
	return p
}

// appendSubdivision appends the ISO 3166-2 code of a subdivision, given as its
// part after the country's code ("ENG") or as the whole ("GB-ENG"). Anything
// else, such as a name, is left out: conditions are written in codes.
func appendSubdivision(levels []string, country, code string) []string {
	if len(code) > 3 && code[2] == '-' {
		country, code = code[:2], code[3:]
	}
	if !isCode(country, 2, 2) || !isCode(code, 1, 3) {
		return levels
	}
	return append(levels, country+"-"+code)
}

// isCode reports whether s has from min to max capital letters and digits.
func isCode(s string, min, max int) bool {
	if len(s) < min || len(s) > max {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
