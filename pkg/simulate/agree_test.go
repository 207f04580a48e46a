package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// bounds of TestWireExplainAndSimulateAgree.
const (
	randomTrees  = 2000
	mostOutcomes = 4000 // of the draws of one question; with more it is left out
)

// TestWireExplainAndSimulateAgree asks for random policies, in random states of
// health, each outcome that the draws may have, over the wire and of explain:
// both are the same each time, and their probabilities sum to the shares that
// simulate tells for that very client.
func TestWireExplainAndSimulateAgree(t *testing.T) {
	z := steeredZone(t)
	asked, left, drawn, spilled, last := 0, 0, 0, 0, 0
	for seed := range uint64(randomTrees) {
		g := &grower{Rand: rand.New(rand.NewPCG(seed, 9))}
		p, snap := g.grow(t)
		st := &answer.State{Zones: zone.NewSet([]*zone.Zone{z}), Bound: []*answer.Zone{{Zone: z, Policies: []*policy.Policy{p}}}}
		st.Health.Store(snap)
		for range 2 {
			client := netip.AddrFrom4([4]byte{g.one(10, 20, 30, 99), byte(g.IntN(256)), byte(g.IntN(256)), byte(g.IntN(256))})
			want, outcomes := overTheWire(t, st, client, p)
			if outcomes > mostOutcomes {
				left++
				continue
			}
			asked++
			drawn += min(1, outcomes-1)
			if snap.Spilling() {
				spilled++
			}
			if want[""] > 0 {
				last++
			}
			side := Side{p, snap}
			sim := New(&Population{Countries: []Country{{Weight: 1, Clients: []Client{{client, 1}}}}}, Options{})
			sim.Add(Case{Policy: "p", Names: []string{"www."}, Before: side, After: side})
			if got := sim.Result().Policies[0].After; !sameShares(got, want) {
				t.Fatalf("seed %d: %s for %v: simulate has %v, the wire %v in %d outcomes", seed, p.Spec().Flow(), client, got, want, outcomes)
			}
		}
	}
	t.Logf("%d questions, %d of them with draws, %d with sites over their capacity, %d that get no site; %d with too many outcomes", asked, drawn, spilled, last, left)
	if asked < randomTrees || drawn < randomTrees/10 || spilled < randomTrees/10 || last < randomTrees/100 {
		t.Error("too few of them: the test shows little")
	}
}

func sameShares(got Shares, want map[string]float64) bool {
	for site, part := range want {
		if math.Abs(got[site]-part) > 2e-6 {
			return false
		}
	}
	return len(got) == len(want)
}

// steeredZone is a zone whose www is steered, with a last resort beside.
func steeredZone(t *testing.T) *zone.Zone {
	t.Helper()
	origin, _ := dnswire.ParseName("example.com.")
	const text = "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\nwww 30 STEER p\nwww 30 A 192.0.2.80\n"
	z, list := zone.Load(fstest.MapFS{"z.zone": {Data: []byte(text)}}, "z.zone", origin, zone.Options{})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	return z
}

// overTheWire returns the probability with which each site answers a client,
// summed over all outcomes of the draws, after it has compared each with explain.
func overTheWire(t *testing.T, st *answer.State, client netip.Addr, p *policy.Policy) (map[string]float64, int) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("www.example.com.", dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: client.AsSlice()})
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	name, _ := dnswire.ParseName("www.example.com.")
	shares, n := map[string]float64{}, 0
	draws := &odometer{}
	resp := &answer.Responder{Draw: draws}
	for more := true; more && n <= mostOutcomes; more = draws.next() {
		n++
		reply, _ := resp.Answer(st, packet, answer.Request{TCP: true}, nil)
		got := new(dns.Msg)
		if err := got.Unpack(reply); err != nil {
			t.Fatal(err)
		}
		e, err := answer.Explain(st, answer.Question{Name: name, Type: dnswire.TypeA, Client: netip.PrefixFrom(client, 32), Draw: draws.again()})
		if err != nil {
			t.Fatal(err)
		}
		var addrs, sites []string
		for _, rr := range got.Answer {
			addrs = append(addrs, strings.ReplaceAll(rr.String(), "\t", " "))
			site := siteWith(p, rr.(*dns.A).A.String())
			shares[site] += draws.probability() / float64(len(got.Answer))
			if site != "" && !slices.Contains(sites, site) {
				sites = append(sites, site)
			}
		}
		if len(got.Answer) == 0 {
			shares[""] += draws.probability()
		}
		slices.Sort(sites)
		told := slices.Sorted(slices.Values(e.Sites))
		if !slices.Equal(addrs, e.Answers) || !slices.Equal(sites, told) || e.RCode != dns.RcodeToString[got.Rcode] || int(e.Scope) != scopeOf(got) {
			t.Fatalf("%s for %v: the wire has %v of %v, scope /%d, and explain %v of %v, scope /%d: %+v", p.Spec().Flow(), client, addrs, sites, scopeOf(got), e.Answers, told, e.Scope, e.Steps)
		}
	}
	return shares, n
}

func scopeOf(m *dns.Msg) int {
	for _, o := range m.IsEdns0().Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok {
			return int(s.SourceScope)
		}
	}
	return -1
}

// siteWith returns the site that has an address; "" for the ordinary record.
func siteWith(p *policy.Policy, addr string) string {
	for i := range int32(p.Sites().Len()) {
		for _, a := range p.Sites().At(i).Addrs {
			if a.Addr.String() == addr {
				return p.Sites().At(i).Name
			}
		}
	}
	return ""
}

// odometer is a draw that goes through all outcomes, one after the other.
type odometer struct {
	digits, sizes []uint64
	at            int
}

func (d *odometer) Uint64N(n uint64) uint64 {
	if d.at == len(d.digits) {
		d.digits, d.sizes = append(d.digits, 0), append(d.sizes, n)
	}
	d.at++
	return d.digits[d.at-1]
}

// again returns a draw that says the same once more.
func (d *odometer) again() *odometer {
	return &odometer{digits: slices.Clone(d.digits), sizes: slices.Clone(d.sizes)}
}

func (d *odometer) probability() float64 {
	p := 1.0
	for _, n := range d.sizes {
		p /= float64(n)
	}
	return p
}

func (d *odometer) next() bool {
	d.at = 0
	for n := len(d.digits); n > 0; n-- {
		if d.digits[n-1]++; d.digits[n-1] < d.sizes[n-1] {
			d.digits, d.sizes = d.digits[:n], d.sizes[:n]
			return true
		}
	}
	return false
}

// grower makes random policies.
type grower struct {
	*rand.Rand
	named []*policy.Spec
	specs []policy.SiteSpec
}

func (g *grower) one(of ...byte) byte    { return of[g.IntN(len(of))] }
func (g *grower) chance(of int) bool     { return g.IntN(of) == 0 }
func (g *grower) siteSpec() *policy.Spec { return site(g.specs[g.IntN(len(g.specs))].Name) }

// grow returns a policy and a state of health.
func (g *grower) grow(t *testing.T) (*policy.Policy, *health.Snapshot) {
	t.Helper()
	for i := range 4 {
		s := policy.SiteSpec{Name: string(rune('a' + i)), Location: &policy.Location{Lat: float64(g.IntN(100) - 50), Lon: float64(g.IntN(300) - 150)}}
		for j := range 1 + g.IntN(2) {
			s.Addrs = append(s.Addrs, netip.AddrFrom4([4]byte{203, 0, 113, byte(10*i + j)}))
		}
		g.specs = append(g.specs, s)
	}
	root := g.tree(3)
	for root.Kind == policy.KindSite {
		root = g.tree(3)
	}
	root.AllDown = policy.AllDown(max(0, g.IntN(7)-3))
	if root.Kind == policy.KindGeo { // one that a STEER names
		root.Rules = append(root.Rules, policy.Rule{Use: g.siteSpec()})
	}
	sites := policy.NewSites(g.specs, g.named...)
	p, list := policy.Compile(root, sites, index())
	if p == nil {
		t.Fatalf("%s: %v", root.Flow(), list.Err())
	}
	return p, g.state(sites)
}

func (g *grower) tree(depth int) *policy.Spec {
	if depth == 0 || g.chance(4) {
		return g.siteSpec()
	}
	if len(g.named) > 0 && g.chance(6) {
		return g.named[g.IntN(len(g.named))]
	}
	s := &policy.Spec{Kind: policy.Kind(1 + g.IntN(5))}
	switch s.Kind {
	case policy.KindGeo:
		for range 1 + g.IntN(3) {
			s.Rules = append(s.Rules, g.rule(depth-1))
		}
	case policy.KindNearest:
		for _, i := range g.Perm(len(g.specs))[:1+g.IntN(len(g.specs))] {
			s.Targets = append(s.Targets, policy.Target{Spec: site(g.specs[i].Name), Bias: int8(g.IntN(3) * 20)})
		}
		s.Limit = g.IntN(3)
	default:
		for range 1 + g.IntN(3) {
			s.Targets = append(s.Targets, policy.Target{Spec: g.tree(depth - 1), Weight: uint32(g.IntN(4))})
		}
	}
	if s.Kind != policy.KindGeo && g.chance(5) {
		s.MinHealthy = 1 + g.IntN(max(1, len(s.Targets)))
	}
	s.Sticky = s.Kind == policy.KindWeighted && g.chance(2)
	if s.Kind == policy.KindFailover && g.chance(3) {
		s.Trickle = 20
	}
	if g.chance(5) {
		s.Guard = &policy.GuardSpec{MaxRemoved: 50}
	}
	if g.chance(2) {
		s.Name = fmt.Sprint("p", len(g.named))
		g.named = append(g.named, s)
	}
	return s
}

func (g *grower) rule(depth int) policy.Rule {
	r := policy.Rule{Use: g.tree(depth), Strict: g.chance(4)}
	switch g.IntN(4) {
	case 0:
		r.Countries = []string{[]string{"DE", "US", "SG"}[g.IntN(3)]}
	case 1:
		r.Continents = []string{[]string{"EU", "NA", "AS"}[g.IntN(3)]}
	case 2:
		r.CIDRs = []netip.Prefix{netip.MustParsePrefix([]string{"10.0.0.0/10", "20.0.0.0/9", "0.0.0.0/0"}[g.IntN(3)])}
	}
	return r
}

// state lets things be down, held back, overridden, open in part and over their
// capacity.
func (g *grower) state(sites *policy.Sites) *health.Snapshot {
	subjects := sites.Subjects()
	snap := health.NewSnapshot(len(subjects))
	over := g.chance(2)
	var whole []health.ID
	for _, s := range subjects {
		e := snap.At(s.ID)
		if s.Policy == "" && !s.Addr.IsValid() {
			whole = append(whole, s.ID)
			if over && g.chance(2) {
				e.Spill = uint16(g.IntN(health.FullShare))
			}
		}
		if g.chance(3) {
			e.Up = s.Policy != "" || !s.Addr.IsValid() || !g.chance(2)
			e.Held = g.chance(5)
			e.Forced = health.Forced(max(0, g.IntN(8)-5))
			if g.chance(3) {
				e.Share = uint16(g.IntN(4) * 20000)
			}
		}
		snap = snap.With(s.ID, e)
	}
	var refusals []health.Refusal
	for _, from := range whole {
		for _, to := range whole {
			if from != to && snap.At(from).Spill > 0 && g.chance(3) {
				refusals = append(refusals, health.Refusal{From: from, To: to, Below: uint16(g.IntN(health.FullShare))})
			}
		}
	}
	snap = snap.WithRefusals(refusals...)
	for guard := range 4 {
		snap = snap.WithKept(guard, whole[g.IntN(len(whole))])
	}
	return snap
}
