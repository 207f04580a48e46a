package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// world is what the databases of a test say, in their order, and the rules by
// which clients are steered. It judges slowly and plainly what is right.
type world struct {
	databases []geodbtest.Places
	rules     []rule
	breaks    []netip.Addr // where the decision may change: starts of networks, and what follows their ends
}

// rule is a rule of the steered name; zero conditions hold.
type rule struct {
	cidr                                  string
	continent, country, subdivision, city string
	cityID, asn                           uint32
	use                                   []string // sites in order
}

// place merges what the databases say of an address, field by field.
func (w *world) place(a netip.Addr) geo.Place {
	var out geo.Place
	for _, db := range w.databases {
		p, ok := longest(db, behind(a))
		if !ok {
			continue
		}
		if p.Continent == "" {
			p.Continent = geo.ContinentOf(p.Country)
		}
		out.Continent = cmp.Or(out.Continent, p.Continent)
		out.Country = cmp.Or(out.Country, p.Country)
		if len(out.Subdivisions) == 0 {
			out.Subdivisions = p.Subdivisions
		}
		if out.City == "" && out.CityID == 0 {
			out.City, out.CityID = p.City, p.CityID
		}
		out.ASN = cmp.Or(out.ASN, p.ASN)
	}
	return out
}

// embeddings are the networks of 6to4 and Teredo, under which the databases have
// their IPv4 part, as their writer lays it out.
var embeddings = []netip.Prefix{netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32")}

// behind returns the address that the databases take a for: the IPv4 one in it, or
// a itself.
func behind(a netip.Addr) netip.Addr {
	for _, e := range embeddings {
		if e.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[e.Bits()/8:]))
		}
	}
	return a
}

// embed returns the network of the embedding e in which an IPv4 network is.
func embed(e, n netip.Prefix) netip.Prefix {
	b, v4 := e.Addr().As16(), n.Addr().As4()
	copy(b[e.Bits()/8:], v4[:])
	return netip.PrefixFrom(netip.AddrFrom16(b), e.Bits()+n.Bits())
}

// longest returns the place of the longest network that holds a.
func longest(db geodbtest.Places, a netip.Addr) (place geo.Place, ok bool) {
	best := -1
	for text, p := range db {
		if n := netip.MustParsePrefix(text); n.Contains(a) && n.Bits() > best {
			best, place, ok = n.Bits(), p, true
		}
	}
	return place, ok
}

// decision returns the sites in the order in which they are tried.
func (w *world) decision(a netip.Addr) []string {
	return decide(w.rules, w.place(a), a)
}

// decide tries each rule against a client at a place.
func decide(rules []rule, p geo.Place, a netip.Addr) []string {
	var out []string
	for _, r := range rules {
		if !r.holds(p, a) {
			continue
		}
		for _, site := range r.use {
			if !slices.Contains(out, site) {
				out = append(out, site)
			}
		}
	}
	return out
}

func (r rule) holds(p geo.Place, a netip.Addr) bool {
	return (r.cidr == "" || netip.MustParsePrefix(r.cidr).Contains(a)) &&
		(r.continent == "" || r.continent == p.Continent) &&
		(r.country == "" || r.country == p.Country) &&
		(r.subdivision == "" || slices.Contains(p.Subdivisions, r.subdivision)) &&
		(r.city == "" || r.city == p.City) &&
		(r.cityID == 0 || r.cityID == p.CityID) &&
		(r.asn == 0 || r.asn == p.ASN)
}

// yaml returns the rule as steering.yaml has it.
func (r rule) yaml() string {
	var parts []string
	add := func(key, value string) {
		if value != "" && value != "0" {
			parts = append(parts, fmt.Sprintf("%s: [%s]", key, value))
		}
	}
	if r.cidr != "" {
		add("cidr", `"`+r.cidr+`"`)
	}
	add("continent", r.continent)
	add("country", r.country)
	add("subdivision", r.subdivision)
	add("city", r.city)
	add("city", fmt.Sprint(r.cityID))
	add("asn", fmt.Sprint(r.asn))
	use := r.use[0]
	if len(r.use) > 1 {
		use = "{failover: [" + strings.Join(r.use, ", ") + "]}"
	}
	return "{" + strings.Join(append(parts, "use: "+use), ", ") + "}"
}

// networks returns all networks of databases and rules, each once, in order.
func (w *world) networks() []netip.Prefix {
	all := map[netip.Prefix]bool{}
	for _, db := range w.databases {
		for text := range db {
			all[netip.MustParsePrefix(text)] = true
		}
	}
	for _, r := range w.rules {
		if r.cidr != "" {
			all[netip.MustParsePrefix(r.cidr)] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), comparePrefixes)
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// prepare notes where decisions may change.
func (w *world) prepare() {
	around := func(n netip.Prefix) {
		w.breaks = append(w.breaks, n.Addr())
		if next := last(n).Next(); next.IsValid() {
			w.breaks = append(w.breaks, next)
		}
	}
	for _, n := range w.networks() {
		around(n)
		for _, e := range embeddings {
			if n.Addr().Is4() {
				around(embed(e, n))
			}
		}
	}
	for _, e := range embeddings {
		around(e)
	}
	slices.SortFunc(w.breaks, netip.Addr.Compare)
	w.breaks = slices.Compact(w.breaks)
}

// uniform reports whether the decision is the same in all of p.
func (w *world) uniform(p netip.Prefix) bool {
	want := w.decision(p.Addr())
	for _, b := range w.breaks {
		if p.Contains(b) && !slices.Equal(w.decision(b), want) {
			return false
		}
	}
	return true
}

// last returns the last address of p.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// within returns a random address in p.
func within(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		if r.Uint32()&1 != 0 {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// client returns a random address of a family, most often in a network that is
// known or right beside one, or is so by the IPv4 address in it.
func (w *world) client(r *rand.Rand, v6 bool, networks []netip.Prefix) netip.Addr {
	anywhere := netip.MustParsePrefix("0.0.0.0/0")
	if v6 {
		anywhere = netip.MustParsePrefix("2000::/3")
	}
	for {
		n := networks[r.IntN(len(networks))]
		if v6 && n.Addr().Is4() && r.IntN(3) == 0 {
			n = embed(embeddings[r.IntN(len(embeddings))], n)
		}
		if n.Addr().Is6() != v6 {
			continue
		}
		a := within(r, n)
		switch r.IntN(10) {
		case 0:
			a = n.Addr()
		case 1:
			a = last(n)
		case 2:
			a = n.Addr().Prev()
		case 3:
			a = last(n).Next()
		case 4:
			a = within(r, anywhere)
		}
		if a.IsValid() {
			return a
		}
	}
}

// spots are places that the generated databases know.
var spots = []geo.Place{
	{Continent: "EU", Country: "DE", Subdivisions: []string{"DE-BE"}, City: "Berlin", CityID: 2950159},
	{Continent: "EU", Country: "DE", Subdivisions: []string{"DE-BY"}, City: "Munich", CityID: 2867714},
	{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-ENG", "GB-OXF"}, City: "Boxford", CityID: 2655045},
	{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-SCT"}, City: "Edinburgh", CityID: 2650225},
	{Continent: "EU", Country: "FR"},
	{Continent: "NA", Country: "US", Subdivisions: []string{"US-VA"}, City: "Ashburn", CityID: 4744870},
	{Continent: "NA", Country: "US", Subdivisions: []string{"US-CA"}, City: "San Jose", CityID: 5392171},
	{Continent: "NA", Country: "CA"},
	{Continent: "AS", Country: "SG", City: "Singapore", CityID: 1880252},
	{Continent: "AS", Country: "JP"},
	{Continent: "AF", Country: "ZA"},
	{Continent: "SA", Country: "BR"},
}

// randomPlaces returns n networks of both families with random places, some
// within others.
func randomPlaces(r *rand.Rand, n int, record func(geo.Place) geo.Place) geodbtest.Places {
	out := geodbtest.Places{}
	regions := []netip.Prefix{
		netip.MustParsePrefix("16.0.0.0/4"), netip.MustParsePrefix("64.0.0.0/3"), netip.MustParsePrefix("176.0.0.0/5"),
		netip.MustParsePrefix("2400::/16"), netip.MustParsePrefix("2600::/16"), netip.MustParsePrefix("2a00::/12"),
	}
	var made []netip.Prefix
	for len(out) < n {
		from := regions[r.IntN(len(regions))]
		if len(made) > 0 && r.IntN(3) == 0 {
			from = made[r.IntN(len(made))]
		}
		most := 30
		if from.Addr().Is6() {
			most = 60
		}
		if from.Bits() >= most {
			continue
		}
		p, err := within(r, from).Prefix(from.Bits() + 1 + r.IntN(min(most-from.Bits(), 16)))
		if err != nil {
			panic(err)
		}
		made = append(made, p)
		out[p.String()] = record(spots[r.IntN(len(spots))])
	}
	return out
}

// worldRules use every condition that the databases of a test carry.
var worldRules = []rule{
	{cidr: "64.10.0.0/15", use: []string{"s1"}},
	{cidr: "2600:a::/31", use: []string{"s2"}},
	{city: "Berlin", use: []string{"s3"}},
	{cityID: 2655045, use: []string{"s4", "s3"}},
	{country: "DE", asn: 64501, use: []string{"s5"}},
	{subdivision: "GB-ENG", use: []string{"s3", "s4"}},
	{subdivision: "US-CA", use: []string{"s6"}},
	{country: "US", use: []string{"s7", "s1"}},
	{continent: "EU", use: []string{"s3"}},
	{asn: 64502, use: []string{"s8"}},
	{country: "SG", cidr: "64.0.0.0/4", use: []string{"s2", "s8"}},
	{continent: "AS", use: []string{"s8"}},
	{use: []string{"s1"}},
}

// siteAddrs are the addresses of the sites in worldRules: 192.0.2.1 for s1,
// and so on.
func siteAddr(name string, v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr("2001:db8::" + strings.TrimPrefix(name, "s"))
	}
	return netip.MustParseAddr("192.0.2." + strings.TrimPrefix(name, "s"))
}

// steering returns the files of the world's one zone: www is steered.
func (w *world) files() files {
	var b strings.Builder
	b.WriteString("sites:\n")
	for i := range 8 {
		name := fmt.Sprintf("s%d", i+1)
		fmt.Fprintf(&b, "  %s: {addresses: [%v, \"%v\"]}\n", name, siteAddr(name, false), siteAddr(name, true))
	}
	b.WriteString("policies:\n  web:\n    geo:\n")
	for _, r := range w.rules {
		fmt.Fprintf(&b, "      - %s\n", r.yaml())
	}
	return files{
		"zones/example.com.zone": zoneText("www 30 STEER web\nplain A 192.0.2.99\n"),
		"zones/steering.yaml":    b.String(),
	}
}
