package answer

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

const whyZone = `zone example.com
$TTL 300
@        SOA ns1 hostmaster 1 3600 600 604800 60
@        NS ns1
ns1      A 192.0.2.53
www      A 192.0.2.80
failing  STEER servfail
empty    STEER nodata
to       CNAME failing
er       TXT "reports"
*.er     TXT "noted"
big      TXT ` + `"` + `0123456789` + `"
`

// options are the options of a reply, by code.
func (w *world) options(t *testing.T, st *State, name string, qtype uint16, edit func(*dns.Msg)) map[uint16]string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(1232, false)
	if edit != nil {
		edit(m)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	reply, _ := w.resp.Answer(st, packet, Request{From: resolver, Now: 1}, nil)
	got := new(dns.Msg)
	if err := got.Unpack(reply); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	opt := got.IsEdns0()
	if opt == nil {
		if m.IsEdns0() != nil {
			t.Errorf("%s: no OPT", name)
		}
		return nil
	}
	out := map[uint16]string{}
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_EDE:
			out[o.Option()] = strings.TrimSpace(dns.ExtendedErrorCodeToString[o.InfoCode] + " " + o.ExtraText)
		case *dns.EDNS0_LOCAL:
			out[o.Option()] = string(o.Data)
		default:
			out[o.Option()] = o.String()
		}
	}
	return out
}

func TestExtendedErrorsSayWhy(t *testing.T) {
	w := load(t, whyZone)
	down := w.down("fra")
	class := func(c uint16) func(*dns.Msg) { return func(m *dns.Msg) { m.Question[0].Qclass = c } }
	for _, c := range []struct {
		name  string
		qtype uint16
		st    *State
		edit  func(*dns.Msg)
		want  string
	}{
		{"www.example.com.", dns.TypeA, w.state, nil, ""},
		{"none.example.com.", dns.TypeA, w.state, nil, ""},
		{"failing.example.com.", dns.TypeA, w.state, nil, ""},
		{"failing.example.com.", dns.TypeA, down, nil, "Other no site is up"},
		{"to.example.com.", dns.TypeA, down, nil, "Other no site is up"},
		{"empty.example.com.", dns.TypeA, down, nil, "Other no site is up"},
		{"www.example.com.", dns.TypeA, down, nil, ""}, // nothing is left of the one before
		{"www.example.org.", dns.TypeA, w.state, nil, "Not Authoritative"},
		{"example.com.", dns.TypeAXFR, w.state, nil, "Prohibited"},
		{"www.example.com.", dns.TypeAXFR, w.state, nil, "Not Authoritative"},
		{"example.com.", dns.TypeMAILA, w.state, nil, "Not Supported"},
		{"example.com.", dns.TypeA, w.state, class(77), "Not Supported"},
		{"none.bind.", dns.TypeTXT, w.state, class(dns.ClassCHAOS), ""},
	} {
		if got := w.options(t, c.st, c.name, c.qtype, c.edit)[15]; got != c.want {
			t.Errorf("%s %s: %q, want %q", c.name, dns.Type(c.qtype), got, c.want)
		}
	}
	w.options(t, down, "failing.example.com.", dns.TypeA, func(m *dns.Msg) { m.Extra = nil }) // without EDNS there is nobody to tell
}

func TestTheReportAgentIsTold(t *testing.T) {
	w := load(t, whyZone)
	agent, err := dnswire.ParseName("er.example.com.")
	if err != nil {
		t.Fatal(err)
	}
	w.state.ReportAgent = agent
	for name, told := range map[string]bool{
		"www.example.com.": true, "none.example.com.": true,
		"er.example.com.": false, "_er.1.www.example.com.7._er.er.example.com.": false, "x.ER.example.com.": false,
		"xer.example.com.": true, "www.example.org.": false,
	} {
		got, has := w.options(t, w.state, name, dns.TypeA, nil)[18]
		if has != told || has && got != agent.String() {
			t.Errorf("%s: report agent %q, told should be %v", name, got, told)
		}
	}
}

// What is told beside an answer must not truncate it: replies are made longer octet
// by octet up to the most that fits.
func TestWhatIsToldNeverTruncates(t *testing.T) {
	told, untold := 0, 0
	for n := 380; n < 480; n++ {
		text := strings.Replace(whyZone, "0123456789", strings.Repeat("x", 250)+`" "`+strings.Repeat("x", n-250), 1)
		w := load(t, text)
		w.state.ReportAgent = "\x02er\x07example\x03com\x00"
		m := new(dns.Msg)
		m.SetQuestion("big.example.com.", dns.TypeTXT)
		m.SetEdns0(512, false)
		packet, _ := m.Pack()
		reply, _ := w.resp.Answer(w.state, packet, Request{From: resolver}, nil)
		fits := len(packet)+12+n+2 <= 512
		if truncated := reply[2]&2 != 0; truncated == fits || len(reply) > 512 {
			t.Fatalf("%d octets of text: truncated %v, %d octets", n, truncated, len(reply))
		}
		if fits && strings.Contains(string(reply[len(packet):]), "\x00\x12\x00\x10\x02er\x07example") {
			told++
		} else if fits {
			untold++
		}
	}
	if told == 0 || untold == 0 {
		t.Errorf("told %d times, not told %d times: the edge was not met", told, untold)
	}
}

func TestPaddingIsNeverSent(t *testing.T) {
	w := load(t, whyZone)
	got := w.options(t, w.state, "www.example.com.", dns.TypeA, func(m *dns.Msg) {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_PADDING{Padding: make([]byte, 100)})
	})
	if _, padded := got[12]; padded || len(got) > 0 {
		t.Errorf("options %v in the reply to a padded query", got)
	}
}
