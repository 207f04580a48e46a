package answer

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

func TestExplainSaysThatNoZoneHoldsTheNameOnlyIfSo(t *testing.T) {
	w := load(t, "zone example.com\n$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n")
	for _, c := range []struct {
		name, typ string
		notes     int
	}{
		{"ns1.example.com", "A", 0},
		{"nowhere.example.com", "A", 0},
		{"example.com", "AXFR", 0}, // refused, but not for that
		{"example.org", "A", 1},
	} {
		name, err := dnswire.ParseName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		typ, _ := dnswire.ParseType(c.typ)
		e, err := Explain(w.state, Question{Name: name, Type: typ, Draw: rand.New(rand.NewPCG(1, 2))})
		if err != nil || len(e.Notes) != c.notes {
			t.Errorf("%s %s: notes %q, error %v; want %d notes", c.name, c.typ, e.Notes, err, c.notes)
		}
	}
}

func TestSummaryOfWhatNoPolicyDecidesAloneSaysWhy(t *testing.T) {
	w := load(t, exampleZone+`sub  NS  ns1
www  60 STEER web
www  TXT plain
to   CNAME www
out  CNAME www.example.net.
six  60 STEER web
`)
	for _, c := range []struct{ ask, want string }{
		{"ns1.example.com A", "ns1.example.com. is not steered for A: zone example.com. tells everybody the same"},
		{"ns1.example.com MX", "ns1.example.com. has no MX record in zone example.com."},
		{"nowhere.example.com A", "nowhere.example.com. does not exist in zone example.com."},
		{"a.sub.example.com A", "a.sub.example.com. is delegated by zone example.com., whose name servers are named to everybody alike"},
		{"out.example.com A", "out.example.com. leads by its CNAME to a name that is not answered here"},
		{"www.example.com TXT", "www.example.com. is not steered for TXT: zone example.com. tells everybody the same"},
		{"example.org A", "no policy is asked: no zone here answers it"},
		{"example.com AXFR", "no policy is asked: no zone here answers it"},
		{"to.example.com A", "fra: first choice of 2, by the rule cidr: [10.1.0.0/16] of web"},
		{"www.example.com A", "fra: first choice of 2, by the rule cidr: [10.1.0.0/16] of web"},
		{"www.example.com MX", "fra: first choice of 2, by the rule cidr: [10.1.0.0/16] of web; it has no MX record there"},
	} {
		name, typ, _ := strings.Cut(c.ask, " ")
		n, err := dnswire.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		asked, _ := dnswire.ParseType(typ)
		e, err := Explain(w.state, Question{Name: n, Type: asked, Client: netip.MustParsePrefix("10.1.2.0/24"), Draw: rand.New(rand.NewPCG(1, 2))})
		if err != nil || e.Summary != c.want {
			t.Errorf("%s: got %q, error %v; want %q", c.ask, e.Summary, err, c.want)
		}
		if lines := e.Lines(); lines[len(lines)-1] != "why: "+e.Summary {
			t.Errorf("%s: the last line is %q", c.ask, lines[len(lines)-1])
		}
	}
}
