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
	{"10.0.0.0/10", geo.Place{Continent: "EU", Country: "DE", City: "Berlin", CityID: 1, ASN: 1}},
	{"10.64.0.0/10", geo.Place{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-ENG", "GB-OXF"}, City: "Boxford", CityID: 2}},
	{"10.64.128.0/17", geo.Place{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-SCT"}, ASN: 2}},
	{"10.128.0.0/9", geo.Place{Continent: "NA", Country: "US", City: "Ashburn", CityID: 3, ASN: 1}},
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
// addresses.
func drawSites(t *rapid.T) *Sites {
	pool := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", "2001:db8::3"}
	var specs []SiteSpec
	for i := range rapid.IntRange(2, 5).Draw(t, "sites") {
		s := SiteSpec{Name: string(rune('a' + i))}
		for _, text := range rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 3, rapid.ID[string]).Draw(t, "addresses") {
			s.Addrs = append(s.Addrs, netip.MustParseAddr(text))
		}
		specs = append(specs, s)
	}
	return NewSites(specs)
}

// drawSpec returns a random tree.
func drawSpec(t *rapid.T, sites *Sites, depth int) *Spec {
	kind := KindSite
	if depth > 0 {
		kind = rapid.SampledFrom([]Kind{KindSite, KindFailover, KindWeighted, KindGeo, KindGeo}).Draw(t, "kind")
	}
	s := &Spec{Kind: kind, Pos: diag.Pos{File: "random", Line: 1}}
	switch kind {
	case KindSite:
		s.Name = sites.At(int32(rapid.IntRange(0, sites.Len()-1).Draw(t, "site"))).Name
	case KindGeo:
		for range rapid.IntRange(1, 4).Draw(t, "rules") {
			r := drawRule(t)
			r.Use = drawSpec(t, sites, depth-1)
			s.Rules = append(s.Rules, r)
		}
	default:
		for range rapid.IntRange(1, 3).Draw(t, "targets") {
			s.Targets = append(s.Targets, Target{
				Spec:   drawSpec(t, sites, depth-1),
				Weight: rapid.SampledFrom([]uint32{0, 0, 1, 2, 3}).Draw(t, "weight"),
			})
		}
	}
	return s
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

// drawHealth returns a snapshot in which a good part is down in some way.
func drawHealth(t *rapid.T, sites *Sites) *health.Snapshot {
	snap := health.NewSnapshot(len(sites.Subjects()))
	entry := rapid.Custom(func(t *rapid.T) health.Entry {
		return health.Entry{
			Up:     rapid.Bool().Draw(t, "up"),
			Forced: rapid.SampledFrom([]health.Forced{0, 0, 0, 0, health.ForcedDown, health.ForcedUp}).Draw(t, "forced"),
			Share: rapid.SampledFrom([]uint16{health.FullShare, health.FullShare, health.FullShare,
				0, 1, 1000, health.FullShare / 2}).Draw(t, "share"),
		}
	})
	for i := range snap.Len() {
		if rapid.Bool().Draw(t, "touched") {
			snap = snap.With(health.ID(i), entry.Draw(t, "entry"))
		}
	}
	return snap
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
