package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const (
	staticNames = 10_000
	networks    = 10_000
	// manyStaticNames are those of a zone that no cache holds.
	manyStaticNames = 1_000_000
	// manyZones have so few names that the zones are what is measured.
	manyZones, zoneNames = 1000, 10
	// queryPool is the number of different queries of a workload that draws
	// them at random.
	queryPool = 16_384
)

// sites are the places that steered names lead to, with the country whose
// clients each serves and its weight.
var sites = []struct {
	name, country string
	addr          netip.Addr
	weight        int
}{
	{"fra", "DE", netip.MustParseAddr("192.0.2.1"), 1},
	{"iad", "US", netip.MustParseAddr("192.0.2.2"), 2},
	{"nrt", "JP", netip.MustParseAddr("192.0.2.3"), 3},
	{"gru", "BR", netip.MustParseAddr("192.0.2.4"), 4},
	{"jnb", "ZA", netip.MustParseAddr("192.0.2.5"), 1},
	{"syd", "AU", netip.MustParseAddr("192.0.2.6"), 2},
	{"lhr", "GB", netip.MustParseAddr("192.0.2.7"), 3},
	{"cdg", "FR", netip.MustParseAddr("192.0.2.8"), 4},
}

// data is what all servers serve. It is the same in every run.
type data struct {
	rand  *rand.Rand
	names int // of hosts in each zone
	zones int // the first is example.com, with the steered names
	// nets map clients to sites by index; they do not overlap.
	nets map[netip.Prefix]int
}

func makeData(zones, names int) *data {
	d := &data{zones: zones, names: names, rand: rand.New(rand.NewPCG(1, 2)), nets: map[netip.Prefix]int{}}
	var used [1 << 16]bool // one network in each /16, so that none overlap
	for len(d.nets) < networks {
		a := d.address()
		if key := a[0:2]; !used[binary.BigEndian.Uint16(key)] {
			used[binary.BigEndian.Uint16(key)] = true
			bits := 16 + d.rand.IntN(9)
			d.nets[netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked()] = d.rand.IntN(len(sites))
		}
	}
	return d
}

// address draws a unicast address.
func (d *data) address() [4]byte {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], d.rand.Uint32())
	for a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 {
		a[0] = byte(d.rand.Uint32())
	}
	return a
}

// sortedNets returns the networks in a fixed order.
func (d *data) sortedNets() []netip.Prefix {
	out := make([]netip.Prefix, 0, len(d.nets))
	for p := range d.nets {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return out
}

// String says how large the data are.
func (d *data) String() string {
	if d.zones > 1 {
		return fmt.Sprintf("%d zones of %d names", d.zones, d.names)
	}
	return fmt.Sprint(d.names, " names")
}

// origin returns the name of a zone.
func origin(zone int) string {
	if zone == 0 {
		return "example.com"
	}
	return fmt.Sprintf("zone-%04d.example.net", zone)
}

func staticName(zone, i int) string { return fmt.Sprintf("host-%05d.%s.", i, origin(zone)) }

// zoneFiles returns the text of each zone by its origin between what the names of
// files begin and end with. steered is what stands for the steered names of the
// first, in the server's own form.
func (d *data) zoneFiles(begin, end, steered string) map[string]string {
	files := map[string]string{begin + origin(0) + end: d.zoneText(steered)}
	text := d.zoneText("")
	for i := 1; i < d.zones; i++ {
		files[begin+origin(i)+end] = text
	}
	return files
}

// forZones returns what format makes of each origin, one after the other.
func (d *data) forZones(format string) string {
	var b strings.Builder
	for i := range d.zones {
		fmt.Fprintf(&b, format, origin(i))
	}
	return b.String()
}

func (d *data) zoneText(steered string) string {
	var b strings.Builder
	b.WriteString(`$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 300
@ NS ns1
@ NS ns2
ns1 A 192.0.2.53
ns2 A 198.51.100.53
*.wild A 192.0.2.99
` + steered)
	for i := range d.names {
		fmt.Fprintf(&b, "host-%05d A 10.%d.%d.%d\n", i, i>>16, i>>8&255, i&255)
	}
	return b.String()
}

// workload is a set of queries and what a right answer looks like.
type workload struct {
	name    string
	servers []string // who can answer it
	queries [][]byte
	rcode   byte
	answers uint16
	tcp     bool
	data    string // what it is asked of
}

func (w workload) answeredBy(server string) bool { return slices.Contains(w.servers, server) }

// right reports whether a reply is one to this workload.
func (w workload) right(reply []byte) bool {
	return len(reply) >= 12 && reply[2]&0x80 != 0 && reply[3]&0x0f == w.rcode && binary.BigEndian.Uint16(reply[6:]) == w.answers
}

// plain are the servers that can answer ordinary zones, steering those that can
// answer by place and weight.
var plain, steering = []string{"geodns", "gdnsd", "knot", "nsd"}, []string{"geodns", "gdnsd"}

// workloads returns the loads on the ordinary zone in the order of the table.
func workloads(d *data) []workload {
	ws := []workload{
		{name: "static A", servers: plain, answers: 1},
		{name: "NXDOMAIN", servers: plain, rcode: dns.RcodeNameError},
		{name: "geo by ECS", servers: steering, answers: 1},
		{name: "weighted", servers: steering, answers: 1},
		{name: "wildcard", servers: plain, answers: 1},
		{name: "static A, TCP", servers: plain, answers: 1, tcp: true},
	}
	nets := d.sortedNets()
	for i := range queryPool {
		add := func(w *workload, name string, ecs *netip.Prefix) {
			w.queries = append(w.queries, query(uint16(i), name, ecs))
		}
		add(&ws[0], staticName(0, d.rand.IntN(staticNames)), nil)
		add(&ws[1], fmt.Sprintf("none-%05d.example.com.", d.rand.IntN(staticNames)), nil)
		inside := nets[d.rand.IntN(len(nets))].Addr()
		add(&ws[2], "geo.example.com.", new(netip.PrefixFrom(inside, 24)))
		add(&ws[3], "weighted.example.com.", nil)
		add(&ws[4], fmt.Sprintf("n%d.wild.example.com.", d.rand.IntN(staticNames)), nil)
	}
	ws[5].queries = ws[0].queries
	for i := range ws {
		ws[i].data = d.String()
	}
	return ws
}

// manyNames asks for so many names that hardly one is in a cache.
func manyNames(d *data) workload {
	return manyDraws(d, "a million names", 1<<18)
}

// namesOfManyZones asks for names of all zones.
func namesOfManyZones(d *data) workload { return manyDraws(d, "a thousand zones", queryPool) }

// manyDraws asks for names drawn from all that there are.
func manyDraws(d *data, name string, draws int) workload {
	w := workload{name: name, servers: plain, answers: 1, data: d.String()}
	for i := range draws {
		w.queries = append(w.queries, query(uint16(i), staticName(d.rand.IntN(d.zones), d.rand.IntN(d.names)), nil))
	}
	return w
}

// query packs a question as resolvers ask it: with EDNS, and without RD.
func query(id uint16, name string, ecs *netip.Prefix) []byte {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.Id, m.RecursionDesired = id, false
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(1232)
	if ecs != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(ecs.Bits()), Address: ecs.Addr().AsSlice(),
		})
	}
	m.Extra = append(m.Extra, opt)
	b, err := m.Pack()
	if err != nil {
		panic(err) // the names are our own
	}
	return b
}

func TestHistogramFindsPercentiles(t *testing.T) {
	var h histogram
	for i := 1; i <= 1000; i++ {
		h.add(1000 * 1000 * 1)
	}
	h.add(50_000_000)
	if p := h.percentile(50); p < 960_000 || p > 1_000_000 {
		t.Errorf("p50 of a thousand times 1 ms is %v", p)
	}
	if p := h.percentile(100); p < 48_000_000 || p > 50_000_000 {
		t.Errorf("p100 is %v, not about 50 ms", p)
	}
}
