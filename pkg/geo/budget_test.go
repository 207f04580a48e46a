package geo

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The generated databases have the shape of commercial ones: the address space
// is handed out in blocks to operators, each in one country; a block is cut
// into the networks of the operator's customers, each in one of its cities.
// There are as many operators as a third of the places, and an operator is in
// up to 19 cities.
//
// What a policy's table costs depends on how countries clump: here a block has
// 10 networks on average, which makes some 400,000 IPv4 and 150,000 IPv6
// ranges of countries. (The built-in table, which is real, has 305,000 and
// 124,000.)
type shape struct {
	v4, v6, places int
}

var (
	fullCity  = shape{4_800_000, 1_600_000, 200_000}
	smallCity = shape{240_000, 80_000, 10_000}
)

// An operator has a number in the ASN database and cities in the other.
type operator struct {
	asn    Ref
	cities []Ref
}

// generate returns a City and an ASN database.
func generate(s shape) (city, asn *Source) {
	rng := rand.New(rand.NewPCG(1, 2))
	cities, asns := NewSourceBuilder(), NewSourceBuilder()
	operators := generateOperators(rng, s, cities, asns)
	for _, p := range Aliases() { // as in MaxMind's
		cities.Alias(p)
		asns.Alias(p)
	}

	// IPv4 is full. Networks differ in size, so that look-ups do not fall on a
	// grid.
	step := uint64(1) << 32 / uint64(s.v4+s.v4/20)
	next := uint64(0)
	for n := s.v4; n > 0; {
		o := operators[rng.IntN(len(operators))]
		block := next
		for k := min(n, 1+rng.IntN(19)); k > 0; k, n = k-1, n-1 {
			first := next
			next = min(next+step/2+uint64(rng.Uint32())%step, 1<<32-1)
			cities.v4 = append(cities.v4, span[addr4]{addr4(first), addr4(next - 1), uint32(o.cities[rng.IntN(len(o.cities))])})
		}
		asns.v4 = append(asns.v4, span[addr4]{addr4(block), addr4(next - 1), uint32(o.asn)})
	}
	// IPv6 blocks are /32s side by side, networks in them /32 to /40.
	next = 0x2001 << 48
	for n := s.v6; n > 0; {
		o := operators[rng.IntN(len(operators))]
		for k := min(n, 1+rng.IntN(19)); k > 0; k, n = k-1, n-1 {
			last := next + 1<<(24+rng.IntN(9)) - 1
			cities.v6 = append(cities.v6, span[addr6]{addr6{next, 0}, addr6{last, ^uint64(0)}, uint32(o.cities[rng.IntN(len(o.cities))])})
			next = last + 1
		}
		next = (next + 1<<32 - 1) &^ (1<<32 - 1)
	}
	return cities.Source("generated City"), asns.Source("generated ASN")
}

func generateOperators(rng *rand.Rand, s shape, cities, asns *SourceBuilder) []operator {
	countries := Countries()
	inCountry := make([][]Ref, len(countries))
	for i := range s.places {
		c := i % len(countries)
		lat, lon, _ := CountryMiddle(countries[c])
		inCountry[c] = append(inCountry[c], cities.Ref(Place{
			Country: countries[c], City: fmt.Sprint("City of some length ", i/2), CityID: uint32(1_000_000 + i),
			Subdivisions: []string{fmt.Sprintf("%s-%d", countries[c], i/len(countries)%20)},
			HasLocation:  true, Lat: lat * 0.99, Lon: lon + float64(i%1000)/1000 - 0.5,
		}))
	}
	operators := make([]operator, s.places/3)
	for i := range operators {
		operators[i].asn = asns.Ref(Place{ASN: uint32(i + 1)})
		of := inCountry[rng.IntN(len(countries))]
		for range 1 + rng.IntN(19) {
			operators[i].cities = append(operators[i].cities, of[rng.IntN(len(of))])
		}
	}
	return operators
}

// budgetShape is a twentieth of the full size unless GEODNS_FULL_CITY is set.
func budgetShape() shape {
	if os.Getenv("GEODNS_FULL_CITY") != "" {
		return fullCity
	}
	return smallCity
}

var cityIndex = sync.OnceValue(func() *Index {
	city, _ := generate(budgetShape())
	return Merge(city)
})

// byCountries is a classifier like that of a policy with a rule for each of
// some countries; n makes 50 of them differ.
func byCountries(n int) Classifier {
	rule := make(map[string]uint32)
	for i, c := range Countries() {
		rule[c] = uint32((i*31 + n*17) % (3 + n%40))
	}
	return func(p *Place, cidrs []int) uint32 { return rule[p.Country] + uint32(100*len(cidrs)) }
}

func liveBytes() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestBudget measures what a database and 50 policies cost; for a part of the
// full size the bounds are scaled.
func TestBudget(t *testing.T) {
	size := budgetShape()
	share := fullCity.v4 / size.v4
	const MiB = 1 << 20
	src, asn := generate(size)
	v4, v6, places := src.Size()
	t.Logf("source: %d IPv4 ranges, %d IPv6 ranges, %d places", v4, v6, places)

	before := liveBytes()
	start := cpuTime(t)
	city := Merge(src)
	t.Logf("merge of one: %v, index %d MiB", cpuTime(t)-start, city.Bytes()/MiB)
	if limit := 150 * MiB / share; city.Bytes() > limit {
		t.Errorf("index: %d MiB, want at most %d", city.Bytes()/MiB, limit/MiB)
	}
	start = cpuTime(t)
	both := Merge(src, asn)
	v4, v6, places = both.Size()
	t.Logf("merge with an ASN database: %v, index %d MiB (heap %d MiB), %d + %d ranges, %d places",
		cpuTime(t)-start, both.Bytes()/MiB, (liveBytes()-before)/MiB, v4, v6, places)

	before = liveBytes()
	start = cpuTime(t)
	office := []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("2001:db8::/32")}
	tables, sum := make([]*Table, 50), 0
	for i := range tables {
		tables[i] = Compile(city, office, byCountries(i))
		sum += tables[i].Bytes()
	}
	took := cpuTime(t) - start
	live := liveBytes() - before
	v4, v6 = tables[49].Size()
	t.Logf("50 policies: %v of processor time, %d MiB (heap %d MiB); the last: %d + %d ranges", took, sum/MiB, live/MiB, v4, v6)
	if limit := 300 * MiB / share; live > limit+16*MiB {
		t.Errorf("50 tables: %d MiB, want at most %d", live/MiB, limit/MiB)
	}
	if limit := 20*time.Second/time.Duration(share) + time.Second; took > limit && !raceEnabled {
		t.Errorf("50 tables: %v, want at most %v", took, limit)
	}
	runtime.KeepAlive([]any{src, asn, city, both})
	runtime.KeepAlive(tables)
}

func benchmarkLookup(b *testing.B, draw func(*rand.Rand) netip.Addr) {
	table := Compile(cityIndex(), nil, byCountries(0))
	rng := rand.New(rand.NewPCG(5, 6))
	addrs := make([]netip.Addr, 1<<16)
	for i := range addrs {
		addrs[i] = draw(rng)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		table.Lookup(addrs[i&(1<<16-1)])
		i++
	}
}

func BenchmarkTableLookup4(b *testing.B) {
	benchmarkLookup(b, func(rng *rand.Rand) netip.Addr { return addr4(rng.Uint32()).netip() })
}

func BenchmarkTableLookup6(b *testing.B) {
	starts := cityIndex().v6.starts
	benchmarkLookup(b, func(rng *rand.Rand) netip.Addr {
		return addr6{starts[rng.IntN(len(starts))].hi + 1, rng.Uint64()}.netip()
	})
}

func BenchmarkCompile(b *testing.B) {
	ix := cityIndex()
	b.ReportAllocs()
	for b.Loop() {
		Compile(ix, nil, byCountries(0))
	}
}

// What is read ahead of a look-up is there for every address, and makes no
// garbage.
func TestNearIsThereForEveryAddress(t *testing.T) {
	empty := Compile(Merge(), nil, func(*Place, []int) uint32 { return 7 })
	nets := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("255.255.255.255/32")}
	few := Compile(Merge(), nets, func(_ *Place, in []int) uint32 { return uint32(len(in)) })
	for _, table := range []*Table{empty, few} {
		for _, text := range []string{"0.0.0.0", "10.1.2.3", "192.0.2.255", "255.255.255.255", "2001:db8::1", "::ffff:10.1.2.3"} {
			a := netip.MustParseAddr(text)
			if n := testing.AllocsPerRun(10, func() { table.Near(a); table.Nearby(a) }); n != 0 {
				t.Errorf("%s: %v allocations", a, n)
			}
		}
		table.Near(netip.Addr{})
		table.Nearby(netip.Addr{})
	}
}
