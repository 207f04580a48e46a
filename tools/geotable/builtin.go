package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// makeBuiltin writes the country table from one file or more; where several
// know an address, the first one counts.
func makeBuiltin(args []string) error {
	flags := flag.NewFlagSet("builtin", flag.ContinueOnError)
	out := flags.String("o", "builtin.bin", "file to write")
	name := flags.String("name", "", "what the data are, for people")
	built := flags.String("built", "", "when the data were put together (default: what the .mmdb says)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || *name == "" {
		return fmt.Errorf("-name and at least one file are needed\n%s", usage)
	}

	table := &geodb.CountryTable{Source: *name}
	var sources []*geo.Source
	digest := sha256.New()
	for _, path := range flags.Args() {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		digest.Write(data)
		src, err := readSource(path, data)
		if err != nil {
			return err
		}
		fmt.Printf("%s: sha256 %x, built %s\n", path, sha256.Sum256(data), src.Built.Format(time.RFC3339))
		if src.Built.After(table.Built) {
			table.Built = src.Built
		}
		sources = append(sources, src)
	}
	copy(table.SHA256[:], digest.Sum(nil))
	if *built != "" {
		date, err := time.Parse(time.DateOnly, *built)
		if err != nil {
			return fmt.Errorf("-built: %w", err)
		}
		table.Built = date
	}
	if table.Built.IsZero() {
		return fmt.Errorf("the files do not say when they were built: give -built YYYY-MM-DD")
	}

	dropped := fill(table, geo.Merge(sources...))
	data, err := geodb.EncodeCountryTable(table)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, %d IPv4 ranges, %d IPv6 ranges, built %s\n",
		*out, len(data), len(table.IPv4), len(table.IPv6), table.Built.Format(time.DateOnly))
	for _, code := range slices.Sorted(maps.Keys(dropped)) {
		fmt.Printf("  left out: %d ranges of %s, which is no country\n", dropped[code], code)
	}
	return os.WriteFile(*out, data, 0o644)
}

// fill copies the countries of ix into t, neighbours of one country as one
// range, and returns how many ranges had a code that is no country: the
// registries' AP and EU, for "somewhere in the region".
func fill(t *geodb.CountryTable, ix *geo.Index) map[string]int {
	dropped := make(map[string]int)
	for r, place := range ix.Ranges() {
		country := place.Country
		if country != "" && !geo.ValidCountry(country) {
			dropped[country]++
			country = ""
		}
		starts := &t.IPv4
		if r.First.Is6() {
			starts = &t.IPv6
		}
		if n := len(*starts); n == 0 || (*starts)[n-1].Country != country {
			*starts = append(*starts, geodb.CountryStart{First: r.First, Country: country})
		}
	}
	return dropped
}

// readSource reads an .mmdb file, or IPtoASN's text by its lines.
func readSource(path string, data []byte) (*geo.Source, error) {
	if strings.HasSuffix(path, ".mmdb") {
		return geodb.Open(path)
	}
	return readTSV(path, data)
}

// readTSV reads the lines of IPtoASN: ip2country (first, last, country) or
// ip2asn (first, last, number, country, name), with tabs between. A country of
// "None" or "Unknown" means none.
func readTSV(path string, data []byte) (*geo.Source, error) {
	b := geo.NewSourceBuilder()
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Split(lines.Text(), "\t")
		column := 2
		if len(fields) >= 5 {
			column = 3
		}
		if len(fields) <= column {
			return nil, fmt.Errorf("%s:%d: %d columns: 3 (first, last, country) or 5 (first, last, AS number, country, name)", path, n, len(fields))
		}
		first, err := netip.ParseAddr(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		last, err := netip.ParseAddr(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if country := fields[column]; len(country) == 2 {
			b.AddRange(first, last, b.Ref(geo.Place{Country: country}))
		}
	}
	return b.Source(path), lines.Err()
}
