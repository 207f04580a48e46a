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

// BenchmarkBatch is what the queries of a batch cost the handler, for names in
// random order, and with the processor's caches as the kernel's way of as many
// datagrams leaves them: that is done between the batches, and not counted.
func BenchmarkBatch(b *testing.B) {
	for _, size := range []struct{ zones, names int }{{1, 10}, {1, 10_000}, {1000, 10}, {1, 65_535}} {
		b.Run(fmt.Sprintf("zones=%d/names=%d", size.zones, size.names), func(b *testing.B) {
			h, packets := batchHandler(b, size.zones, size.names)
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

// batchHandler returns a handler of so many zones with so many hosts each, and
// questions for them, a whole number of batches.
func batchHandler(tb testing.TB, zones, names int) (*handler, [][]byte) {
	tb.Helper()
	dir := tb.TempDir()
	text := fmt.Sprintf("$TTL 300\n@ SOA ns1 h 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n$GENERATE 1-%d host-$ A 192.0.2.80\n", names)
	for i := range zones {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zone-%d.example.zone", i)), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	loaded, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
	if list.HasErrors() {
		tb.Fatal(list)
	}
	h := newHandler(1, metrics.New(1, "test").Counters)
	for _, z := range loaded.bound {
		z.Slot = h.count.ZoneBase(z.Origin.String())
	}
	h.state.Store(loaded.State(answer.Cookies{Current: [16]byte{1}, Enabled: true}))
	draw := rand.New(rand.NewPCG(1, 2))
	packets := make([][]byte, 512*batchOf)
	for i := range packets {
		m := new(dns.Msg)
		m.SetQuestion(fmt.Sprintf("host-%d.zone-%d.example.", 1+draw.IntN(names), draw.IntN(zones)), dns.TypeA)
		m.SetEdns0(1232, false)
		var err error
		if packets[i], err = m.Pack(); err != nil {
			tb.Fatal(err)
		}
	}
	return h, packets
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
