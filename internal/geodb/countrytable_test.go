package geodb

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func tableForTests() *CountryTable {
	at := netip.MustParseAddr
	return &CountryTable{
		Source: "made up", Built: time.Unix(1_790_000_000, 0).UTC(), SHA256: [32]byte{1, 2, 3},
		IPv4: []CountryStart{{at("0.0.0.0"), ""}, {at("10.0.0.0"), "DE"}, {at("10.0.0.1"), "AT"}, {at("255.255.255.255"), "DE"}},
		IPv6: []CountryStart{{at("::"), "JP"}, {at("2001:db8::"), ""}, {at("ffff:ffff:ffff:ffff::"), "DE"}},
	}
}

func TestCountryTableSurvivesItsFileForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom([]string{"", "DE", "AT", "ZZ", "A1"})
		draw := func(starts []uint64, address func(uint64) netip.Addr) []CountryStart {
			starts = append(starts, 0)
			slices.Sort(starts)
			var out []CountryStart
			for _, s := range slices.Compact(starts) {
				out = append(out, CountryStart{address(s), country.Draw(t, "country")})
			}
			return out
		}
		want := tableForTests()
		want.Source = rapid.StringN(0, 20, -1).Draw(t, "source")
		want.IPv4 = draw(rapid.SliceOf(rapid.Uint64Range(0, 1<<32-1)).Draw(t, "IPv4"), func(v uint64) netip.Addr {
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(v))))
		})
		want.IPv6 = draw(rapid.SliceOf(rapid.Uint64()).Draw(t, "IPv6"), func(v uint64) netip.Addr {
			return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, v), 0)))
		})
		data, err := EncodeCountryTable(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeCountryTable(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestCountryTableThatBreaksTheFormIsNotWritten(t *testing.T) {
	at := netip.MustParseAddr
	var many []CountryStart
	for i := range 256 {
		many = append(many, CountryStart{netip.AddrFrom4([4]byte{byte(i)}), fmt.Sprintf("%c%c", 'A'+i/26, 'A'+i%26)})
	}
	for _, c := range []struct {
		name   string
		change func(*CountryTable)
		want   string
	}{
		{"no start at 0.0.0.0", func(t *CountryTable) { t.IPv4 = t.IPv4[1:] }, "begin at 0.0.0.0"},
		{"no IPv6", func(t *CountryTable) { t.IPv6 = nil }, "begin at ::"},
		{"same start twice", func(t *CountryTable) { t.IPv4[2] = t.IPv4[1] }, "out of order"},
		{"falling starts", func(t *CountryTable) { slices.Reverse(t.IPv4[1:]) }, "out of order"},
		{"start within a /64", func(t *CountryTable) { t.IPv6[1].First = at("2001:db8::1") }, "multiple of /64"},
		{"IPv6 among IPv4", func(t *CountryTable) { t.IPv4[1].First = at("::1:0:0:0:0") }, "out of order"},
		{"a name for a code", func(t *CountryTable) { t.IPv4[1].Country = "Germany" }, `country "Germany"`},
		{"too many countries", func(t *CountryTable) { t.IPv4 = many }, "at most 255"},
	} {
		table := tableForTests()
		c.change(table)
		if _, err := EncodeCountryTable(table); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestDamagedCountryTableIsRefused(t *testing.T) {
	good, err := EncodeCountryTable(tableForTests())
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if _, err := decodeCountryTable(good[:i]); err == nil {
			t.Errorf("cut to %d of %d bytes: accepted", i, len(good))
		}
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if got, err := decodeCountryTable(bad); err == nil && !reflect.DeepEqual(got, tableForTests()) {
				t.Errorf("bit %d of byte %d turned: accepted with other content", bit, i)
			}
		}
	}
	if _, err := decodeCountryTable(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte too many: accepted")
	}
	// 64 MiB of zeros in 64 KiB: stopped at the bound.
	if _, err := decodeCountryTable(packTable(make([]byte, 64<<20))); err == nil {
		t.Error("a bomb: accepted")
	}
}

// packTable makes a file whose checksum is right from any body.
func packTable(body []byte) []byte {
	out := bytes.NewBufferString(countryMagic)
	w, err := flate.NewWriter(out, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
	_ = w.Close()
	return out.Bytes()
}

// FuzzCountryTable gives the decoder bodies whose checksum is right. What it
// accepts must be a table that can be written and read again.
func FuzzCountryTable(f *testing.F) {
	data, err := EncodeCountryTable(tableForTests())
	if err != nil {
		f.Fatal(err)
	}
	raw := new(bytes.Buffer)
	if _, err := raw.ReadFrom(flate.NewReader(bytes.NewReader(data[len(countryMagic):]))); err != nil {
		f.Fatal(err)
	}
	f.Add(raw.Bytes()[:raw.Len()-crc32.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		table, err := decodeCountryTable(packTable(bytes.Clone(body)))
		if err != nil {
			return
		}
		table.source("fuzz")
		again, err := EncodeCountryTable(table)
		if err != nil {
			return // codes that are no codes, no ranges: read, but never written
		}
		if back, err := decodeCountryTable(again); err != nil || !reflect.DeepEqual(back, table) {
			t.Fatalf("written and read again: %v, %+v, want %+v", err, back, table)
		}
	})
}

// The bytes of a database come from an operator's disk, half downloaded or
// half overwritten.
func TestDamagedDatabaseNeverPanics(t *testing.T) {
	seeds := databasesForTests(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		data := bytes.Clone(seeds[rng.IntN(len(seeds))])
		for range 1 + rng.IntN(4) {
			data[rng.IntN(len(data))] = byte(rng.Uint32())
		}
		if src, err := parse(data); (src == nil) == (err == nil) {
			t.Fatalf("got %v and %v", src, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, data := range databasesForTests(f) {
		f.Add(data)
	}
	f.Add(sharedBranches(20))
	f.Fuzz(func(t *testing.T, data []byte) {
		if src, err := parse(data); (src == nil) == (err == nil) {
			t.Fatalf("got %v and %v", src, err)
		}
	})
}
