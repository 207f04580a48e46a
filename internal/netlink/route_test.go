package netlink

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"golang.org/x/sys/unix"
)

// parsed returns the routes and rules of a file's text.
func parsed(t *testing.T, routes, rules string) *keepalived.Config {
	t.Helper()
	text := "static_routes {\n" + routes + "\n}\nstatic_rules {\n" + rules + "\n}\n"
	cfg, list := keepalived.Parse(mapFS(text), "vipd.conf", keepalived.Options{Display: "vipd.conf"})
	for _, d := range list {
		if strings.Contains(d.String(), "error") {
			t.Fatal(d)
		}
	}
	return cfg
}

func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(l), " "))
	}
	return out
}

func TestRoutesAreThoseThatIPShows(t *testing.T) {
	s, c := node(t)
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0")
	s.IP("address", "add", "2001:db8::2/64", "dev", "eth0")
	for _, tc := range []struct{ route, show string }{
		{"10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1 dev eth0 proto keepalived"},
		{"10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5 src 192.0.2.2", "10.0.0.0/8 via 192.0.2.1 dev eth0 proto keepalived src 192.0.2.2 metric 5"},
		{"10.0.0.0/8 dev eth0", "10.0.0.0/8 dev eth0 proto keepalived scope link"},
		{"10.0.0.0/8 dev eth0 scope host", "10.0.0.0/8 dev eth0 proto keepalived scope host"},
		{"10.0.0.0/8 via 198.51.100.1 dev eth0 onlink", "10.0.0.0/8 via 198.51.100.1 dev eth0 proto keepalived onlink"},
		{"10.0.0.0/8 via 192.0.2.1 proto static", "10.0.0.0/8 via 192.0.2.1 dev eth0 proto static"},
		{"10.0.0.0/8 via 192.0.2.1 tos 0x10", "10.0.0.0/8 tos 0x10 via 192.0.2.1 dev eth0 proto keepalived"},
		{"blackhole 10.0.0.0/8", "blackhole 10.0.0.0/8 proto keepalived"},
		{"unreachable 10.0.0.0/8", "unreachable 10.0.0.0/8 proto keepalived"},
		{"10.0.0.0/8 via 192.0.2.1 mtu 1400 advmss 1300 initcwnd 20 quickack 1 hoplimit 9", "10.0.0.0/8 via 192.0.2.1 dev eth0 proto keepalived mtu 1400 advmss 1300 hoplimit 9 initcwnd 20 quickack 1"},
		{"10.0.0.0/8 via 192.0.2.1 mtu lock 1400 rtt 50 rto_min 300", "10.0.0.0/8 via 192.0.2.1 dev eth0 proto keepalived mtu lock 1400 rtt 50ms rto_min lock 300ms"},
		{"10.0.0.0/8 nexthop via 192.0.2.1 dev eth0 weight 2 nexthop via 192.0.2.3 dev eth0", "10.0.0.0/8 proto keepalived | nexthop via 192.0.2.1 dev eth0 weight 2 | nexthop via 192.0.2.3 dev eth0 weight 1"},
		{"10.0.0.0/8 via inet6 2001:db8::1 dev eth0", "10.0.0.0/8 via inet6 2001:db8::1 dev eth0 proto keepalived"},
		{"2001:db8:9::/48 via 2001:db8::1", "2001:db8:9::/48 via 2001:db8::1 dev eth0 proto keepalived metric 1024 pref medium"},
		{"2001:db8:9::/48 via 2001:db8::1 pref high metric 7", "2001:db8:9::/48 via 2001:db8::1 dev eth0 proto keepalived metric 7 pref high"},
		{"default via 192.0.2.1", "default via 192.0.2.1 dev eth0 proto keepalived"},
	} {
		cfg := parsed(t, tc.route, "")
		if len(cfg.StaticRoutes) != 1 {
			t.Errorf("%s: the parser made %d routes of it", tc.route, len(cfg.StaticRoutes))
			continue
		}
		if err := c.AddRoutes(cfg.StaticRoutes); err != nil {
			t.Errorf("%s: %v", tc.route, err)
			continue
		}
		if got := shownRoute(s, cfg.StaticRoutes[0].Dst); got != tc.show {
			t.Errorf("%s: ip shows\n\t%q, want\n\t%q", tc.route, got, tc.show)
		}
		if err := c.AddRoutes(cfg.StaticRoutes); err != nil {
			t.Errorf("%s, again: %v", tc.route, err)
		}
		for range 2 { // the second time it is gone, which is fine
			if err := c.RemoveRoutes(cfg.StaticRoutes); err != nil {
				t.Errorf("%s: remove: %v", tc.route, err)
			}
		}
		if got := shownRoute(s, cfg.StaticRoutes[0].Dst); got != "" {
			t.Errorf("%s: ip shows %q after removal", tc.route, got)
		}
	}
}

// shownRoute returns what ip(8) shows of the route to dst, in one line.
func shownRoute(s *netnstest.Space, dst netip.Prefix) string {
	family := "-4"
	if dst.Addr().Is6() {
		family = "-6"
	}
	name := dst.String()
	if dst.Bits() == 0 {
		name = "default"
	}
	out := lines(s.IP(family, "route", "show", "table", "all"))
	i := slices.IndexFunc(out, func(l string) bool { return slices.Contains(strings.Fields(l)[:min(2, len(strings.Fields(l)))], name) })
	if i < 0 {
		return ""
	}
	text := out[i]
	for i++; i < len(out) && strings.HasPrefix(out[i], "nexthop"); i++ {
		text += " | " + out[i]
	}
	return text
}

func TestRouteThatFailsIsNamed(t *testing.T) {
	s, c := node(t)
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0")
	cfg := parsed(t, "10.0.0.0/8 via 203.0.113.1\n10.1.0.0/16 via 192.0.2.1\n10.2.0.0/16 via 192.0.2.1 table nowhere\n10.3.0.0/16 dev eth9\n10.4.0.0/16 nexthop via 192.0.2.1 dev eth9 nexthop via 192.0.2.3 dev eth0", "")
	err := c.AddRoutes(cfg.StaticRoutes)
	for _, want := range []string{"add route 10.0.0.0/8 via 203.0.113.1: network is unreachable: Nexthop has invalid gateway", "table", "10.3.0.0/16 dev eth9: no such interface", "10.4.0.0/16: no such interface"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if !errors.Is(err, ErrTableName) || !errors.Is(err, ErrNoInterface) {
		t.Errorf("%v: want ErrTableName and ErrNoInterface", err)
	}
	if got := shownRoute(s, netip.MustParsePrefix("10.1.0.0/16")); got == "" {
		t.Error("the good route between bad ones is missing")
	}
}

func TestRulesAreThoseThatIPShows(t *testing.T) {
	s, c := node(t)
	for _, tc := range []struct{ rule, show string }{
		{"from 192.0.2.0/24 table 100 preference 50", "50: from 192.0.2.0/24 lookup 100 proto keepalived"},
		{"to 192.0.2.0/24 table 70000 preference 50", "50: from all to 192.0.2.0/24 lookup 70000 proto keepalived"},
		{"not from 192.0.2.0/24 table 100 preference 50", "50: not from 192.0.2.0/24 lookup 100 proto keepalived"},
		{"iif eth0 table 100 preference 50", "50: from all iif eth0 lookup 100 proto keepalived"},
		{"oif eth0 table 100 preference 50", "50: from all oif eth0 lookup 100 proto keepalived"},
		{"fwmark 0x7/0xff table 100 preference 50", "50: from all fwmark 0x7/0xff lookup 100 proto keepalived"},
		{"from 192.0.2.1 blackhole preference 50", "50: from 192.0.2.1 blackhole proto keepalived"},
		{"from 192.0.2.1 goto 60 preference 50", "50: from 192.0.2.1 goto 60 [unresolved] proto keepalived"},
		{"from 192.0.2.1 table 100 preference 50 suppress_prefixlength 0", "50: from 192.0.2.1 lookup 100 suppress_prefixlength 0 proto keepalived"},
		{"ipproto tcp dport 80-90 sport 7 table 100 preference 50", "50: from all ipproto tcp sport 7 dport 80-90 lookup 100 proto keepalived"},
		{"uidrange 5-9 table 100 preference 50", "50: from all uidrange 5-9 lookup 100 proto keepalived"},
		{"from 2001:db8::/64 table 100 preference 50", "50: from 2001:db8::/64 lookup 100 proto keepalived"},
	} {
		cfg := parsed(t, "", tc.rule)
		if len(cfg.StaticRules) != 1 {
			t.Errorf("%s: the parser made %d rules of it", tc.rule, len(cfg.StaticRules))
			continue
		}
		for range 2 { // the second time it is there, which is fine
			if err := c.AddRules(cfg.StaticRules); err != nil {
				t.Errorf("%s: %v", tc.rule, err)
			}
		}
		if got := shownRule(s); got != tc.show {
			t.Errorf("%s: ip shows\n\t%q, want\n\t%q", tc.rule, got, tc.show)
		}
		for range 2 {
			if err := c.RemoveRules(cfg.StaticRules); err != nil {
				t.Errorf("%s: remove: %v", tc.rule, err)
			}
		}
		if got := shownRule(s); got != "" {
			t.Errorf("%s: ip shows %q after removal", tc.rule, got)
		}
	}
}

// shownRule returns what ip(8) shows of the rules of preference 50.
func shownRule(s *netnstest.Space) string {
	var out []string
	for _, family := range []string{"-4", "-6"} {
		for _, l := range lines(s.IP(family, "rule", "show")) {
			if strings.HasPrefix(l, "50:") {
				out = append(out, l)
			}
		}
	}
	return strings.Join(out, " | ")
}

func TestLeftOverRoutesAndRulesAreCleaned(t *testing.T) {
	s, c := node(t)
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0")
	s.IP("route", "add", "10.9.0.0/16", "via", "192.0.2.1") // the administrator's
	s.IP("rule", "add", "from", "192.0.2.9", "table", "9", "preference", "99")
	cfg := parsed(t, "10.0.0.0/8 via 192.0.2.1\n10.1.0.0/16 via 192.0.2.1 table 100\nblackhole 2001:db8:9::/48\n10.2.0.0/16 nexthop via 192.0.2.1 nexthop via 192.0.2.3",
		"from 192.0.2.0/24 table 100 preference 50\nfrom 2001:db8::/64 table 100 preference 50")
	if err := errors.Join(c.AddRoutes(cfg.StaticRoutes), c.AddRules(cfg.StaticRules)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.CleanRoutes(RouteProto); n != 4 || err != nil {
		t.Errorf("cleaned %d routes, %v; want 4", n, err)
	}
	if n, err := c.CleanRules(RouteProto); n != 2 || err != nil {
		t.Errorf("cleaned %d rules, %v; want 2", n, err)
	}
	if shownRule(s) != "" || shownRoute(s, netip.MustParsePrefix("10.1.0.0/16")) != "" {
		t.Error("something is left")
	}
	if shownRoute(s, netip.MustParsePrefix("10.9.0.0/16")) == "" || !strings.Contains(s.IP("rule"), "192.0.2.9") {
		t.Error("the administrator's own is gone")
	}
	if _, err := c.CleanRoutes(2); err == nil {
		t.Error("the kernel's own routes would be cleaned")
	}
}

func TestKernelNarrowsTheListOfRoutes(t *testing.T) {
	s, c := node(t)
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0")
	s.IP("route", "add", "10.9.0.0/16", "via", "192.0.2.1")
	if err := c.AddRoutes(parsed(t, "10.0.0.0/8 via 192.0.2.1", "").StaticRoutes); err != nil {
		t.Fatal(err)
	}
	request := make(body, unix.SizeofRtMsg)
	request[0], request[5] = unix.AF_INET, RouteProto
	n := 0
	if err := c.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, request, func() { n = 0 }, func([]byte) { n++ }); err != nil || n != 1 {
		t.Errorf("%d routes, %v; want our one only, of five or more", n, err)
	}
}
