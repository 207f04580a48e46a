package geodb

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// databasesForTests returns small databases of all layouts.
func databasesForTests(t testing.TB) [][]byte {
	t.Helper()
	places := geodbtest.Places{
		"192.0.2.0/24":  {Country: "GB", Subdivisions: []string{"GB-ENG"}, City: "Boxford", CityID: 7, ASN: 64500, HasLocation: true, Lat: 51.75, Lon: -1.25},
		"10.0.0.0/8":    {Country: "DE", ASN: 64501},
		"2001:db8::/32": {Country: "JP", ASN: 64502},
	}
	var all [][]byte
	for _, write := range []func(testing.TB, string, geodbtest.Places){
		geodbtest.WriteCity, geodbtest.WriteCountry, geodbtest.WriteASN, geodbtest.WriteFlat,
	} {
		path := filepath.Join(t.TempDir(), "seed.mmdb")
		write(t, path, places)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// sharedBranches returns a database of n nodes, each of which has the next
// one on both sides: valid in every single part, with 2^n networks.
func sharedBranches(n int) []byte {
	var b []byte
	node := func(v int) { b = append(b, byte(v>>16), byte(v>>8), byte(v)) }
	for i := range n - 1 {
		node(i + 1)
		node(i + 1)
	}
	node(n)      // no data
	node(n + 16) // the first record
	b = append(b, make([]byte, 16)...)
	b = append(b, 0xe0) // the data: an empty map
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	text := func(s string) { b = append(append(b, 0x40|byte(len(s))), s...) }
	number := func(key string, v uint16) {
		text(key)
		b = binary.BigEndian.AppendUint16(append(b, 0xa2), v)
	}
	b = append(b, 0xe7) // a map of 7
	number("node_count", uint16(n))
	number("record_size", 24)
	number("ip_version", 6)
	number("binary_format_major_version", 2)
	number("binary_format_minor_version", 0)
	number("build_epoch", 1000)
	text("database_type")
	text("GeoLite2-City")
	return b
}

func TestTreeWithSharedBranchesIsRefusedInTime(t *testing.T) {
	if _, err := parse(sharedBranches(100)); err == nil || !strings.Contains(err.Error(), "more networks than its 100 nodes can hold") {
		t.Errorf("got %v, want it refused for its networks", err)
	}
	// With a single node there is nothing to share: the same bytes are good.
	src, err := parse(sharedBranches(1))
	if err != nil {
		t.Fatal(err)
	}
	if !src.Fields.Has(geo.City) {
		t.Errorf("fields: got %v, want those of a City database", src.Fields)
	}
}
