package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// generatedCity returns a database of the shape that pkg/geo measures with: the
// address space is handed out in blocks to operators, each in one country, and a
// block is cut into networks, each in one of the operator's cities.
func generatedCity(v4, places int) *geo.Index {
	rng := rand.New(rand.NewPCG(1, 2))
	b := geo.NewSourceBuilder()
	countries := geo.Countries()
	inCountry := make([][]geo.Ref, len(countries))
	for i := range places {
		c := i % len(countries)
		lat, lon, _ := geo.CountryMiddle(countries[c])
		inCountry[c] = append(inCountry[c], b.Ref(geo.Place{
			Country: countries[c], City: fmt.Sprint("City ", i), CityID: uint32(1_000_000 + i), HasLocation: true,
			Lat: lat*0.98 + rng.Float64()*2 - 1, Lon: min(lon+rng.Float64()*4-2, 180),
		}))
	}
	address := func(n uint64) netip.Addr {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	step := uint64(1) << 32 / uint64(v4+v4/20)
	for next, n := uint64(0), v4; n > 0; {
		cities := inCountry[rng.IntN(len(countries))]
		for k := min(n, 1+rng.IntN(19)); k > 0; k, n = k-1, n-1 {
			first := next
			next = min(next+step/2+rng.Uint64N(step), 1<<32-1)
			b.AddRange(address(first), address(next-1), cities[rng.IntN(len(cities))])
		}
	}
	return geo.Merge(b.Source("generated"))
}

// TestBudgetOfNearest measures what 50 different policies cost that have a
// nearest among 10 sites, behind rules of countries. Unless GEODNS_FULL_CITY is
// set the database has a twentieth of the full size, and the bounds too.
func TestBudgetOfNearest(t *testing.T) {
	share := 20
	if os.Getenv("GEODNS_FULL_CITY") != "" {
		share = 1
	}
	ix := generatedCity(4_800_000/share, 200_000/share)
	rng := rand.New(rand.NewPCG(3, 4))
	var specs []SiteSpec
	for i := range 20 {
		c := geo.Countries()[i*12]
		lat, lon, _ := geo.CountryMiddle(c)
		specs = append(specs, SiteSpec{Name: c, Addrs: addrs(fmt.Sprint("192.0.2.", i+1)), Location: &Location{lat, lon}})
	}
	c := NewCompiler(NewSites(specs), ix)
	before, start := liveBytes(), processorTime(t)
	var policies []*Policy
	classes, ranges := 0, 0
	for range 50 {
		near := &Spec{Kind: KindNearest, Limit: 3}
		for _, i := range rng.Perm(20)[:10] {
			near.Targets = append(near.Targets, Target{Spec: site(specs[i].Name), Bias: int8(rng.IntN(3) * 20)})
		}
		p, diags := c.Compile(rules(Rule{Countries: []string{"DE", "FR"}, Use: near.Targets[0].Spec}, all(near)))
		if p == nil {
			t.Fatal(diags.Err())
		}
		policies = append(policies, p)
		v4, v6 := p.Table().Size()
		classes, ranges = classes+p.Classes(), ranges+v4+v6
	}
	took := processorTime(t) - start
	t.Logf("50 policies: %v of processor time, %d MiB with what is remembered, %d classes and %d ranges each",
		took, (liveBytes()-before)>>20, classes/50, ranges/50)
	c.Retain(policies)
	live := liveBytes() - before
	t.Logf("kept: %d MiB", live>>20)
	if limit := 400<<20/share + 16<<20; live > limit {
		t.Errorf("50 policies: %d MiB, want at most %d", live>>20, limit>>20)
	}
	if limit := 60*time.Second/time.Duration(share) + 2*time.Second; took > limit && !raceDetector {
		t.Errorf("50 policies: %v, want at most %v", took, limit)
	}
	runtime.KeepAlive(policies)
	runtime.KeepAlive(ix)
}

func liveBytes() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// processorTime returns what this process has used, which other work on the
// machine stretches much less than the wall clock's.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
