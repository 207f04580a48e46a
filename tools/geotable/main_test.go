package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

func TestReadTSV(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"ip2country", "10.0.0.0\t10.255.255.255\tDE\n11.0.0.0\t11.0.0.0\tNone\n2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\tJP\n"},
		{"ip2asn", "10.0.0.0\t10.255.255.255\t64500\tDE\tEXAMPLE\n11.0.0.0\t11.0.0.0\t0\tNone\tNot routed\n2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tJP\tEXAMPLE\n"},
	} {
		src, err := readTSV(c.name, []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		table := &geodb.CountryTable{}
		fill(table, geo.Merge(src))
		if got, want := fmt.Sprint(table.IPv4), "[{0.0.0.0 } {10.0.0.0 DE} {11.0.0.0 }]"; got != want {
			t.Errorf("%s, IPv4: got %s, want %s", c.name, got, want)
		}
		if got, want := fmt.Sprint(table.IPv6), "[{:: } {2001:db8:: JP} {2001:db9:: }]"; got != want {
			t.Errorf("%s, IPv6: got %s, want %s", c.name, got, want)
		}
	}
	for _, bad := range []string{"10.0.0.0\tDE", "x\t10.0.0.1\tDE", "10.0.0.0\ty\tDE"} {
		if _, err := readTSV("bad.tsv", []byte("10.0.0.0\t10.0.0.1\tDE\n"+bad+"\n")); err == nil || !strings.HasPrefix(err.Error(), "bad.tsv:2: ") {
			t.Errorf("%q: got %v, want an error in line 2", bad, err)
		}
	}
}

func TestFillLeavesOutWhatIsNoCountry(t *testing.T) {
	b := geo.NewSourceBuilder()
	for _, text := range []string{"10.0.0.0-10.0.0.9 DE", "10.0.0.10-10.0.0.19 AP", "10.0.0.20-10.0.0.29 EU"} {
		var first, last, country string
		if _, err := fmt.Sscanf(strings.Replace(text, "-", " ", 1), "%s %s %s", &first, &last, &country); err != nil {
			t.Fatal(err)
		}
		src, err := readTSV("test", []byte(first+"\t"+last+"\t"+country))
		if err != nil {
			t.Fatal(err)
		}
		for r, p := range geo.Merge(src).Ranges() {
			if p.Known() {
				b.AddRange(r.First, r.Last, b.Ref(*p))
			}
		}
	}
	table := &geodb.CountryTable{}
	dropped := fill(table, geo.Merge(b.Source("test")))
	if got, want := fmt.Sprint(table.IPv4), "[{0.0.0.0 } {10.0.0.0 DE} {10.0.0.10 }]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if dropped["AP"] != 1 || dropped["EU"] != 1 || len(dropped) != 2 {
		t.Errorf("left out: got %v, want one AP and one EU", dropped)
	}
}

func TestBuiltinCommand(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.mmdb"), filepath.Join(dir, "out.bin")
	geodbtest.WriteFlat(t, in, geodbtest.Places{"10.0.0.0/8": {Country: "DE"}, "2001:db8::/32": {Country: "JP"}})
	if err := run([]string{"builtin", "-o", out, "-name", "test", in}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil || len(data) == 0 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	for _, bad := range [][]string{{}, {"bake"}, {"builtin", in}, {"builtin", "-name", "x"}, {"middles"}, {"builtin", "-name", "x", filepath.Join(dir, "none.tsv")}} {
		if run(bad) == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestCentre(t *testing.T) {
	square := func(west, south, east, north float64) ring {
		return ring{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}
	}
	for _, c := range []struct {
		name     string
		r        ring
		lat, lon float64
	}{
		{"at the equator", square(10, -5, 20, 5), 0, 15},
		{"clockwise", ring{{10, -5}, {10, 5}, {20, 5}, {20, -5}}, 0, 15},
		{"across the date line", square(175, -5, -175, 5), 0, 180},
		{"far north, where the south is wider", square(0, 60, 10, 80), 67.86, 5},
		{"around the pole", ring{{-180, -90}, {-180, -70}, {180, -70}, {180, -90}}, -90, 0},
		{"a line", ring{{1, 2}, {3, 2}}, 2, 1},
	} {
		_, lat, lon := centre(c.r)
		if math.Abs(lat-c.lat) > 0.6 || math.Abs(math.Remainder(lon-c.lon, 360)) > 0.01 {
			t.Errorf("%s: got %.2f,%.2f, want %.2f,%.2f", c.name, lat, lon, c.lat, c.lon)
		}
	}
	small, large := square(0, 0, 1, 1), square(50, 0, 60, 10)
	if _, lon := middle([]ring{small, large, small}); math.Abs(lon-55) > 0.01 {
		t.Errorf("middle: longitude %v, want that of the larger piece, 55", lon)
	}
}

// Two squares share a line: the second one walks it backwards.
func TestReadShapes(t *testing.T) {
	all, err := readShapes([]byte(`{
		"transform": {"scale": [1, 1], "translate": [-10, 0]},
		"arcs": [
			[[10, 0], [0, 10]],
			[[10, 10], [-10, 0], [0, -10], [10, 0]],
			[[10, 0], [10, 0], [0, 10], [-10, 0]]],
		"objects": {"countries": {"geometries": [
			{"type": "Polygon", "id": "250", "arcs": [[0, 1]]},
			{"type": "MultiPolygon", "properties": {"name": "Kosovo"}, "arcs": [[[2, -1]]]}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, wantLon := range map[string]float64{"250": -5, "Kosovo": 5} {
		if len(all[key]) != 1 {
			t.Fatalf("%s: got %d pieces, want 1", key, len(all[key]))
		}
		if _, _, lon := centre(all[key][0]); math.Abs(lon-wantLon) > 0.01 {
			t.Errorf("%s: longitude %v, want %v", key, lon, wantLon)
		}
	}
	for _, bad := range []string{`{`, `{"objects": {"countries": {"geometries": [{"type": "Point"}]}}}`} {
		if _, err := readShapes([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}
