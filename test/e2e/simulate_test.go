package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/simulate"
)

// questionsEnv is how many questions are asked before and after; 20,000 if it
// is not set.
const questionsEnv = "GEODNS_SIMULATE_QUESTIONS"

// steeredNames are asked by all clients; those whose answer depends on the
// client alone can be compared one by one.
var steeredNames = []struct {
	name  string
	fixed bool
}{{"geo.example.com.", true}, {"near.example.com.", true}, {"stick.example.com.", true}, {"draw.example.com.", false}}

const simulateSteering = `
checks:
  web: {http: {port: %d, path: /}, interval: 500ms, timeout: 500ms}
sites:
  s0: {addresses: [127.1.0.1], location: [50.11, 8.68], check: web}
  s1: {addresses: [127.1.0.2], location: [38.95, -77.45], check: web}
  s2: {addresses: [127.1.0.3], location: [1.35, 103.99], check: web}
  s3: {addresses: [127.1.0.4], location: [-33.87, 151.2], check: web}
policies:
  geo:
    geo:
      - {city: [Town-3], use: s3}
      - {country: [DE, FR, PL], use: {failover: [s0, s2]}}
      - {continent: [EU], use: {weighted: {s0: 1, s1: 2}, sticky: true}}
      - {continent: [NA], use: {failover: [s1, s0]}}
      - {use: near}
  near: {nearest: [s0, s1, s2, s3], bias: {s2: 20}}
  stick: {weighted: {s0: 5, s1: 3, s2: 1, s3: 0}, sticky: true}
  draw: {geo: [{continent: [AS, OC], use: {weighted: {s2: 3, s3: 1}}}, {use: {weighted: {s0: 2, s1: 1, s2: 1}}}]}
`

// cityWorld is a database of some countries with cities, in networks of many
// sizes; the order of the networks is that of their addresses.
func cityWorld() (places geodbtest.Places, networks []netip.Prefix) {
	r := rand.New(rand.NewPCG(7, 7))
	places = geodbtest.Places{}
	countries := []string{"DE", "FR", "PL", "IT", "GB", "US", "CA", "BR", "JP", "SG", "AU", "ZA"}
	at := uint32(0x01000000)
	for i := range 600 {
		bits := 14 + r.IntN(9)
		size := uint32(1) << (32 - bits)
		at = (at + size - 1) / size * size
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)}), bits)
		at += size
		country := countries[r.IntN(len(countries))*r.IntN(len(countries))/len(countries)]
		lat, lon, _ := geo.CountryMiddle(country)
		places[p.String()] = geo.Place{Country: country, City: fmt.Sprintf("Town-%d", i%9), CityID: uint32(1 + i%9), HasLocation: true,
			Lat: lat + 6*r.Float64() - 3, Lon: lon + 6*r.Float64() - 3}
		networks = append(networks, p)
	}
	return places, networks
}

// person is a client and where it is.
type person struct {
	network netip.Prefix // /24
	country string
}

// people are n clients drawn from all addresses.
func people(n int) []person {
	places, networks := cityWorld()
	r := rand.New(rand.NewPCG(11, 13))
	var ends []uint64 // how many addresses the networks up to here have
	var all uint64
	for _, p := range networks {
		all += 1 << (32 - p.Bits())
		ends = append(ends, all)
	}
	out := make([]person, n)
	for i := range out {
		k := r.Uint64N(all)
		j := 0
		for ends[j] <= k {
			j++
		}
		base := networks[j].Addr().As4()
		offset := uint32(k-(ends[j]-1<<(32-networks[j].Bits()))) + uint32(base[0])<<24 + uint32(base[1])<<16 + uint32(base[2])<<8 + uint32(base[3])
		a := netip.AddrFrom4([4]byte{byte(offset >> 24), byte(offset >> 16), byte(offset >> 8), 0})
		out[i] = person{netip.PrefixFrom(a, 24), places[networks[j].String()].Country}
	}
	return out
}

// askAll asks one name for each of the clients and returns the sites.
func askAll(t *testing.T, s *server, name string, clients []person) []string {
	t.Helper()
	const askers = 8
	out := make([]string, len(clients))
	var wg sync.WaitGroup
	for k := range askers {
		a := dial(t, "udp", s.addr())
		wg.Go(func() {
			for i := k; i < len(clients); i += askers {
				m, err := a.do(query(name, dns.TypeA, clients[i].network))
				if err != nil {
					t.Errorf("%s for %v: %v", name, clients[i].network, err)
					return
				}
				out[i] = fmt.Sprintf("s%d", only(m).As4()[3]-1)
			}
		})
	}
	wg.Wait()
	return out
}

// judgeShares holds the answers to some clients against shares. Six standard
// deviations are left to chance, here and in the clients that the simulation
// took.
func judgeShares(t *testing.T, what string, got []string, want simulate.Shares, simulated float64) (worst float64) {
	t.Helper()
	count := map[string]float64{}
	for _, site := range got {
		count[site] += 1 / float64(len(got))
	}
	for i := range 4 {
		site := fmt.Sprintf("s%d", i)
		p := min(max(want[site], count[site]), 1)
		room := 6 * math.Sqrt(p*(1-p/2)*(1/float64(len(got))+1/simulated))
		off := math.Abs(count[site] - want[site])
		if off > room {
			t.Errorf("%s: %s has %.4f of %d answers, simulated %.4f, %.4f off is chance", what, site, count[site], len(got), want[site], room)
		}
		worst = max(worst, off)
	}
	return worst
}

// TestSimulateIsWhatHappens asks before and after a site is really taken down,
// and holds the answers against what was simulated before.
func TestSimulateIsWhatHappens(t *testing.T) {
	t.Parallel()
	questions := 20000
	if text := os.Getenv(questionsEnv); text != "" {
		questions, _ = strconv.Atoi(text)
	}
	sites := newSites(t, 4)
	var records strings.Builder
	for _, n := range steeredNames {
		first, _, _ := strings.Cut(n.name, ".")
		fmt.Fprintf(&records, "%s 5 STEER %s\n", first, first)
	}
	dir := folder(t, files{
		"zones/example.com.zone": zoneText(records.String()),
		"zones/steering.yaml":    fmt.Sprintf(simulateSteering, sites[0].addr.Port()),
		"geodns.yaml":            "listen: [\"127.0.0.1:0\"]\nadmin: 127.0.0.1:0\nzones: zones\nstate: state\ngeo: {database: city.mmdb}\n",
	})
	places, _ := cityWorld()
	geodbtest.WriteCity(t, filepath.Join(dir, "city.mmdb"), places)
	s := start(t, dir)

	var live, offline simulate.Result
	if err := json.Unmarshal([]byte(s.get("/api/v1/simulate?down=s0")), &live); err != nil {
		t.Fatal(err)
	}
	out, _ := command(t, dir, "simulate", "-c", filepath.Join(dir, "geodns.yaml"), "--down", "s0", "--json")
	if err := json.Unmarshal([]byte(out), &offline); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	clients := people(questions / len(steeredNames))
	before, after := map[string][]string{}, map[string][]string{}
	for _, n := range steeredNames {
		before[n.name] = askAll(t, s, n.name, clients)
	}
	sites[0].be(stopped)
	eventually(t, notice, "s0 is down", func() bool { return s.metric(`geodns_site_up{site="s0"}`) == 0 })
	for _, n := range steeredNames {
		after[n.name] = askAll(t, s, n.name, clients)
	}
	fromHealth(t, s, dir)
	for _, of := range []struct {
		name   string
		result *simulate.Result
		many   float64
	}{{"live", &live, 30_000}, {"offline", &offline, 100_000}} {
		if len(of.result.Policies) != len(steeredNames) {
			t.Fatalf("%s: %d policies", of.name, len(of.result.Policies))
		}
		for _, p := range of.result.Policies {
			judgePolicy(t, of.name, &p, of.many, clients, before[p.Names[0]], after[p.Names[0]])
		}
	}
}

// fromHealth simulates from the health of the server, in which s0 is down: made
// by the server, and from files with a change that changes nothing.
func fromHealth(t *testing.T, s *server, dir string) {
	t.Helper()
	for _, change := range []string{"--drain=s1=0", "--set=policies.stick.weighted.s1=3"} {
		out, code := command(t, dir, "simulate", "-c", filepath.Join(dir, "geodns.yaml"), "--server", "http://"+s.admin, change, "--policy", "stick", "--json")
		var r simulate.Result
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r.Policies) != 1 {
			t.Fatalf("%s: code %d: %v\n%s", change, code, err, out)
		}
		if p := r.Policies[0]; p.Moved != 0 || p.Before["s0"] != 0 || p.Before["s1"] < 0.7 {
			t.Errorf("%s: before %v, %v moved", change, p.Before, p.Moved)
		}
	}
}

// judgePolicy compares one policy, over all and country by country.
func judgePolicy(t *testing.T, what string, p *simulate.PolicyResult, many float64, clients []person, before, after []string) {
	t.Helper()
	what += ": " + p.Policy
	worst := max(judgeShares(t, what+" before", before, p.Before, many), judgeShares(t, what+" after", after, p.After, many))
	moved := 0.0
	for i := range clients {
		if before[i] != after[i] {
			moved += 1 / float64(len(clients))
		}
	}
	for _, n := range steeredNames {
		room := 6 * math.Sqrt(0.25*(1/float64(len(clients))+1/many))
		if n.fixed && n.name == p.Names[0] && math.Abs(moved-p.Moved) > room {
			t.Errorf("%s: %.4f of the clients moved, simulated %.4f", what, moved, p.Moved)
		}
	}
	inCountry := 0.0
	for _, c := range p.Countries {
		var was, is []string
		for i := range clients {
			if clients[i].country == c.Country {
				was, is = append(was, before[i]), append(is, after[i])
			}
		}
		stands := max(24, c.Weight*many)
		if len(was) > 0 {
			inCountry = max(inCountry, judgeShares(t, what+" "+c.Country+" before", was, c.Before, stands),
				judgeShares(t, what+" "+c.Country+" after", is, c.After, stands))
		}
	}
	t.Logf("%s: %d answers before and after; shares off by %.2f points at most, in a country by %.2f; %.2f of 100 moved, simulated %.2f",
		what, len(clients), 100*worst, 100*inCountry, 100*moved, 100*p.Moved)
}
