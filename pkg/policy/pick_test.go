package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// fixed is a Draw that gives the same number each time, reduced to what is
// asked, and notes the largest n.
type fixed struct{ value, n uint64 }

func (d *fixed) Uint64N(n uint64) uint64 {
	d.n = n
	return d.value % n
}

// Each value that can be drawn is tried, so that the odds are counted, not
// estimated.
func TestWeightsAreTheExactOdds(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []int
		shares  []uint16 // of a, b, c; nil: full
		want    []uint64 // how many of the values give a, b, c
	}{
		{"two equal", []int{1, 1}, nil, []uint64{1, 1}},
		{"three to one", []int{3, 1}, nil, []uint64{3, 1}},
		{"one of three is 0", []int{3, 0, 2}, nil, []uint64{3, 0, 2}},
		{"all 0", []int{0, 0, 0}, nil, []uint64{1, 1, 1}},
		{"one down", []int{5, 7, 2}, []uint16{65535, 0, 65535}, []uint64{5, 0, 2}},
		{"only weight 0 up", []int{5, 0, 0}, []uint16{0, 65535, 65535}, []uint64{0, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sites := letters()
			spec := &Spec{Kind: KindWeighted}
			snap := health.NewSnapshot(len(sites.Subjects()))
			for i, w := range c.weights {
				spec.Targets = append(spec.Targets, Target{Spec: site(sites.At(int32(i)).Name), Weight: uint32(w)})
				if c.shares != nil && i < len(c.shares) {
					snap = snap.With(sites.At(int32(i)).ID, health.Entry{Up: true, Share: c.shares[i]})
				}
			}
			p, _ := Compile(spec, sites, worldIndex())
			got := count(p, snap)
			if !slices.Equal(got[:len(c.want)], c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// count returns how many of the values that can be drawn choose each site.
func count(p *Policy, snap *health.Snapshot) []uint64 {
	got := make([]uint64, p.sites.Len())
	var out Choice
	d := &fixed{n: 1}
	for d.value = 0; d.value < d.n; d.value++ {
		p.Pick(&Input{Health: snap, Draw: d}, &out)
		got[out.Sites[0]]++
	}
	return got
}

func TestLargestWeightsDoNotOverflow(t *testing.T) {
	spec := &Spec{Kind: KindWeighted}
	for range MaxNodes - 1 {
		spec.Targets = append(spec.Targets, Target{Spec: site("a"), Weight: MaxWeight})
	}
	sites := letters()
	p, diags := Compile(spec, sites, worldIndex())
	if p == nil {
		t.Fatal(diags.Err())
	}
	d := &fixed{value: 1<<64 - 1}
	var out Choice
	p.Pick(&Input{Draw: d}, &out)
	if want := uint64(MaxNodes-1) * MaxWeight; d.n != want {
		t.Errorf("drew out of %d, want %d", d.n, want)
	}
}

func TestEachAddressComesFirstEquallyOften(t *testing.T) {
	sites := NewSites([]SiteSpec{{Name: "a", Addrs: addrs("192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3")}})
	p, _ := Compile(site("a"), sites, worldIndex())
	first := map[string]int{}
	var out Choice
	d := &fixed{n: 1}
	for d.value = 0; d.value < d.n; d.value++ {
		p.Pick(&Input{Draw: d}, &out)
		if len(out.Addrs) != 3 {
			t.Fatalf("got %v, want the three IPv4 addresses", out.Addrs)
		}
		first[out.Addrs[0].String()]++
	}
	if len(first) != 3 || first["192.0.2.1"] != 1 {
		t.Errorf("first addresses: got %v, want each once", first)
	}
}

func TestLimitsOfTrees(t *testing.T) {
	deep := site("a")
	for range MaxDepth - 1 {
		deep = list(KindFailover, deep)
	}
	wide := list(KindFailover, site("a"), site("b"))
	for range 11 {
		wide = list(KindFailover, wide, wide)
	}
	for _, c := range []struct {
		name string
		spec *Spec
		ok   bool
	}{
		{"as deep as is allowed", deep, true},
		{"one deeper", list(KindFailover, deep), false},
		{"a policy of policies, each twice", wide, false},
		{"an unknown site", site("nowhere"), false},
	} {
		if p, diags := Compile(c.spec, letters(), worldIndex()); (p != nil) != c.ok || diags.HasErrors() == c.ok {
			t.Errorf("%s: got %v", c.name, diags)
		}
	}
}

// benchPolicy is a policy as people write it: rules with weights and
// failovers behind them.
func benchPolicy(tb testing.TB) *Policy {
	tb.Helper()
	spec := rules(
		Rule{Continents: []string{"EU", "AF"}, Use: list(KindFailover, site("a"), site("b"), site("c"))},
		Rule{Countries: []string{"US", "CA", "MX"}, Use: weigh(3, site("b"), 1, site("c"))},
		Rule{CIDRs: worldCIDRs[:1], Use: site("d")},
		all(list(KindFailover, site("d"), site("a"))),
	)
	p, diags := Compile(spec, letters(), worldIndex())
	if p == nil {
		tb.Fatal(diags.Err())
	}
	return p
}

// benchKinds are the other kinds, with all that may stand beside them.
func benchKinds(tb testing.TB) *Policy {
	tb.Helper()
	var specs []SiteSpec
	for i, name := range []string{"a", "b", "c", "d"} {
		specs = append(specs, SiteSpec{Name: name, Addrs: addrs("192.0.2."+fmt.Sprint(i), "192.0.2.9"), Location: &Location{Lat: float64(10 * i)}})
	}
	near := list(KindNearest, site("a"), site("b"), site("c"))
	near.Targets[1].Bias = 30
	near.Name = "near"
	sticky := weigh(3, site("a"), 1, site("b"), 0, site("c"))
	sticky.Sticky = true
	warm := list(KindFailover, site("d"), site("c"), site("a"))
	warm.Trickle, warm.MinHealthy = 20, 2
	several := list(KindAll, near, site("c"), sticky)
	several.Max = 3
	spec := rules(eu(near), Rule{Countries: []string{"US"}, Use: sticky}, Rule{CIDRs: worldCIDRs[:1], Use: warm}, all(several))
	spec.Guard = &GuardSpec{MinSites: 1, MaxRemoved: 100}
	p, diags := Compile(spec, NewSites(specs, near), worldIndex())
	if p == nil {
		tb.Fatal(diags.Err())
	}
	return p
}

func TestPickAllocatesNothing(t *testing.T) {
	for name, p := range map[string]*Policy{"as people write it": benchPolicy(t), "other kinds": benchKinds(t)} {
		var out Choice
		clients := borders()
		healthy := health.NewSnapshot(len(p.sites.Subjects()))
		ill, part := healthy, healthy
		for i := range healthy.Len() {
			ill = ill.With(health.ID(i), health.Entry{Share: health.FullShare})
			part = part.With(health.ID(i), health.Entry{Up: true, Held: i%3 == 0, Share: 40_000})
		}
		part = part.WithKept(0, 1, 2)
		in := &Input{Draw: rand.New(rand.NewPCG(1, 2))}
		i := 0
		pick := func() {
			in.Client, in.Family = clients[i%len(clients)], Family(i%3)
			in.Health = []*health.Snapshot{healthy, ill, healthy, part}[i%4]
			i++
			p.Pick(in, &out)
		}
		for range 100 {
			pick()
		}
		if allocs := testing.AllocsPerRun(2000, pick); allocs != 0 {
			t.Errorf("%s: got %v allocations per pick, want 0", name, allocs)
		}
	}
}

func BenchmarkPickFailoverByPlace(b *testing.B) { benchmarkPick(b, "10.1.2.3") }
func BenchmarkPickWeightedByPlace(b *testing.B) { benchmarkPick(b, "10.200.2.3") }
func BenchmarkPickCatchAllIPv6(b *testing.B)    { benchmarkPick(b, "2001:db8:8000::1") }

func BenchmarkPickNearest(b *testing.B) { benchmarkPickOf(b, benchKinds(b), "10.100.2.3") }
func BenchmarkPickSticky(b *testing.B)  { benchmarkPickOf(b, benchKinds(b), "10.200.2.3") }
func BenchmarkPickAll(b *testing.B)     { benchmarkPickOf(b, benchKinds(b), "2001:db8:8000::1") }

func benchmarkPick(b *testing.B, client string) { benchmarkPickOf(b, benchPolicy(b), client) }

func benchmarkPickOf(b *testing.B, p *Policy, client string) {
	in := &Input{Client: netip.MustParseAddr(client), Health: health.NewSnapshot(len(p.sites.Subjects())), Draw: rand.New(rand.NewPCG(1, 2))}
	var out Choice
	b.ReportAllocs()
	for b.Loop() {
		p.Pick(in, &out)
	}
}

// A database of many places must not make compiling slow: classes are found
// by the set of matching rules, decisions only once for each set.
func BenchmarkCompileManyPlaces(b *testing.B) {
	src := geo.NewSourceBuilder()
	for i := range uint32(100_000) {
		a := netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i), 0})
		src.Add(netip.PrefixFrom(a, 24), geo.Place{Country: []string{"DE", "US", "SG"}[i%3], CityID: i + 1})
	}
	ix, spec, sites := geo.Merge(src.Source("many")), benchPolicy(b).Spec(), letters()
	b.ResetTimer()
	for b.Loop() {
		if p, diags := Compile(spec, sites, ix); p == nil {
			b.Fatal(diags.Err())
		}
	}
}

// Eight sites by weight, as most people have them.
func BenchmarkPickWeighted(b *testing.B) {
	var specs []SiteSpec
	spec := &Spec{Kind: KindWeighted, Name: "weighted"}
	for i := range 8 {
		name := fmt.Sprint("s", i)
		specs = append(specs, SiteSpec{Name: name, Addrs: addrs(fmt.Sprint("192.0.2.", i+1))})
		spec.Targets = append(spec.Targets, Target{Spec: site(name), Weight: uint32(i + 1)})
	}
	p, diags := Compile(spec, NewSites(specs, spec), nil)
	if p == nil {
		b.Fatal(diags.Err())
	}
	benchmarkPickOf(b, p, "10.1.2.3")
}
