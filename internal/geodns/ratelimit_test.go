package geodns

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/rrl"
)

const rateZone = `$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 60
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.80
*.any A 192.0.2.81
sub NS ns.sub
ns.sub A 192.0.2.54
`

// rated is a handler that sends three answers of a kind a second to a block.
type rated struct {
	t *testing.T
	*handler
	now uint32
}

func newRated(t *testing.T) *rated {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "example.com.zone"), []byte(rateZone), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
	if list.HasErrors() {
		t.Fatal(list)
	}
	h := newHandler(1, metrics.New(1, "test").Counters)
	st := loaded.State(answer.Cookies{Current: [16]byte{1}, Enabled: true})
	for _, z := range loaded.bound {
		z.Slot = h.count.ZoneBase("example.com.")
	}
	h.state.Store(st)
	h.limiter.Store(rrl.New(rrl.Config{Rate: 3, Window: 1, Slip: 2}, [16]byte{7}))
	return &rated{t: t, handler: h, now: 1000}
}

// ask returns the reply, or nil.
func (r *rated) ask(name string, qtype uint16, tcp bool, cookie string) *dns.Msg {
	r.t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(1232, false)
	if cookie != "" {
		opt := m.IsEdns0()
		opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
	}
	packet, err := m.Pack()
	if err != nil {
		r.t.Fatal(err)
	}
	reply := r.Answer(0, packet, netip.MustParseAddrPort("198.51.100.7:4321"), tcp, r.now, make([]byte, 0, 4096))
	if reply == nil {
		return nil
	}
	out := new(dns.Msg)
	if err := out.Unpack(reply); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestAnswersOfAKindAreLimitedTogether(t *testing.T) {
	for what, names := range map[string][2]string{
		"one name":                {"www.example.com.", "wWw.example.com."},
		"names of a wildcard":     {"a.any.example.com.", "b.any.example.com."},
		"names that are not":      {"none1.example.com.", "none2.example.com."},
		"names below a zone cut":  {"a.sub.example.com.", "b.sub.example.com."},
		"names of no zone":        {"a.example.net.", "b.example.org."},
		"empty answers of a name": {"any.example.com.", "any.example.com."},
	} {
		r := newRated(t)
		for range 3 {
			if m := r.ask(names[0], dns.TypeA, false, ""); m == nil || m.Truncated {
				t.Errorf("%s: no whole answer within the rate", what)
			}
		}
		if r.ask(names[1], dns.TypeA, false, "") != nil {
			t.Errorf("%s: an answer beyond the rate", what)
		}
		m := r.ask(names[1], dns.TypeA, false, "")
		isError := what == "names of no zone"
		if m == nil || m.Truncated == isError || len(m.Answer)+len(m.Ns) > 0 || m.IsEdns0() == nil {
			t.Errorf("%s: the slip is %v", what, m)
		}
		if other := r.ask("ns1.example.com.", dns.TypeA, false, ""); other == nil || other.Truncated {
			t.Errorf("%s: another name is limited, too", what)
		}
	}
}

func TestTCPAndKnownClientsAreNotLimited(t *testing.T) {
	r := newRated(t)
	const client = "0102030405060708"
	first := r.ask("www.example.com.", dns.TypeA, false, client)
	cookie := first.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie
	for range 20 {
		r.ask("www.example.com.", dns.TypeA, false, "")
	}
	for range 5 {
		if m := r.ask("www.example.com.", dns.TypeA, true, ""); m == nil || len(m.Answer) != 1 {
			t.Error("limited over TCP")
		}
		if m := r.ask("www.example.com.", dns.TypeA, false, cookie); m == nil || len(m.Answer) != 1 {
			t.Error("limited with a valid cookie")
		}
		if m := r.ask("www.example.com.", dns.TypeA, false, client+"01000000000003e80000000000000000"); m != nil && !m.Truncated {
			t.Error("not limited with a forged cookie")
		}
	}
}

func TestALimitedAnswerAllocatesNothing(t *testing.T) {
	r := newRated(t)
	m := new(dns.Msg)
	m.SetQuestion("x.any.example.com.", dns.TypeA)
	packet, _ := m.Pack()
	out := make([]byte, 0, 4096)
	from := netip.MustParseAddrPort("198.51.100.7:4321")
	if n := testing.AllocsPerRun(200, func() { r.Answer(0, packet, from, false, r.now, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if r.count.Sum(3) == 0 || r.count.Sum(4) == 0 {
		t.Error("limited answers are not counted")
	}
}

func TestALoggedQueryAllocatesNothing(t *testing.T) {
	r := newRated(t)
	r.limiter.Store(nil)
	s := Server{Config: config.Geodns{Log: config.Log{Queries: "nowhere", QueriesSample: 1}}}
	r.queries = s.newQueryLog(1)
	m := new(dns.Msg)
	m.SetQuestion("www.example.com.", dns.TypeA)
	packet, _ := m.Pack()
	out := make([]byte, 0, 4096)
	from := netip.MustParseAddrPort("198.51.100.7:4321")
	if n := testing.AllocsPerRun(200, func() { r.Answer(0, packet, from, false, r.now, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
