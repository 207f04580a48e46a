package geodb_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// open writes a database with write and reads it back.
func open(t *testing.T, write func(path string)) *geo.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.mmdb")
	write(path)
	src, err := geodb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if src.Name != path {
		t.Errorf("name: got %q, want %q", src.Name, path)
	}
	return src
}

// expect compares places, by address, in the words of Place.String.
func expect(t *testing.T, ix *geo.Index, want map[string]string) {
	t.Helper()
	for _, a := range slices.Sorted(maps.Keys(want)) {
		if got := ix.Lookup(netip.MustParseAddr(a)).String(); got != want[a] {
			t.Errorf("%s: got %s, want %s", a, got, want[a])
		}
	}
}

var oxford = geo.Place{
	Country: "GB", Subdivisions: []string{"GB-ENG", "GB-OXF"}, City: "Boxford", CityID: 2655045,
	HasLocation: true, Lat: 51.75, Lon: -1.25,
}

func TestCityInMaxMindsLayout(t *testing.T) {
	src := open(t, func(path string) {
		geodbtest.WriteCity(t, path, geodbtest.Places{
			"2.125.160.0/24":  oxford,
			"192.0.2.0/24":    {Country: "DE", City: "Bonn"}, // no coordinates, reserved
			"198.51.100.0/24": {},                            // registered_country alone
			"10.0.0.0/8":      {Continent: "EU"},
			"10.1.0.0/16":     {Country: "FR"},
			"2001:db8::/32":   {Country: "JP", Subdivisions: []string{"JP-13"}, CityID: 1850147},
			"2001:db8:1::/48": {Country: "US"},
			"2001:db8::1/128": {Country: "AU"},
		})
	})
	expect(t, geo.Merge(src), map[string]string{
		"2.125.160.1":        "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"::ffff:2.125.160.1": "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"2.125.161.0":        "unknown",
		"192.0.2.255":        "EU, DE, Bonn",
		"198.51.100.1":       "unknown",
		"10.0.0.1":           "EU",
		"10.1.255.255":       "EU, FR",
		"10.2.0.0":           "EU",
		"2001:db8::":         "AS, JP, JP-13, city 1850147",
		"2001:db8::1":        "OC, AU",
		"2001:db8:1::1":      "NA, US",
		"2001:db9::":         "unknown",
		// The file has its IPv4 part under 6to4 and Teredo too.
		"2002:27d:a001::1":   "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"2001:0:27d:a0ff::1": "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"2002:27d:a101::":    "unknown",
	})
	info := geodb.Describe(src)
	if info.Type != "GeoLite2-City" || !info.Built.Equal(geodbtest.Built) || info.Places != 7 {
		t.Errorf("info: got %+v", info)
	}
	if got, want := info.Fields, "continent, country, subdivision, city, location"; got != want {
		t.Errorf("fields: got %s, want %s", got, want)
	}
}

func TestFieldsFollowTheDataOrMaxMindsPromise(t *testing.T) {
	country := geodbtest.Places{"192.0.2.0/24": {Country: "DE"}}
	number := geodbtest.Places{"192.0.2.0/24": {ASN: 64500}}
	custom := func(databaseType string) func(testing.TB, string, geodbtest.Places) {
		return func(t testing.TB, path string, places geodbtest.Places) {
			records := make(map[string]mmdbtype.Map)
			for prefix, p := range places {
				records[prefix] = geodbtest.City(p)
			}
			geodbtest.Write(t, path, databaseType, records)
		}
	}
	for _, c := range []struct {
		name   string
		write  func(testing.TB, string, geodbtest.Places)
		places geodbtest.Places
		want   geo.Fields
	}{
		{"GeoLite2-City without any city", geodbtest.WriteCity, country, geo.Continent | geo.Country | geo.Subdivision | geo.City | geo.Location},
		{"GeoLite2-Country", geodbtest.WriteCountry, country, geo.Continent | geo.Country},
		{"GeoLite2-ASN", geodbtest.WriteASN, number, geo.ASN},
		{"empty GeoLite2-ASN", geodbtest.WriteASN, nil, geo.ASN},
		{"another's City without any city", custom("DBIP-City-Lite"), country, geo.Continent | geo.Country},
		{"empty type", custom(""), country, geo.Continent | geo.Country},
		{"GeoIP2 Enterprise", custom("GeoIP2-Enterprise"), country, 63},
		{"GeoIP2 ISP", custom("GeoIP2-ISP"), nil, geo.ASN},
		{"flat country", geodbtest.WriteFlat, country, geo.Continent | geo.Country},
		{"flat ASN", geodbtest.WriteFlat, number, geo.ASN},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := open(t, func(path string) { c.write(t, path, c.places) })
			if src.Fields != c.want {
				t.Errorf("got %v, want %v", src.Fields, c.want)
			}
		})
	}
}

func TestFlatLayouts(t *testing.T) {
	text := func(s string) mmdbtype.String { return mmdbtype.String(s) }
	src := open(t, func(path string) {
		geodbtest.Write(t, path, "mixed", map[string]mmdbtype.Map{
			"10.0.0.0/24": geodbtest.Flat(oxford),
			"10.0.1.0/24": {"country_code": text("US"), "state1": text("California"), "city": text("San Jose"), "latitude": mmdbtype.Float32(37.25), "longitude": mmdbtype.Float32(-121.5)},
			"10.0.2.0/24": {"country": text("JP"), "country_name": text("Japan"), "continent": text("AS"), "asn": text("AS2516"), "as_name": text("KDDI")},
			"10.0.3.0/24": {"country": text("France"), "continent": text("Europe"), "country_code": text("FR")},
			"10.0.4.0/24": {"country_code": text("DE"), "lat": text("50.5"), "lng": text("8.25"), "region_code": text("HE")},
			"10.0.5.0/24": {"country_code": text("None"), "latitude": mmdbtype.Float64(0), "longitude": mmdbtype.Float64(0), "city": text("-")},
			"10.0.6.0/24": {"autonomous_system_number": mmdbtype.Uint32(4294967295), "autonomous_system_organization": text("Example")},
			"10.0.7.0/24": {"asn": mmdbtype.Uint64(1 << 33), "as_number": mmdbtype.Int32(7)},
			"10.0.8.0/24": {"latitude": mmdbtype.Float64(200), "longitude": mmdbtype.Float64(0), "country_code": text("ch")},
			"10.0.9.0/24": {"latitude": mmdbtype.Float64(47), "country_code": mmdbtype.Uint16(7), "asn": text("ASx")},
			// The id of a country is no city's.
			"10.0.10.0/24": {"country_code": text("CH"), "geoname_id": mmdbtype.Uint32(2658434)},
		})
	})
	expect(t, geo.Merge(src), map[string]string{
		"10.0.0.1":  "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"10.0.1.1":  "NA, US, San Jose, 37.25,-121.5",
		"10.0.2.1":  "AS, JP, AS2516",
		"10.0.3.1":  "EU, FR",
		"10.0.4.1":  "EU, DE, DE-HE, 50.5,8.25",
		"10.0.5.1":  "unknown",
		"10.0.6.1":  "AS4294967295",
		"10.0.7.1":  "AS7",
		"10.0.8.1":  "EU, CH",
		"10.0.9.1":  "unknown",
		"10.0.10.1": "EU, CH",
	})
}

func TestDatabasesLieOverOneAnother(t *testing.T) {
	city := open(t, func(path string) {
		geodbtest.WriteCity(t, path, geodbtest.Places{"192.0.2.0/24": oxford, "2001:db8::/32": {Country: "DE"}})
	})
	asn := open(t, func(path string) {
		geodbtest.WriteASN(t, path, geodbtest.Places{"192.0.2.128/25": {ASN: 64500}, "2001:db8:8::/48": {ASN: 64501}})
	})
	builtin, err := geodb.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, geo.Merge(city, asn, builtin), map[string]string{
		"192.0.2.1":     "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), 51.75,-1.25",
		"192.0.2.200":   "EU, GB, GB-ENG, GB-OXF, Boxford (2655045), AS64500, 51.75,-1.25",
		"2001:db8::1":   "EU, DE",
		"2001:db8:8::1": "EU, DE, AS64501",
		"8.8.8.8":       "NA, US",
	})
}

func TestIPv4OnlyDatabaseKnowsNoIPv6(t *testing.T) {
	src := open(t, func(path string) {
		geodbtest.WriteCountry(t, path, geodbtest.Places{"0.0.0.0/1": {Country: "DE"}, "128.0.0.0/1": {Country: "DE"}})
	})
	if v4, v6, _ := src.Size(); v4 != 1 || v6 != 1 {
		t.Errorf("got %d and %d ranges, want 1 and 1", v4, v6)
	}
	expect(t, geo.Merge(src), map[string]string{"0.0.0.0": "EU, DE", "255.255.255.255": "EU, DE", "::1.2.3.4": "unknown"})
}

// An entry of an IPv6 database that is wider than ::/96 covers all of IPv4.
func TestEntryAroundIPv4CoversIt(t *testing.T) {
	src := open(t, func(path string) {
		geodbtest.Write(t, path, "test", map[string]mmdbtype.Map{"::/64": geodbtest.Flat(geo.Place{Country: "DE"})})
	})
	expect(t, geo.Merge(src), map[string]string{"10.1.1.1": "EU, DE", "::1:0:0:0": "EU, DE", "0:0:0:1::": "unknown"})
}

func TestErrorsSayWhatWouldBeRight(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := filepath.Join(dir, "good.mmdb")
	geodbtest.WriteCity(t, good, geodbtest.Places{"192.0.2.0/24": oxford})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(data)
	_ = w.Close()
	anonymous := filepath.Join(dir, "anonymous.mmdb")
	geodbtest.Write(t, anonymous, "GeoIP2-Anonymous-IP", map[string]mmdbtype.Map{"192.0.2.0/24": {"is_anonymous": mmdbtype.Bool(true)}})
	cut := bytes.Clone(data)
	copy(cut, bytes.Repeat([]byte{0xff}, 64))

	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "none.mmdb"), "no such file"},
		{dir, "a folder: name the .mmdb file in it"},
		{file("empty.mmdb", nil), "not an MMDB file"},
		{file("text.mmdb", []byte("country,DE\n")), "not an MMDB file"},
		{file("zipped.mmdb.gz", zipped.Bytes()), "compressed: unpack it first"},
		{file("front.mmdb", data[:len(data)/2]), "not an MMDB file"},
		{file("back.mmdb", data[len(data)/3:]), "damaged"},
		{file("cut.mmdb", cut), "damaged"},
		{anonymous, `database type "GeoIP2-Anonymous-IP" carries nothing that geodns can use: a City, Country or ASN database is needed`},
	} {
		src, err := geodb.Open(c.path)
		if err == nil {
			t.Errorf("%s: opened: %v", c.path, geodb.Describe(src))
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), c.path) != 1 {
			t.Errorf("%s: got %q, want the path once and %q", c.path, err, c.want)
		}
	}
}

func TestBuiltinTable(t *testing.T) {
	src, err := geodb.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	info := geodb.Describe(src)
	if info.Path != "builtin" || info.Fields != "continent, country" || info.Built.Year() < 2026 || info.Type == "" {
		t.Errorf("got %+v", info)
	}
	if info.IPv4 < 250_000 || info.IPv6 < 100_000 || info.Places < 230 {
		t.Errorf("too small: %+v", info)
	}
	ix := geo.Merge(src)
	// Networks that have been where they are for decades.
	expect(t, ix, map[string]string{
		"8.8.8.8":              "NA, US",
		"193.0.6.139":          "EU, NL", // RIPE NCC
		"133.11.93.21":         "AS, JP", // University of Tokyo
		"200.160.2.3":          "SA, BR", // NIC.br
		"2001:67c:2e8::1":      "EU, NL", // RIPE NCC
		"2001:4860:4860::8888": "NA, US",
		"192.0.2.1":            "unknown",
		"10.0.0.1":             "unknown",
		"127.0.0.1":            "unknown",
		"fe80::1":              "unknown",
	})
	unknown := make(map[string]int)
	for _, p := range ix.Ranges() {
		if p.Country != "" && !geo.ValidCountry(p.Country) {
			unknown[p.Country]++
		}
	}
	if len(unknown) > 0 {
		t.Errorf("codes that are no country: %v", fmt.Sprint(unknown))
	}
}

func BenchmarkBuiltin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := geodb.Builtin(); err != nil {
			b.Fatal(err)
		}
	}
}
