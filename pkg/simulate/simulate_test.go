package simulate

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// index has three countries of 2, 1 and 1 parts of the addresses, networks that
// nobody knows, and multicast.
func index() *geo.Index {
	b := geo.NewSourceBuilder()
	for prefix, country := range map[string]string{
		"10.0.0.0/9": "DE", "20.0.0.0/10": "US", "30.0.0.0/11": "SG", "30.64.0.0/11": "SG", "224.0.0.0/4": "FR", "2001:db8::/32": "FR",
	} {
		b.Add(netip.MustParsePrefix(prefix), geo.Place{Country: country})
	}
	return geo.Merge(b.Source("test"))
}

func sites() *policy.Sites {
	var specs []policy.SiteSpec
	for i, s := range []struct {
		name     string
		lat, lon float64
	}{{"fra", 50, 8.7}, {"iad", 39, -77.5}, {"sgp", 1.3, 104}} {
		specs = append(specs, policy.SiteSpec{Name: s.name, Location: &policy.Location{Lat: s.lat, Lon: s.lon},
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}})
	}
	return policy.NewSites(specs)
}

func site(name string) *policy.Spec { return &policy.Spec{Kind: policy.KindSite, Name: name} }

func weighted(sticky bool, parts ...any) *policy.Spec {
	s := &policy.Spec{Kind: policy.KindWeighted, Sticky: sticky}
	for i := 0; i < len(parts); i += 2 {
		s.Targets = append(s.Targets, policy.Target{Spec: site(parts[i+1].(string)), Weight: uint32(parts[i].(int))})
	}
	return s
}

func failover(names ...string) *policy.Spec {
	s := &policy.Spec{Kind: policy.KindFailover}
	for _, n := range names {
		s.Targets = append(s.Targets, policy.Target{Spec: site(n)})
	}
	return s
}

func geoPolicy() *policy.Spec {
	return &policy.Spec{Kind: policy.KindGeo, Rules: []policy.Rule{
		{Continents: []string{"EU"}, Use: failover("fra", "iad")},
		{Countries: []string{"SG"}, Use: weighted(false, 3, "sgp", 1, "iad")},
		{Countries: []string{"AQ"}, Use: site("sgp")},
		{Use: site("iad")},
	}}
}

func compile(t *testing.T, spec *policy.Spec, s *policy.Sites) *policy.Policy {
	t.Helper()
	p, diags := policy.Compile(spec, s, index())
	if p == nil {
		t.Fatal(diags.Err())
	}
	return p
}

func down(s *policy.Sites, names ...string) *health.Snapshot {
	snap := health.NewSnapshot(len(s.Subjects()))
	for _, name := range names {
		i, _ := s.Find(name)
		snap = snap.With(s.At(i).Addrs[0].ID, health.Entry{Share: health.FullShare})
	}
	return snap
}

func one(t *testing.T, spec *policy.Spec, opts Options, gone ...string) (PolicyResult, *Result) {
	t.Helper()
	s := sites()
	p := compile(t, spec, s)
	sim := New(Sample(index(), 5000), opts)
	sim.Add(Case{Policy: "web", Names: []string{"www.example.com."}, Before: Side{p, nil}, After: Side{p, down(s, gone...)}})
	r := sim.Result()
	return r.Policies[0], r
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestSharesAndMoves(t *testing.T) {
	for _, c := range []struct {
		name          string
		spec          *policy.Spec
		gone          []string
		before, after string
		moved         float64
		warnings      []string // how they begin
	}{
		{"geo", geoPolicy(), []string{"fra"}, `{"fra":0.5,"iad":0.3125,"sgp":0.1875}`, `{"iad":0.8125,"sgp":0.1875}`, 0.5,
			[]string{"continents: 50.0 % of the clients are served from another continent than before: EU → NA 50.0 %",
				"rules: no client comes to {country: [AQ], use: sgp} in"}},
		{"nothing changes", geoPolicy(), nil, `{"fra":0.5,"iad":0.3125,"sgp":0.1875}`, `{"fra":0.5,"iad":0.3125,"sgp":0.1875}`, 0,
			[]string{"rules: "}},
		{"of three equal ones only a third moves", weighted(false, 1, "fra", 1, "iad", 1, "sgp"), []string{"fra"},
			`{"fra":0.333333,"iad":0.333333,"sgp":0.333333}`, `{"iad":0.5,"sgp":0.5}`, 0.333333, []string{"continents: 33.3 %"}},
		{"the last resort", failover("fra", "iad"), []string{"fra", "iad"}, `{"fra":1}`, `{"fra":1}`, 0,
			[]string{"nobody: for 100.0 % of the clients nothing is up: all_down: serve"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := one(t, c.spec, Options{Countries: true}, c.gone...)
			if text(r.Before) != c.before || text(r.After) != c.after || r.Moved != c.moved {
				t.Errorf("got %s, %s, %v", text(r.Before), text(r.After), r.Moved)
			}
			if len(r.Warnings) != len(c.warnings) {
				t.Fatalf("warnings %q", r.Warnings)
			}
			for i, w := range c.warnings {
				if !strings.HasPrefix(r.Warnings[i], w) {
					t.Errorf("warning %q, want %q", r.Warnings[i], w)
				}
			}
		})
	}
}

func TestNobodyIsTheSiteWithoutAName(t *testing.T) {
	spec := failover("fra")
	spec.AllDown, spec.AllDownPos = policy.ServeNoData, &diag.Pos{}
	r, _ := one(t, spec, Options{}, "fra")
	if text(r.After) != `{"":1}` || r.Moved != 1 {
		t.Errorf("got %s, moved %v", text(r.After), r.Moved)
	}
	if want := "nobody: 100.0 % of the clients get no site: all_down: nodata speaks (before: 0.0 %)"; !slices.Contains(r.Warnings, want) {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestCountries(t *testing.T) {
	r, _ := one(t, geoPolicy(), Options{Countries: true}, "fra")
	var rows []string
	for _, c := range r.Countries {
		rows = append(rows, text(c))
	}
	want := []string{
		`{"country":"DE","continent":"EU","weight":0.5,"before":{"fra":1},"after":{"iad":1},"moved":1}`,
		`{"country":"SG","continent":"AS","weight":0.25,"before":{"iad":0.25,"sgp":0.75},"after":{"iad":0.25,"sgp":0.75},"moved":0}`,
		`{"country":"US","continent":"NA","weight":0.25,"before":{"iad":1},"after":{"iad":1},"moved":0}`,
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got %s", strings.Join(rows, "\n"))
	}
}

// Sticky clients that need not move do not, and shares are those of the weights.
func TestStickyClientsAreComparedOneByOne(t *testing.T) {
	r, _ := one(t, weighted(true, 2, "fra", 1, "iad", 1, "sgp"), Options{}, "sgp")
	if math.Abs(r.Before["fra"]-0.5) > 0.03 || math.Abs(r.Moved-0.25) > 0.03 || math.Abs(r.Moved-r.Before["sgp"]) > 1e-5 {
		t.Errorf("before %v, moved %v", r.Before, r.Moved)
	}
}

// The load of a site goes with its clients.
func TestCapacity(t *testing.T) {
	opts := Options{Load: map[string]float64{"fra": 100, "iad": 50, "sgp": 10}, Capacity: map[string]float64{"iad": 149, "sgp": 10}}
	_, r := one(t, geoPolicy(), opts, "fra")
	if want := []string{"capacity: site iad would have a load of 150, and its capacity is 149 (load now: 50)"}; !slices.Equal(r.Warnings, want) {
		t.Errorf("got %q", r.Warnings)
	}
	opts.Capacity["iad"] = 150
	if _, r = one(t, geoPolicy(), opts, "fra"); len(r.Warnings) != 0 {
		t.Errorf("at its capacity: %q", r.Warnings)
	}
	delete(opts.Load, "iad")
	opts.Capacity["iad"] = 90
	if _, r = one(t, geoPolicy(), opts, "fra"); !strings.Contains(strings.Join(r.Warnings, ""), "load of at least 100, and its capacity is 90 (load now: not known)") {
		t.Errorf("unknown load: %q", r.Warnings)
	}
}

// Sites are known by name: the other configuration may number them otherwise.
func TestSidesWithOtherSites(t *testing.T) {
	before, after := sites(), policy.NewSites([]policy.SiteSpec{
		{Name: "syd", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.9")}},
		{Name: "fra", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}})
	sim := New(Sample(index(), 500), Options{})
	sim.Add(Case{Policy: "web", Names: []string{"a."}, Before: Side{compile(t, weighted(false, 1, "fra", 1, "iad"), before), nil},
		After: Side{compile(t, weighted(false, 1, "fra", 1, "syd"), after), nil}})
	sim.Add(Case{Policy: "new", Names: []string{"b."}, After: Side{compile(t, site("fra"), after), nil}})
	r := sim.Result()
	if p := r.Policies[0]; text(p.After) != `{"fra":0.5,"syd":0.5}` || p.Moved != 0.5 {
		t.Errorf("got %s", text(p))
	}
	if p := r.Policies[1]; text(p.Before) != `{"":1}` || text(p.After) != `{"fra":1}` || p.Moved != 1 {
		t.Errorf("got %s", text(p))
	}
}

func TestSample(t *testing.T) {
	p := Sample(index(), 1000)
	weights := map[string]int{}
	for _, c := range p.Countries {
		weights[c.Code] = len(c.Clients)
		var sum float64
		seen := map[netip.Addr]bool{}
		for _, client := range c.Clients {
			sum += client.Weight
			seen[client.Addr] = true
			if got := index().Lookup(client.Addr).Country; got != c.Code {
				t.Fatalf("%v of %s is in %q", client.Addr, c.Code, got)
			}
		}
		if math.Abs(sum-c.Weight) > 1e-9 || len(seen) != len(c.Clients) {
			t.Errorf("%s: weights sum to %v of %v, %d different clients", c.Code, sum, c.Weight, len(seen))
		}
	}
	if text(weights) != `{"DE":500,"SG":250,"US":250}` {
		t.Errorf("got %v", weights)
	}
	if text(p) != text(Sample(index(), 1000)) {
		t.Error("another sample the second time")
	}
	if n := len(Sample(geo.Merge(), 100).Countries); n != 1 {
		t.Errorf("without databases: %d strata", n)
	}
}

func TestContinentOfASite(t *testing.T) {
	for want, at := range map[string]policy.Location{
		"EU": {Lat: 50.1, Lon: 8.7}, "NA": {Lat: 38.9, Lon: -77.4}, "AS": {Lat: 1.35, Lon: 104}, "OC": {Lat: -33.9, Lon: 151.2},
		"SA": {Lat: -23.5, Lon: -46.6}, "AF": {Lat: -26.2, Lon: 28},
	} {
		if got := continentAt(&at); got != want {
			t.Errorf("%v is in %s, want %s", at, got, want)
		}
	}
	if continentAt(nil) != "" {
		t.Error("no place has a continent")
	}
}
