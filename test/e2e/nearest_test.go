package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// globe are places with coordinates, as a City database has them.
var globe = []geo.Place{
	{Continent: "EU", Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.41, HasLocation: true},
	{Continent: "EU", Country: "GB", Subdivisions: []string{"GB-ENG"}, City: "London", Lat: 51.51, Lon: -0.13, HasLocation: true},
	{Continent: "NA", Country: "US", Subdivisions: []string{"US-CA"}, City: "San Jose", Lat: 37.34, Lon: -121.89, HasLocation: true},
	{Continent: "NA", Country: "US", Subdivisions: []string{"US-VA"}, City: "Ashburn", Lat: 39.04, Lon: -77.49, HasLocation: true},
	{Continent: "AS", Country: "JP", City: "Tokyo", Lat: 35.69, Lon: 139.69, HasLocation: true},
	{Continent: "OC", Country: "FJ", City: "Suva", Lat: -18.14, Lon: 178.44, HasLocation: true},
	{Continent: "SA", Country: "BR", City: "Sao Paulo", Lat: -23.55, Lon: -46.64, HasLocation: true},
	{Continent: "AF", Country: "ZA", City: "Cape Town", Lat: -33.93, Lon: 18.42, HasLocation: true},
}

// spotsOfSites are where the sites s1 to s5 stand, and by how many percent each
// draws clients in.
var spotsOfSites = []struct{ lat, lon, bias float64 }{
	{50.11, 8.68, 0}, {38.95, -77.45, -20}, {1.35, 103.99, 15}, {-33.87, 151.21, 0}, {37.77, -122.42, 40},
}

// haversine is the great-circle distance on a sphere of radius 1.
func haversine(lat1, lon1, lat2, lon2 float64) float64 {
	r := math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*r/2), 2) + math.Cos(lat1*r)*math.Cos(lat2*r)*math.Pow(math.Sin((lon2-lon1)*r/2), 2)
	return 2 * math.Asin(min(1, math.Sqrt(a)))
}

// byDistance returns the sites in the order of a place.
func byDistance(p geo.Place) []string {
	order, far := []string{"s1", "s2", "s3", "s4", "s5"}, map[string]float64{}
	if !p.HasLocation {
		return order
	}
	for i, s := range spotsOfSites {
		d := haversine(p.Lat, p.Lon, s.lat, s.lon)
		if s.bias > 0 {
			d *= 1 - s.bias/100
		} else {
			d /= 1 + s.bias/100
		}
		far[order[i]] = d
	}
	slices.SortStableFunc(order, func(a, b string) int { return int(math.Copysign(1, far[a]-far[b])) })
	return order
}

// TestEveryPolicyOnACityDatabase holds answers of every deterministic kind of
// policy against distances and longest prefixes worked out here, lets a
// resolver keep them by their scope, and asks explain the same.
func TestEveryPolicyOnACityDatabase(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	city := randomPlaces(r, 220, func(geo.Place) geo.Place { return globe[r.IntN(len(globe))] })
	asn := randomPlaces(r, 80, func(geo.Place) geo.Place { return asnOf(r) })
	w := &world{databases: []geodbtest.Places{city, asn}}
	var sites strings.Builder
	for i, s := range spotsOfSites {
		name := fmt.Sprintf("s%d", i+1)
		fmt.Fprintf(&sites, "  %s: {addresses: [%v, \"%v\"], location: [%v, %v]}\n", name, siteAddr(name, false), siteAddr(name, true), s.lat, s.lon)
	}
	const near = "{nearest: [s1, s2, s3, s4, s5], bias: {s2: -20, s3: 15, s5: 40}}"
	dir := folder(t, files{
		"geodns.yaml":            basicConfig + "geo: {database: [city.mmdb, asn.mmdb]}\n",
		"zones/example.com.zone": zoneText("near 30 STEER near\nrules 30 STEER rules\nsticky 30 STEER sticky\nwarm 30 STEER warm\npart 30 STEER part\n"),
		"zones/steering.yaml": "sites:\n" + sites.String() + "  half: {addresses: [192.0.2.77, \"2001:db8::77\"], location: [0, 0]}\npolicies:\n  near: " + near +
			"\n  rules: {geo: [{subdivision: [GB-ENG], use: s4}, {city: [Tokyo], asn: [64501], use: s5}, {asn: [64502], use: s3}, {use: near}]}\n" +
			"  sticky: {geo: [{continent: [EU], use: {weighted: {s1: 2, s2: 1, s3: 1}, sticky: true}}, {use: near}]}\n" +
			"  warm: {failover: [s1, s2], trickle: 20%}\n  part: {failover: [half, near]}\n",
		// Half of the clients of a site, by a drain that stands still for a while.
		"state/health.json": `{"version": 1, "saved_at": "2020-01-01T00:00:00Z", "overrides": [{"site": "half", "kind": "drain", "from": 32768, "begin": "2100-01-01T00:00:00Z", "over": "24h0m0s", "set": "2020-01-01T00:00:00Z"}], "checks": []}`,
	})
	geodbtest.WriteCity(t, filepath.Join(dir, "city.mmdb"), city)
	geodbtest.WriteASN(t, filepath.Join(dir, "asn.mmdb"), asn)
	w.prepare()
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	ask := func(name string, subnet netip.Prefix) (netip.Addr, int) {
		m := a.must(t, query(name+".example.com", addressType(subnet.Addr().Is6()), subnet))
		return only(m), int(subnetOf(m).SourceScope)
	}
	located := func(client netip.Addr) geo.Place {
		p := w.place(client)
		if at, ok := longest(city, behind(client)); ok {
			p.Lat, p.Lon, p.HasLocation = at.Lat, at.Lon, at.HasLocation
		}
		return p
	}
	asked := 0
	for _, b := range w.breaks {
		for _, client := range []netip.Addr{b, b.Prev()} {
			if !client.IsValid() {
				continue
			}
			p, whole := located(client), netip.PrefixFrom(client, client.BitLen())
			want := byDistance(p)[0]
			if got, _ := ask("near", whole); got != siteAddr(want, client.Is6()) {
				t.Errorf("near, client %v (%+v): %v, want %s", client, p, got, want)
			}
			switch {
			case slices.Contains(p.Subdivisions, "GB-ENG"):
				want = "s4"
			case p.City == "Tokyo" && p.ASN == 64501:
				want = "s5"
			case p.ASN == 64502:
				want = "s3"
			}
			if got, _ := ask("rules", whole); got != siteAddr(want, client.Is6()) {
				t.Errorf("rules, client %v (%+v): %v, want %s", client, p, got, want)
			}
			asked += 2
		}
	}
	t.Logf("%d answers", asked)
	networks := w.networks()
	for _, name := range []string{"near", "rules", "sticky", "warm", "part"} {
		cache := map[uint16][]cached{}
		hits, seen := 0, map[netip.Addr]bool{}
		for i := range 1200 {
			v6 := i%2 == 1
			subnet := netip.PrefixFrom(w.client(r, v6, networks), map[bool]int{false: 24, true: 56}[v6]).Masked()
			fresh, scope := ask(name, subnet)
			seen[fresh] = true
			for _, c := range cache[addressType(v6)] {
				if c.prefix.Contains(subnet.Addr()) {
					if hits++; c.answer != fresh {
						t.Fatalf("%s: client %v gets %v by the entry for %v, and %v afresh", name, subnet, c.answer, c.prefix, fresh)
					}
				}
			}
			cache[addressType(v6)] = append(cache[addressType(v6)], cached{netip.PrefixFrom(subnet.Addr(), min(scope, subnet.Bits())).Masked(), fresh})
			if i%12 == 0 {
				explained(t, s, name, subnet, fresh, scope)
			}
		}
		if hits < 20 || len(seen) < 4 {
			t.Errorf("%s: %d hits, answers %v", name, hits, seen)
		}
	}
}

// explained holds what explain says against what came over the wire.
func explained(t *testing.T, s *server, name string, subnet netip.Prefix, answer netip.Addr, scope int) {
	t.Helper()
	qtype := dns.TypeToString[addressType(subnet.Addr().Is6())]
	var e struct {
		Answers []string
		Scope   int
		TTL     int
	}
	q := url.Values{"name": {name + ".example.com"}, "type": {qtype}, "client": {subnet.String()}}
	if err := json.Unmarshal([]byte(s.get("/api/v1/explain?"+q.Encode())), &e); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s.example.com. 30 IN %s %v", name, qtype, answer)
	if len(e.Answers) != 1 || e.Answers[0] != want || e.Scope != scope || e.TTL != 30 {
		t.Errorf("explain %s for %v says %+v, the wire %s, scope /%d", name, subnet, e, want, scope)
	}
}
