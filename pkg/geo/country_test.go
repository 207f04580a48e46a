package geo

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestAllCountriesHaveAContinentAndAMiddle(t *testing.T) {
	countries := Countries()
	// ISO 3166-1 has 249 codes; Kosovo's is the 250th.
	if len(countries) != 250 || !slices.IsSorted(countries) {
		t.Errorf("got %d countries (sorted: %v), want 250", len(countries), slices.IsSorted(countries))
	}
	listed := 0
	for _, list := range countriesOf {
		listed += len(strings.Fields(list))
	}
	if listed != len(countries) {
		t.Errorf("%d codes are listed, %d differ: a country stands in two continents", listed, len(countries))
	}
	for _, c := range countries {
		if !ValidContinent(ContinentOf(c)) || codeOf(c).String() != c {
			t.Errorf("%s: continent %q", c, ContinentOf(c))
		}
		if _, _, ok := CountryMiddle(c); !ok {
			t.Errorf("%s: no middle", c)
		}
	}
	if len(countryMiddles) != len(countries) {
		t.Errorf("%d middles for %d countries", len(countryMiddles), len(countries))
	}
}

func TestContinents(t *testing.T) {
	if got := strings.Join(Continents(), " "); got != "AF AN AS EU NA OC SA" {
		t.Errorf("continents: got %s", got)
	}
	for country, want := range map[string]string{
		"DE": "EU", "RU": "EU", "CY": "EU", "XK": "EU", "TR": "AS", "GE": "AS", "EG": "AF", "US": "NA",
		"PA": "NA", "CO": "SA", "TT": "NA", "TL": "OC", "HI": "", "EU": "", "AP": "", "UK": "", "de": "", "": "",
	} {
		if got := ContinentOf(country); got != want {
			t.Errorf("%s: got %q, want %q", country, got, want)
		}
		if got := ValidCountry(country); got != (want != "") {
			t.Errorf("ValidCountry(%q): got %v", country, got)
		}
	}
	if ValidContinent("EN") || ValidContinent("") || ValidContinent("eu") {
		t.Error("a continent that is none is valid")
	}
}

// A capital is not far from the middle of its country, measured by its size:
// a middle with a wrong sign or with latitude and longitude exchanged is.
func TestMiddlesLieInTheirCountries(t *testing.T) {
	for country, capital := range map[string]struct{ lat, lon, within float64 }{
		"FR": {48.86, 2.35, 400}, "US": {39.8, -98.6, 200}, "SG": {1.35, 103.82, 20}, "AU": {-25.6, 134.4, 200},
		"FJ": {-18.14, 178.44, 100}, "BR": {-15.8, -47.9, 1000}, "RU": {55.03, 82.92, 1200}, "NZ": {-43.53, 172.64, 300},
		"AQ": {-90, 0, 1}, "GF": {4.92, -52.3, 200}, "GP": {16.0, -61.7, 50}, "MQ": {14.6, -61.07, 50},
		"RE": {-20.88, 55.45, 50}, "YT": {-12.78, 45.23, 30}, "BQ": {12.15, -68.27, 30}, "SJ": {78.22, 15.65, 100},
		"XK": {42.66, 21.17, 50}, "CX": {-10.42, 105.68, 30}, "CC": {-12.19, 96.83, 30}, "TK": {-9.2, -171.85, 150},
		"GB": {52.49, -1.9, 200}, "ZA": {-29.12, 26.22, 200}, "IN": {21.15, 79.09, 300}, "CL": {-33.45, -70.67, 100},
	} {
		lat, lon, _ := CountryMiddle(country)
		if d := Distance(lat, lon, capital.lat, capital.lon); d > capital.within {
			t.Errorf("%s: the middle %.2f,%.2f is %.0f km off, want at most %.0f", country, lat, lon, d, capital.within)
		}
	}
	if _, _, ok := CountryMiddle("UK"); ok {
		t.Error("UK has a middle, but GB is the code")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		name                   string
		lat1, lon1, lat2, lon2 float64
		want                   float64 // km
	}{
		{"same point", 50.11, 8.68, 50.11, 8.68, 0},
		{"a degree of the equator", 0, 0, 0, 1, 111.195},
		{"a degree of a meridian", 50, 8, 51, 8, 111.195},
		{"across the date line", 0, 179.5, 0, -179.5, 111.195},
		{"pole to pole", 90, 0, -90, 0, 20015.115},
		{"antipodes", 10, 20, -10, -160, 20015.115},
		{"poles have no longitude", 90, 0, 90, 180, 0},
		{"Frankfurt to Ashburn", 50.11, 8.68, 38.95, -77.45, 6553.3},
		{"a metre", 50, 8, 50.00001, 8, 0.001112},
	} {
		got := Distance(c.lat1, c.lon1, c.lat2, c.lon2)
		if math.Abs(got-c.want) > max(c.want*0.001, 1e-6) {
			t.Errorf("%s: got %v km, want %v", c.name, got, c.want)
		}
		if back := Distance(c.lat2, c.lon2, c.lat1, c.lon1); math.Abs(back-got) > 1e-9 {
			t.Errorf("%s: %v there and %v back", c.name, got, back)
		}
	}
}
