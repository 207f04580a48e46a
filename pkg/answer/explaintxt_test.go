package answer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestExplainAsTXTIsForThoseWhoMayAsk(t *testing.T) {
	w := load(t, exampleZone+`www 60  STEER web
`)
	if got := w.ask(t, "_explain.www.example.com TXT"); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Errorf("nobody may ask, and got\n%s", got)
	}
	w.state.ExplainTo = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} // that of resolver
	w.state.Reasons = func() func(health.ID) string { return func(health.ID) string { return "for a reason" } }
	for _, c := range []struct{ ask, want string }{
		{"_explain.www.example.com TXT subnet=10.1.2.0/24 tcp", `"01 www.example.com. A for client 10.1.2.0/24"`},
		{"_explain.www.example.com TXT subnet=10.1.2.0/24 tcp", `"00 fra: first choice of 2, by the rule cidr: [10.1.0.0/16] of web"`},
		{"_explain.www.example.com TXT subnet=10.1.2.0/24 tcp", `60 IN A 203.0.113.10"`},
		{"_explain.www.example.com TXT subnet=10.1.2.0/24 tcp", "scope=24"},
		{"_explain.www.example.com TXT subnet=10.1.2.0/24 tcp", "for a reason"},
		{"_explain._mx.www.example.com TXT tcp", `"01 www.example.com. MX for client 198.51.100.7"`},
		{"_explain._explain.www.example.com TXT tcp", "NXDOMAIN"}, // no explanation of an explanation
		{"_explain.www.example.org TXT tcp", "no zone here holds the name"},
		{"_explain.www.example.com TXT", " tc\n"}, // 512 octets are too few
		{"_explain.www.example.com A", "NXDOMAIN"},
		{"_explain.www.example.com TXT from=203.0.113.9", "NXDOMAIN"},
	} {
		if got := w.ask(t, c.ask); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", c.ask, c.want, got)
		}
	}
}
