package geodns

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/answer"
)

// batchOf is how many queries come together under load.
const batchOf = 32

// batchKind is what a server is asked under load.
type batchKind struct {
	name         string
	zones, hosts int
	question     func(draw *rand.Rand) (name string, subnet netip.Prefix)
}

// hosts asks for hosts at random.
func hosts(name string, zones, count int) batchKind {
	return batchKind{name, zones, count, func(draw *rand.Rand) (string, netip.Prefix) {
		return fmt.Sprintf("host-%d.zone-%d.example.", 1+draw.IntN(count), draw.IntN(zones)), netip.Prefix{}
	}}
}

var batchKinds = []batchKind{
	hosts("10 names", 1, 10),
	hosts("10000 names", 1, 10_000),
	hosts("1000 zones", 1000, 10),
	hosts("65535 names", 1, 65_535),
	{"nxdomain", 1, 10_000, func(draw *rand.Rand) (string, netip.Prefix) {
		return fmt.Sprintf("none-%d.zone-0.example.", draw.IntN(1<<16)), netip.Prefix{}
	}},
	{"weighted", 1, 10_000, func(*rand.Rand) (string, netip.Prefix) { return "spread.zone-0.example.", netip.Prefix{} }},
	{"geo", 1, 10_000, func(draw *rand.Rand) (string, netip.Prefix) {
		a := netip.AddrFrom4([4]byte{byte(1 + draw.IntN(200)), byte(draw.Uint32()), byte(draw.Uint32()), 0})
		return "near.zone-0.example.", netip.PrefixFrom(a, 24)
	}},
}

// BenchmarkBatch is what the queries of a batch cost the handler, for questions in
// random order, and with the processor's caches as the kernel's way of as many
// datagrams leaves them: that is done between the batches, and not counted.
func BenchmarkBatch(b *testing.B) {
	for _, k := range batchKinds {
		b.Run(k.name, func(b *testing.B) {
			h, packets := k.handler(b)
			from := netip.MustParseAddrPort("198.51.100.7:4321")
			out := make([]byte, 0, 4096)
			kernel := newDatagrams(b)
			var took []time.Duration
			n := 0
			for b.Loop() {
				kernel.pass(batchOf)
				batch := kernel.copied(packets[n : n+batchOf])
				n = (n + batchOf) % len(packets)
				begin := time.Now()
				h.Prepare(0, batch)
				for _, p := range batch {
					if len(h.Answer(0, p, from, false, 1, out)) <= len(p) {
						b.Fatal("no answer")
					}
				}
				h.Done(0)
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/batchOf, "ns/query") // the median: other processes cost some batches much
		})
	}
}

const batchSteering = `
sites:
  a: {addresses: [192.0.2.1]}
  b: {addresses: [192.0.2.2]}
  c: {addresses: [192.0.2.3]}
  d: {addresses: [192.0.2.4]}
policies:
  spread: {weighted: [{use: a, weight: 1}, {use: b, weight: 2}, {use: c, weight: 3}, {use: d, weight: 4}]}
  near: {geo: [{country: [DE], use: a}, {country: [US], use: b}, {country: [JP], use: c}, {use: d}]}
`

// handler returns a handler of the zones, and questions for them, a whole number
// of batches.
func (k batchKind) handler(tb testing.TB) (*handler, [][]byte) {
	tb.Helper()
	dir := tb.TempDir()
	files := map[string]string{"steering.yaml": batchSteering}
	for i := range k.zones {
		files[fmt.Sprintf("zone-%d.example.zone", i)] = fmt.Sprintf("$TTL 300\n@ SOA ns1 h 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n"+
			"spread STEER spread\nnear STEER near\n$GENERATE 1-%d host-$ A 192.0.2.80\n", k.hosts)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	loaded, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
	if list.HasErrors() {
		tb.Fatal(list)
	}
	s := &Server{metrics: metrics.New(1, "test")}
	s.number(&live{Loaded: loaded})
	h := newHandler(1, s.metrics.Counters)
	h.state.Store(loaded.State(answer.Cookies{Current: [16]byte{1}, Enabled: true}))
	draw := rand.New(rand.NewPCG(1, 2))
	packets := make([][]byte, 512*batchOf)
	for i := range packets {
		packets[i] = packQuestion(tb, draw, k)
	}
	return h, packets
}

func packQuestion(tb testing.TB, draw *rand.Rand, k batchKind) []byte {
	tb.Helper()
	name, subnet := k.question(draw)
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.SetEdns0(1232, false)
	if subnet.IsValid() {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(subnet.Bits()), Address: subnet.Addr().AsSlice(),
		})
	}
	packet, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

// datagrams is a pair of sockets between which datagrams can go.
type datagrams struct {
	in, out *net.UDPConn
	buf     [128]byte
	packets [batchOf][512]byte
	copies  [batchOf][]byte
}

func newDatagrams(tb testing.TB) *datagrams {
	tb.Helper()
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); out.Close() })
	return &datagrams{in: in, out: out}
}

// pass sends and receives n datagrams.
func (d *datagrams) pass(n int) {
	for range n {
		d.out.Write(d.buf[:])
	}
	for range n {
		d.in.ReadFromUDPAddrPort(d.buf[:])
	}
}

// copied returns the packets where the kernel would have put them just now.
func (d *datagrams) copied(packets [][]byte) [][]byte {
	for i, p := range packets {
		d.copies[i] = d.packets[i][:copy(d.packets[i][:], p)]
	}
	return d.copies[:len(packets)]
}
