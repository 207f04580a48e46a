package geodb

import (
	"math"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// The names under which flat databases keep a field, the usual one first.
var (
	flatCountry      = []string{"country_code", "country", "country_iso_code"}
	flatContinent    = []string{"continent_code", "continent"}
	flatSubdivisions = []string{"subdivision_1_iso_code", "subdivision_2_iso_code", "region_code", "subdivision_code", "state1_code", "state1", "state2"}
	flatCity         = []string{"city", "city_name"}
	flatCityID       = []string{"city_geoname_id", "geoname_id", "geonames_id"}
	flatASN          = []string{"autonomous_system_number", "asn", "as_number"}
	flatLatitude     = []string{"latitude", "lat"}
	flatLongitude    = []string{"longitude", "lon", "lng"}
)

// flatPlace translates a record whose fields lie side by side, as text or as
// numbers. MaxMind's ASN and ISP records are such.
func flatPlace(record map[string]any) geo.Place {
	p := geo.Place{
		Continent: code2(record, flatContinent),
		Country:   code2(record, flatCountry),
		City:      firstText(record, flatCity),
		ASN:       number(record, flatASN),
	}
	for _, key := range flatSubdivisions {
		if code, ok := record[key].(string); ok && len(p.Subdivisions) < 2 {
			p.Subdivisions = appendSubdivision(p.Subdivisions, p.Country, code)
		}
	}
	if p.City != "" {
		p.CityID = number(record, flatCityID)
	}
	lat, okLat := degrees(record, flatLatitude)
	lon, okLon := degrees(record, flatLongitude)
	// 0,0 is open sea; some databases write it for what they do not know.
	if okLat && okLon && (lat != 0 || lon != 0) {
		p.Lat, p.Lon, p.HasLocation = lat, lon, true
	}
	return p
}

// code2 returns the first value of two letters; "continent" and "country" hold
// a name in some databases.
func code2(record map[string]any, keys []string) string {
	for _, key := range keys {
		if s, ok := record[key].(string); ok && len(s) == 2 {
			return s
		}
	}
	return ""
}

func firstText(record map[string]any, keys []string) string {
	for _, key := range keys {
		if s, ok := record[key].(string); ok && s != "" && s != "-" {
			return s
		}
	}
	return ""
}

// number returns the first value that is a whole number that fits, also as
// text, with or without "AS" before it.
func number(record map[string]any, keys []string) uint32 {
	for _, key := range keys {
		switch v := record[key].(type) {
		case uint64:
			if v <= math.MaxUint32 {
				return uint32(v)
			}
		case int32:
			if v > 0 {
				return uint32(v)
			}
		case string:
			if n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(v), "AS"), 10, 32); err == nil {
				return uint32(n)
			}
		}
	}
	return 0
}

func degrees(record map[string]any, keys []string) (float64, bool) {
	for _, key := range keys {
		switch v := record[key].(type) {
		case float64:
			return v, true
		case float32:
			return float64(v), true
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				return f, true
			}
		}
	}
	return 0, false
}
