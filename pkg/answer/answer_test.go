package answer

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// resolver is where questions come from that carry no client subnet.
var resolver = netip.MustParseAddrPort("198.51.100.7:4321")

// TestTranscripts runs testdata/*.txt. A file holds zone files, each begun by
// a line "zone NAME", then questions, each a line "? NAME TYPE [option …]"
// with the reply below it up to the next empty line. Options: subnet=PREFIX,
// from=ADDR, size=OCTETS (EDNS), tcp, chaos, nsid, cookie=HEX, down=SITE.
func TestTranscripts(t *testing.T) { goldentest.Run(t, "testdata/*.txt", replay) }

// replay runs a transcript and returns it with the replies that came.
func replay(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	head, questions, _ := strings.Cut(text, "\n? ")
	out.WriteString(head)
	w := load(t, head)
	for block := range strings.SplitSeq("\n? "+questions, "\n? ") {
		if block == "" {
			continue
		}
		line, rest, _ := strings.Cut(block, "\n")
		_, after, _ := strings.Cut(rest, "\n\n") // comments between questions stay
		out.WriteString("\n? " + line + "\n" + w.ask(t, line))
		if after = strings.TrimSpace(after); after != "" {
			out.WriteString("\n" + after + "\n")
		}
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// world is a state with its sites, as a transcript describes it.
type world struct {
	state *State
	sites *policy.Sites
	resp  *Responder
}

// testSites are the sites of every transcript.
var testSites = []policy.SiteSpec{
	{Name: "fra", Addrs: addrs("203.0.113.10", "2001:db8:f::10")},
	{Name: "iad", Addrs: addrs("198.51.100.10")},
	{Name: "big", Addrs: manyAddrs(60)},
	{Name: "cdn"},
	{Name: "near"},
	{Name: "words"},
	{Name: "both", Addrs: addrs("203.0.113.20")},
}

// testRecords is what the sites carry beside addresses.
var testRecords = map[string][]string{
	"cdn":   {"CNAME d1.cdn.example.net."},
	"near":  {"CNAME www.example.com."},
	"words": {`TXT "one"`, `TXT "two"`, "MX 10 mail.example.com."},
	"both":  {`TXT "two"`, `TXT "three"`, "HTTPS 1 . alpn=h2"},
}

// records are the records of testSites.
func records(t testing.TB) *Records {
	t.Helper()
	in := make([]SiteRecords, len(testSites))
	for i, s := range testSites {
		in[i] = SiteRecords{Site: s.Name, Addresses: len(s.Addrs) > 0}
		for _, text := range testRecords[s.Name] {
			in[i].Records = append(in[i].Records, SiteRecord{Text: text})
		}
	}
	out, list := NewRecords(in)
	if len(list) > 0 {
		t.Fatal(list)
	}
	return out
}

func addrs(text ...string) (out []netip.Addr) {
	for _, s := range text {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func manyAddrs(n int) (out []netip.Addr) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	return out
}

// testPolicies are the policies that a transcript's STEER records can name.
func testPolicies() map[string]*policy.Spec {
	site := func(name string) *policy.Spec { return &policy.Spec{Kind: policy.KindSite, Name: name} }
	first := func(name string, all policy.AllDown, names ...string) *policy.Spec {
		s := &policy.Spec{Kind: policy.KindFailover, Name: name, AllDown: all}
		for _, n := range names {
			s.Targets = append(s.Targets, policy.Target{Spec: site(n)})
		}
		return s
	}
	web := &policy.Spec{Kind: policy.KindGeo, Name: "web", Rules: []policy.Rule{
		{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Use: first("", 0, "fra", "iad")},
		{Use: first("", 0, "iad", "fra")},
	}}
	out := map[string]*policy.Spec{
		"web": web,
		"big": site("big"),
		"half": {Kind: policy.KindWeighted, Name: "half", Targets: []policy.Target{
			{Spec: site("fra"), Weight: 1}, {Spec: site("iad"), Weight: 1}}},
		"alias":    first("alias", 0, "cdn", "near"),
		"text":     first("text", 0, "words", "both"),
		"mixed":    first("mixed", policy.ServeFallback, "both", "words"),
		"together": {Kind: policy.KindAll, Name: "together", Targets: []policy.Target{{Spec: site("words")}, {Spec: site("both")}}},
		"fallback": first("fallback", policy.ServeFallback, "fra"),
		"nodata":   first("nodata", policy.ServeNoData, "fra"),
		"servfail": first("servfail", policy.ServeServFail, "fra"),
	}
	return out
}

// exampleZone is the beginning of a zone for [load].
const exampleZone = `
zone example.com
$TTL 300
@   SOA ns1 hostmaster 1 3600 600 604800 300
@   NS  ns1
ns1 A   192.0.2.53
`

// load reads the zones of a transcript.
func load(t testing.TB, head string) *world {
	t.Helper()
	w := &world{sites: policy.NewSites(testSites), state: &State{}}
	var zones []*zone.Zone
	for i, block := range strings.Split("\n"+head, "\nzone ") {
		if i == 0 {
			continue // prose
		}
		name, text, _ := strings.Cut(block, "\n")
		zones = append(zones, w.zone(t, strings.TrimSpace(name), text))
	}
	w.state.Zones = zone.NewSet(zones)
	w.state.NSID, w.state.Version = []byte("node1"), "1.0"
	w.state.Cookies = Cookies{Enabled: true, Current: [16]byte{1, 2, 3}}
	w.state.Health.Store(health.NewSnapshot(len(w.sites.Subjects())))
	w.resp = &Responder{Draw: rand.New(rand.NewPCG(1, 2))}
	return w
}

func (w *world) zone(t testing.TB, name, text string) *zone.Zone {
	t.Helper()
	origin, err := dnswire.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"z.zone": &fstest.MapFile{Data: []byte(text), Mode: fs.ModePerm}}
	z, list := zone.Load(fsys, "z.zone", origin, zone.Options{})
	if list.HasErrors() {
		t.Fatalf("zone %s: %v", name, list.Err())
	}
	bound := &Zone{Zone: z}
	for _, s := range z.Steers {
		p, list := policy.Compile(testPolicies()[s.Text], w.sites, geo.Merge())
		if list.HasErrors() {
			t.Fatal(list.Err())
		}
		bound.Policies = append(bound.Policies, p)
		var all []int32
		for i, site := range testSites {
			if slices.Contains(append(targets(p.Spec()), p.Spec().Name), site.Name) {
				all = append(all, int32(i))
			}
		}
		bound.Carried = append(bound.Carried, records(t).Carried(all))
	}
	w.state.Bound = append(w.state.Bound, bound)
	return z
}

// targets returns the names of the direct targets of a policy.
func targets(s *policy.Spec) (out []string) {
	for _, t := range s.Targets {
		out = append(out, t.Spec.Name)
	}
	return out
}

// down returns a state in which all checks of the sites fail.
func (w *world) down(names ...string) *State {
	snap := w.state.Health.Load()
	for _, s := range w.sites.Subjects() {
		for _, n := range names {
			if s.Site == n && (s.Addr.IsValid() || len(w.addrs(n)) == 0) {
				snap = snap.With(s.ID, health.Entry{Share: health.FullShare, Horizon: health.NoHorizon})
			}
		}
	}
	return w.state.WithHealth(snap)
}

// addrs returns the addresses of a site.
func (w *world) addrs(site string) []policy.Address {
	i, _ := w.sites.Find(site)
	return w.sites.At(i).Addrs
}

// ask puts a question line and returns the reply as text.
func (w *world) ask(t *testing.T, line string) string {
	t.Helper()
	fields := strings.Fields(line)
	var m dns.Msg
	m.SetQuestion(dns.Fqdn(fields[0]), dns.StringToType[fields[1]])
	m.Id, m.RecursionDesired = 1, false
	if n, ok := strings.CutPrefix(fields[1], "TYPE"); ok {
		v, _ := strconv.Atoi(n)
		m.Question[0].Qtype = uint16(v)
	}
	req, st := Request{From: resolver, Now: 1}, w.state
	for _, o := range fields[2:] {
		key, val, _ := strings.Cut(o, "=")
		switch key {
		case "tcp":
			req.TCP = true
		case "from":
			req.From = netip.AddrPortFrom(netip.MustParseAddr(val), 53)
		case "size":
			n, _ := strconv.Atoi(val)
			m.SetEdns0(uint16(n), false)
		case "chaos":
			m.Question[0].Qclass = dns.ClassCHAOS
		case "nsid":
			option(&m, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		case "cookie":
			option(&m, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: val})
		case "down":
			st = w.down(strings.Split(val, ",")...)
		case "subnet":
			p := netip.MustParsePrefix(val)
			family := uint16(1)
			if p.Addr().Is6() {
				family = 2
			}
			option(&m, &dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()})
		default:
			t.Fatalf("option %q", o)
		}
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	reply, _ := w.resp.Answer(st, packet, req, nil)
	return render(t, reply)
}

// option adds an EDNS option to a question.
func option(m *dns.Msg, o dns.EDNS0) {
	if m.IsEdns0() == nil {
		m.SetEdns0(1232, false)
	}
	m.IsEdns0().Option = append(m.IsEdns0().Option, o)
}

// render prints a reply: the header's essentials, then the records by section.
func render(t *testing.T, reply []byte) string {
	t.Helper()
	if reply == nil {
		return "silence\n"
	}
	var m dns.Msg
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("reply %x: %v", reply, err)
	}
	var b strings.Builder
	b.WriteString(dns.RcodeToString[m.Rcode])
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}} {
		if f.set {
			b.WriteString(" " + f.name)
		}
	}
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			switch opt := opt.(type) {
			case *dns.EDNS0_SUBNET:
				fmt.Fprintf(&b, " scope=%d", opt.SourceScope)
			case *dns.EDNS0_NSID:
				fmt.Fprintf(&b, " nsid=%s", opt.Nsid)
			case *dns.EDNS0_COOKIE:
				fmt.Fprintf(&b, " cookie=%s", opt.Cookie)
			}
		}
	}
	b.WriteByte('\n')
	for _, sec := range []struct {
		name string
		rrs  []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		for _, rr := range sec.rrs {
			if rr.Header().Rrtype != dns.TypeOPT {
				fmt.Fprintf(&b, "%-10s %s\n", sec.name, strings.Join(strings.Fields(rr.String()), " "))
			}
		}
	}
	return b.String()
}
