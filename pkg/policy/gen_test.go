package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// The small world in which random policies are tried: a few places on a few
// networks, so that rules, places and clients meet often.
var world = []struct {
	prefix string
	place  geo.Place
}{
	{"10.0.0.0/10", geo.Place{Continent: "EU", Country: "DE", City: "Berlin", CityID: 1, ASN: 1, HasLocation: true, Lat: 52, Lon: 13}},
	{"10.64.0.0/10", geo.Place{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-ENG", "GB-OXF"}, City: "Boxford", CityID: 2}},
	{"10.64.128.0/17", geo.Place{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-SCT"}, ASN: 2}},
	{"10.128.0.0/9", geo.Place{Continent: "NA", Country: "US", City: "Ashburn", CityID: 3, ASN: 1, HasLocation: true, Lat: 39, Lon: -77}},
	{"192.0.2.0/24", geo.Place{Continent: "AS", Country: "SG"}},
	{"2001:db8::/33", geo.Place{Continent: "EU", Country: "DE"}},
	{"2001:db8:8000::/34", geo.Place{Continent: "AS", Country: "SG", ASN: 2}},
}

var worldCIDRs = prefixes("10.0.0.0/8", "10.0.0.0/11", "10.64.192.0/18", "192.0.2.128/25", "0.0.0.0/0", "2001:db8::/32", "2001:db8:4000::/34", "::/0")

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func worldIndex() *geo.Index {
	b := geo.NewSourceBuilder()
	for _, w := range world {
		b.Add(netip.MustParsePrefix(w.prefix), w.place)
	}
	return geo.Merge(b.Source("world"))
}

// drawSites returns two to five sites named a, b, … with one to three
// addresses, each somewhere.
func drawSites(t *rapid.T) []SiteSpec {
	pool := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", "2001:db8::3"}
	var specs []SiteSpec
	for i := range rapid.IntRange(2, 5).Draw(t, "sites") {
		s := SiteSpec{Name: string(rune('a' + i))}
		for _, text := range rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 3, rapid.ID[string]).Draw(t, "addresses") {
			s.Addrs = append(s.Addrs, netip.MustParseAddr(text))
		}
		s.Location = &Location{
			Lat: rapid.SampledFrom([]float64{50, 39, 1}).Draw(t, "lat"), Lon: rapid.SampledFrom([]float64{8, -77, 104}).Draw(t, "lon"),
		}
		specs = append(specs, s)
	}
	return specs
}

// randomWorld is a random configuration with the policy that a STEER names.
type randomWorld struct {
	sites *Sites
	spec  *Spec
	named []*Spec
	specs []SiteSpec
}

func drawWorld(t *rapid.T, depth int) *randomWorld {
	w := &randomWorld{specs: drawSites(t)}
	w.spec = w.draw(t, depth)
	w.spec.AllDown = drawAllDown(t)
	w.sites = NewSites(w.specs, w.named...)
	return w
}

// draw returns a random tree. Some policies have names, so that their targets
// can be overridden, and some stand in it several times.
func (w *randomWorld) draw(t *rapid.T, depth int) *Spec {
	kind := KindSite
	if depth > 0 {
		kind = rapid.SampledFrom([]Kind{KindSite, KindSite, KindFailover, KindWeighted, KindGeo, KindGeo, KindNearest, KindAll}).Draw(t, "kind")
		if len(w.named) > 0 && rapid.IntRange(0, 5).Draw(t, "again") == 0 {
			return rapid.SampledFrom(w.named).Draw(t, "named")
		}
	}
	if kind == KindSite {
		return site(rapid.SampledFrom(w.specs).Draw(t, "site").Name)
	}
	s := &Spec{Kind: kind, Pos: diag.Pos{File: "random", Line: 1}}
	switch kind {
	case KindGeo:
		for range rapid.IntRange(1, 4).Draw(t, "rules") {
			r := drawRule(t)
			r.Use = w.draw(t, depth-1)
			s.Rules = append(s.Rules, r)
		}
	case KindNearest:
		w.nearest(t, s)
	default:
		for range rapid.IntRange(1, 3).Draw(t, "targets") {
			s.Targets = append(s.Targets, Target{
				Spec:   w.draw(t, depth-1),
				Weight: rapid.SampledFrom([]uint32{0, 0, 1, 2, 3}).Draw(t, "weight"),
			})
		}
	}
	drawModifiers(t, s)
	if rapid.IntRange(0, 2).Draw(t, "has a name") == 0 {
		s.Name = fmt.Sprint("p", len(w.named))
		w.named = append(w.named, s)
	}
	return s
}

func (w *randomWorld) nearest(t *rapid.T, s *Spec) {
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(w.specs), 1, len(w.specs), func(s SiteSpec) string { return s.Name })
	for _, of := range some.Draw(t, "sites") {
		s.Targets = append(s.Targets, Target{
			Spec: site(of.Name), Bias: rapid.SampledFrom([]int8{0, 0, 0, 30, 90, -50, -99}).Draw(t, "bias"),
		})
	}
	s.Limit = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "limit")
}

func drawModifiers(t *rapid.T, s *Spec) {
	some := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	if s.Kind != KindGeo && some("min_healthy") {
		s.MinHealthy = rapid.IntRange(1, max(1, len(s.Targets))).Draw(t, "min_healthy")
	}
	switch {
	case s.Kind == KindAll && some("max"):
		s.Max = rapid.IntRange(1, 3).Draw(t, "max")
	case s.Kind == KindWeighted:
		s.Sticky = rapid.Bool().Draw(t, "sticky")
	case s.Kind == KindFailover && some("trickle"):
		s.Trickle = rapid.SampledFrom([]float64{0.1, 10, 50}).Draw(t, "trickle")
	}
	if some("guard") {
		s.Guard = &GuardSpec{MaxRemoved: 50}
	}
}

func drawRule(t *rapid.T) Rule {
	r := Rule{Strict: rapid.IntRange(0, 3).Draw(t, "strict") == 0}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		switch Condition(rapid.IntRange(0, int(CIDR)).Draw(t, "condition")) {
		case Continent:
			r.Continents = rapid.SliceOfN(rapid.SampledFrom([]string{"EU", "NA", "AS"}), 1, 2).Draw(t, "continents")
		case Country:
			r.Countries = rapid.SliceOfN(rapid.SampledFrom([]string{"DE", "GB", "US", "SG"}), 1, 2).Draw(t, "countries")
		case Subdivision:
			r.Subdivisions = rapid.SliceOfN(rapid.SampledFrom([]string{"GB-ENG", "GB-OXF", "GB-SCT"}), 1, 2).Draw(t, "subdivisions")
		case CityCondition:
			r.Cities = rapid.SliceOfN(rapid.SampledFrom([]City{{Name: "Berlin"}, {ID: 2}, {ID: 3}}), 1, 2).Draw(t, "cities")
		case ASN:
			r.ASNs = rapid.SliceOfN(rapid.SampledFrom([]uint32{1, 2}), 1, 2).Draw(t, "asns")
		case CIDR:
			r.CIDRs = rapid.SliceOfN(rapid.SampledFrom(worldCIDRs), 1, 2).Draw(t, "cidrs")
		}
	}
	return r
}

// drawHealth returns a snapshot in which a good part is down in some way; with
// targets, policies' targets too.
func drawHealth(t *rapid.T, p *Policy, targets bool) *health.Snapshot {
	subjects := p.sites.Subjects()
	snap := health.NewSnapshot(len(subjects))
	for _, s := range subjects {
		if rapid.Bool().Draw(t, "touched") && (targets || s.Policy == "") {
			e := drawEntry(t)
			e.Up = e.Up || s.Policy != ""
			snap = snap.With(s.ID, e)
		}
	}
	if rapid.Bool().Draw(t, "spilling") {
		snap = drawSpill(t, p, snap)
	}
	for g := range p.guards {
		var kept []health.ID
		for i := range p.sites.Len() {
			if rapid.IntRange(0, 3).Draw(t, "kept") == 0 {
				kept = append(kept, p.sites.At(int32(i)).ID)
			}
		}
		snap = snap.WithKept(g, kept...)
	}
	return snap
}

// drawSpill lets some sites send clients on, and others refuse some of them.
func drawSpill(t *rapid.T, p *Policy, snap *health.Snapshot) *health.Snapshot {
	some := []uint16{0, 1, 20000, 40000, health.FullShare - 655}
	var refusals []health.Refusal
	for i := range int32(p.sites.Len()) {
		id := p.sites.At(i).ID
		e := snap.At(id)
		e.Spill = rapid.SampledFrom(some).Draw(t, "spill")
		snap = snap.With(id, e)
		for j := range int32(p.sites.Len()) {
			if i != j && e.Spill > 0 && rapid.IntRange(0, 2).Draw(t, "refuses") == 0 {
				below := rapid.SampledFrom([]uint16{30000, 60000, health.FullShare}).Draw(t, "below")
				refusals = append(refusals, health.Refusal{From: id, To: p.sites.At(j).ID, Below: below})
			}
		}
	}
	return snap.WithRefusals(refusals...)
}

func drawEntry(t *rapid.T) health.Entry {
	return health.Entry{
		Up:     rapid.Bool().Draw(t, "up"),
		Held:   rapid.IntRange(0, 3).Draw(t, "held") == 0,
		Forced: rapid.SampledFrom([]health.Forced{0, 0, 0, 0, health.ForcedDown, health.ForcedUp}).Draw(t, "forced"),
		Share: rapid.SampledFrom([]uint16{health.FullShare, health.FullShare, health.FullShare,
			0, 1, 20000, health.FullShare / 2}).Draw(t, "share"),
		Horizon: rapid.SampledFrom([]uint16{1, 5, 30, health.NoHorizon}).Draw(t, "horizon"),
	}
}

// drawClient returns an address at or near a border of the world.
func drawClient(t *rapid.T) netip.Addr {
	if rapid.IntRange(0, 9).Draw(t, "client") == 0 {
		return netip.Addr{}
	}
	return rapid.SampledFrom(borders()).Draw(t, "client")
}

// borders returns each first and last address of the networks of the world
// with its neighbours.
func borders() []netip.Addr {
	var out []netip.Addr
	add := func(p netip.Prefix) {
		first, last := p.Addr(), lastOf(p)
		for _, a := range []netip.Addr{first.Prev(), first, first.Next(), last.Prev(), last, last.Next()} {
			if a.IsValid() {
				out = append(out, a)
			}
		}
	}
	for _, w := range world {
		add(netip.MustParsePrefix(w.prefix))
	}
	for _, p := range worldCIDRs {
		add(p)
	}
	return out
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// tape is a Draw that is repeatable and notes what it was asked.
type tape struct {
	rand  *rand.Rand
	asked []uint64
}

func newTape(seed uint64) *tape { return &tape{rand: rand.New(rand.NewPCG(seed, 1))} }

func (d *tape) Uint64N(n uint64) uint64 {
	if n == 0 {
		panic("drawn out of nothing")
	}
	d.asked = append(d.asked, n)
	return d.rand.Uint64N(n)
}

// names returns the names of the sites chosen.
func names(p *Policy, c *Choice) []string {
	var out []string
	for _, i := range c.Sites {
		out = append(out, p.sites.At(i).Name)
	}
	return out
}

func describe(action Action, sites []string, addrs []netip.Addr, lastResort bool) string {
	return fmt.Sprintf("%s %q %v last resort %v", action, sites, addrs, lastResort)
}

func drawAllDown(t *rapid.T) AllDown {
	return rapid.SampledFrom([]AllDown{Serve, Serve, Serve, ServeFallback, ServeNoData, ServeServFail}).Draw(t, "all_down")
}

func drawFamily(t *rapid.T) Family {
	return rapid.SampledFrom([]Family{V4, V4, V6, Other}).Draw(t, "family")
}
