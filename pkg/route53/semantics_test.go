package route53

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// sites of every rule below; the last octet of an address tells the site.
const sites = `
sites:
  a: {addresses: [192.0.2.1], location: [50.1, 8.7]}
  b: {addresses: [192.0.2.2], location: [39.0, -77.5]}
  c: {addresses: [192.0.2.3], location: [1.3, 103.8]}
`

// rules are those of Route 53 that say who is answered, as docs/route53.md
// names them. Places come from the cidr conditions: 10.1.0.0/16 is the narrow
// location, 10.0.0.0/8 the wide one.
var rules = []struct {
	name   string
	policy string
	down   []string
	client string
	want   map[string]float64 // chance of each site; what is absent has none
}{
	{"failover", "{failover: [a, b]}", nil, "", sure("a")},
	{"failover", "{failover: [a, b]}", []string{"a"}, "", sure("b")},
	{"failover", "{failover: [a, b]}", []string{"a", "b"}, "", sure("a")},
	{"weighted", "{weighted: {a: 3, b: 1}}", nil, "", map[string]float64{"a": 0.75, "b": 0.25}},
	{"weighted", "{weighted: {a: 3, b: 1, c: 4}}", []string{"a"}, "", map[string]float64{"b": 0.2, "c": 0.8}},
	{"weighted zero", "{weighted: {a: 1, b: 0}}", nil, "", sure("a")},
	{"weighted zero", "{weighted: {a: 1, b: 0}}", []string{"a"}, "", sure("b")},
	{"weighted zero", "{weighted: {a: 1, b: 0}}", []string{"a", "b"}, "", sure("a")},
	{"weighted zero", "{weighted: {a: 0, b: 0}}", nil, "", map[string]float64{"a": 0.5, "b": 0.5}},
	{"geolocation", placed, nil, "10.1.2.3", sure("a")},
	{"geolocation", placed, nil, "10.2.2.3", sure("b")},
	{"geolocation", placed, nil, "172.16.0.1", sure("c")},
	{"geolocation walk-up", placed, []string{"a"}, "10.1.2.3", sure("b")},
	{"geolocation walk-up", placed, []string{"a", "b"}, "10.1.2.3", sure("c")},
	{"geolocation walk-up", placed, []string{"a", "b", "c"}, "10.1.2.3", sure("a")},
	{"geolocation without default", "{failover: [{geo: [{cidr: [10.0.0.0/8], use: b}]}]}", nil, "172.16.0.1", nil},
	{"geolocation without default", "{failover: [{geo: [{cidr: [10.0.0.0/8], use: b}]}]}", nil, "10.2.2.3", sure("b")},
	{"multivalue", "{all: [a, b, c], max: 8}", []string{"b"}, "", map[string]float64{"a": 1, "c": 1}},
	{"multivalue", "{all: [a, b, c], max: 1}", nil, "", map[string]float64{"a": 1. / 3, "b": 1. / 3, "c": 1. / 3}},
	{"all unhealthy", "{weighted: {a: 1, b: 1}}", []string{"a", "b"}, "", map[string]float64{"a": 0.5, "b": 0.5}},
	{"all unhealthy", "{all: [a, b]}", []string{"a", "b"}, "", map[string]float64{"a": 1, "b": 1}},
	{"geoproximity", "{nearest: [b, c, a]}", nil, "", sure("b")}, // no place: in the order listed
	{"IP-based", placed, nil, "10.1.255.255", sure("a")},
}

const placed = "{geo: [{cidr: [10.1.0.0/16], use: a}, {cidr: [10.0.0.0/8], use: b}, {use: c}]}"

func sure(site string) map[string]float64 { return map[string]float64{site: 1} }

func TestTheRulesOfRoute53(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			p, sites := compile(t, r.policy)
			snap := health.NewSnapshot(len(sites.Subjects()))
			for _, s := range sites.Subjects() {
				if s.Addr.IsValid() && slices.Contains(r.down, s.Site) {
					e := snap.At(s.ID)
					e.Up = false
					snap = snap.With(s.ID, e)
				}
			}
			client, _ := netip.ParseAddr(r.client)
			in := policy.Input{Client: client, Health: snap, Draw: rand.New(rand.NewPCG(1, 2))}
			var c policy.Choice
			got := map[string]float64{}
			const times = 4000
			for range times {
				p.Pick(&in, &c)
				for _, a := range c.Addrs {
					got[string('a'-1+a.As4()[3])] += 1. / times
				}
			}
			for _, site := range []string{"a", "b", "c"} {
				if d := got[site] - r.want[site]; d < -0.04 || d > 0.04 {
					t.Errorf("%s with %v down: %s is served to %.2f, want %.2f", r.policy, r.down, site, got[site], r.want[site])
				}
			}
		})
	}
}

func compile(t *testing.T, text string) (*policy.Policy, *policy.Sites) {
	t.Helper()
	cfg, list := steering.Parse([]steering.File{{Name: "steering.yaml", Data: []byte(sites + "policies:\n  p: " + text + "\n")}})
	if list.HasErrors() {
		t.Fatal(list)
	}
	sites := cfg.NewSites()
	spec, list := cfg.Resolve("p", diag.Pos{})
	if list.HasErrors() {
		t.Fatal(list)
	}
	p, list := policy.Compile(spec, sites, geo.Merge())
	if list.HasErrors() {
		t.Fatal(list)
	}
	return p, sites
}

func TestEachRuleStandsInTheTable(t *testing.T) {
	doc, err := os.ReadFile("../../docs/route53.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !strings.Contains(string(doc), "| "+r.name+" |") {
			t.Errorf("docs/route53.md has no row %q", r.name)
		}
	}
}
