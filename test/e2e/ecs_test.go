package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// layout is a set of databases of one kind with the same random content.
type layout struct {
	name  string
	write func(t *testing.T, dir string, r *rand.Rand) (names []string, dbs []geodbtest.Places)
}

func cityOnly(p geo.Place) geo.Place { return p }
func countryOnly(p geo.Place) geo.Place {
	return geo.Place{Continent: p.Continent, Country: p.Country}
}

var layouts = []layout{
	{"City and ASN", func(t *testing.T, dir string, r *rand.Rand) ([]string, []geodbtest.Places) {
		city, asn := randomPlaces(r, 250, cityOnly), randomPlaces(r, 120, func(geo.Place) geo.Place { return asnOf(r) })
		geodbtest.WriteCity(t, filepath.Join(dir, "city.mmdb"), city)
		geodbtest.WriteASN(t, filepath.Join(dir, "asn.mmdb"), asn)
		return []string{"city.mmdb", "asn.mmdb"}, []geodbtest.Places{city, asn}
	}},
	{"ASN, Country, City", func(t *testing.T, dir string, r *rand.Rand) ([]string, []geodbtest.Places) {
		asn, country, city := randomPlaces(r, 120, func(geo.Place) geo.Place { return asnOf(r) }), randomPlaces(r, 150, countryOnly), randomPlaces(r, 150, cityOnly)
		geodbtest.WriteASN(t, filepath.Join(dir, "asn.mmdb"), asn)
		geodbtest.WriteCountry(t, filepath.Join(dir, "country.mmdb"), country)
		geodbtest.WriteCity(t, filepath.Join(dir, "city.mmdb"), city)
		return []string{"asn.mmdb", "country.mmdb", "city.mmdb"}, []geodbtest.Places{asn, country, city}
	}},
	{"flat", func(t *testing.T, dir string, r *rand.Rand) ([]string, []geodbtest.Places) {
		all := randomPlaces(r, 250, func(p geo.Place) geo.Place {
			p.ASN = asnOf(r).ASN
			return p
		})
		geodbtest.WriteFlat(t, filepath.Join(dir, "flat.mmdb"), all)
		return []string{"flat.mmdb"}, []geodbtest.Places{all}
	}},
}

func asnOf(r *rand.Rand) geo.Place { return geo.Place{ASN: 64500 + uint32(r.IntN(4))} }

// TestAnswersFitTheClient builds databases in each layout and holds answers and
// scopes against an evaluation that knows nothing of tables.
func TestAnswersFitTheClient(t *testing.T) {
	t.Parallel()
	for i, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, uint64(i)))
			w := &world{rules: worldRules}
			dir := t.TempDir()
			var names []string
			names, w.databases = l.write(t, dir, r)
			w.prepare()
			w.files().write(t, dir)
			files{"geodns.yaml": basicConfig + "geo: {database: [" + strings.Join(names, ", ") + "]}\n"}.write(t, dir)
			s := start(t, dir)
			t.Run("each network", func(t *testing.T) { eachNetwork(t, s, w) })
			t.Run("scope", func(t *testing.T) { scopes(t, s, w, r) })
			t.Run("resolver", func(t *testing.T) { resolver(t, s, w, r) })
			t.Run("dig", func(t *testing.T) { eachByDig(t, s, w) })
		})
	}
}

// eachNetwork asks for the first and last address of every network, and those
// beside it.
func eachNetwork(t *testing.T, s *server, w *world) {
	a := dial(t, "udp", s.addr())
	asked, right := 0, 0
	for _, b := range w.breaks {
		for _, client := range []netip.Addr{b, b.Prev()} {
			if !client.IsValid() {
				continue
			}
			asked++
			v6 := client.Is6()
			m := a.must(t, query("www.example.com", addressType(v6), netip.PrefixFrom(client, client.BitLen())))
			if want := siteAddr(w.decision(client)[0], v6); only(m) != want {
				t.Errorf("client %v (%+v): %v, want %v", client, w.place(client), only(m), want)
				continue
			}
			right++
		}
	}
	t.Logf("%d of %d clients right", right, asked)
}

func addressType(v6 bool) uint16 {
	if v6 {
		return dns.TypeAAAA
	}
	return dns.TypeA
}

// scopes holds the scope of random clients against the truth: the decision is
// the same in all of it, and not the same in any wider prefix.
func scopes(t *testing.T, s *server, w *world, r *rand.Rand) {
	a := dial(t, "udp", s.addr())
	networks := w.networks()
	for i := range 1500 {
		client := w.client(r, i%2 == 1, networks)
		source := client.BitLen()
		if i%3 == 0 {
			source = []int{16, 20, 24, 28, 32}[r.IntN(5)] * client.BitLen() / 32
		}
		subnet := netip.PrefixFrom(client, source).Masked()
		m := a.must(t, query("www.example.com", addressType(client.Is6()), subnet))
		o := subnetOf(m)
		if o == nil || int(o.SourceNetmask) != source || !o.Address.Equal(subnet.Addr().AsSlice()) {
			t.Fatalf("client %v: the option came back as %v", subnet, o)
		}
		scope := netip.PrefixFrom(subnet.Addr(), int(o.SourceScope)).Masked()
		if !w.uniform(scope) {
			t.Errorf("client %v: scope /%d, but the decision is not the same in all of %v", subnet, o.SourceScope, scope)
		}
		if scope.Bits() > 0 {
			if wider := netip.PrefixFrom(scope.Addr(), scope.Bits()-1).Masked(); w.uniform(wider) {
				t.Errorf("client %v: scope /%d, but the decision is the same in all of %v", subnet, o.SourceScope, wider)
			}
		}
	}
}

// cached is an answer in a resolver's cache.
type cached struct {
	prefix netip.Prefix
	answer netip.Addr
}

// resolver plays a resolver that keeps answers by name and scope (RFC 7871,
// Section 7.3.1) and serves random clients from them where it can.
func resolver(t *testing.T, s *server, w *world, r *rand.Rand) {
	a := dial(t, "udp", s.addr())
	networks := w.networks()
	cache := map[uint16][]cached{}
	hits := 0
	const clients = 4000
	for i := range clients {
		v6 := i%2 == 1
		client, length := w.client(r, v6, networks), 24
		if v6 {
			length = 56
		}
		subnet := netip.PrefixFrom(client, length).Masked()
		qtype := addressType(v6)
		at := slices.IndexFunc(cache[qtype], func(c cached) bool { return c.prefix.Contains(subnet.Addr()) })
		if at >= 0 {
			hits++
		} else {
			m := a.must(t, query("www.example.com", qtype, subnet))
			scope := min(int(subnetOf(m).SourceScope), length)
			at = len(cache[qtype])
			cache[qtype] = append(cache[qtype], cached{netip.PrefixFrom(subnet.Addr(), scope).Masked(), only(m)})
		}
		got := cache[qtype][at]
		if want := siteAddr(w.decision(subnet.Addr())[0], v6); got.answer != want {
			t.Errorf("client %v gets %v by the entry for %v, want %v", subnet, got.answer, got.prefix, want)
		}
	}
	if hits < clients/10 {
		t.Errorf("only %d of %d clients were served from the cache", hits, clients)
	}
	t.Logf("%d of %d clients served from the cache", hits, clients)
}

// eachByDig asks for every IPv4 network as an operator would.
func eachByDig(t *testing.T, s *server, w *world) {
	if _, err := exec.LookPath("dig"); err != nil {
		t.Skip("dig is not installed")
	}
	var args, want []string
	for _, n := range w.networks() {
		if n.Addr().Is6() || len(want) == 100 {
			continue
		}
		args = append(args, "www.example.com", "A", "+subnet="+n.String())
		want = append(want, siteAddr(w.decision(n.Addr())[0], false).String())
	}
	got := dig(t, s, args...)
	if !slices.Equal(got, want) {
		t.Errorf("dig got\n%v\nwant\n%v", got, want)
	}
}

// dig runs dig +short against s and returns its lines.
func dig(t *testing.T, s *server, args ...string) []string {
	t.Helper()
	all := append([]string{"@" + s.dns[0].Addr().String(), "-p", fmt.Sprint(s.dns[0].Port()), "+short", "+tries=1"}, args...)
	out, err := exec.Command("dig", all...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// TestBuiltinDatabase holds the answers by the embedded table against a
// look-up of the place and the rules alone.
func TestBuiltinDatabase(t *testing.T) {
	t.Parallel()
	src, err := geodb.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	index := geo.Merge(src)
	w := &world{rules: []rule{
		{country: "DE", use: []string{"s2"}}, {continent: "EU", use: []string{"s3"}}, {country: "US", use: []string{"s4"}},
		{continent: "AS", use: []string{"s5"}}, {use: []string{"s1"}},
	}}
	dir := folder(t, w.files())
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[netip.Addr]int{}
	for i := range 4000 {
		v6, all := i%4 == 3, netip.MustParsePrefix("0.0.0.0/0")
		if v6 {
			all = netip.MustParsePrefix([]string{"2400::/12", "2600::/12", "2a00::/12", "2000::/3"}[r.IntN(4)])
		}
		client := within(r, all)
		m := a.must(t, query("www.example.com", addressType(v6), netip.PrefixFrom(client, client.BitLen())))
		right := func(a netip.Addr) netip.Addr { return siteAddr(decide(w.rules, *index.Lookup(a), a)[0], v6) }
		if want := right(client); only(m) != want {
			t.Errorf("client %v: %v, want %v", client, only(m), want)
		}
		seen[only(m)]++
		scope := netip.PrefixFrom(client, int(subnetOf(m).SourceScope)).Masked()
		for range 10 {
			if other := within(r, scope); right(other) != only(m) {
				t.Errorf("client %v: scope %v holds %v, who is to get %v, not %v", client, scope, other, right(other), only(m))
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("the clients were all of a kind: %v", seen)
	}
}

// TestClientSubnetManners asks in the ways that RFC 7871 tells apart.
func TestClientSubnetManners(t *testing.T) {
	t.Parallel()
	w := &world{rules: []rule{
		{cidr: "127.8.0.0/16", use: []string{"s2"}}, {cidr: "127.0.0.0/8", use: []string{"s3"}},
		{cidr: "198.51.0.0/16", use: []string{"s4"}}, {cidr: "2001:db8::/32", use: []string{"s5"}}, {use: []string{"s1"}},
	}}
	s := start(t, folder(t, w.files()))
	from := func(local string) *asker {
		d := &dns.Client{}
		d.Dialer = dialerFrom(local)
		conn, err := d.Dial(s.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return &asker{conn: conn, timeout: slowest}
	}
	for _, c := range []struct {
		what, from, name, subnet string
		want                     netip.Addr
		scope                    int // -1: no option in the reply
	}{
		{"no subnet: the source address decides", "127.8.3.4", "www", "", siteAddr("s2", false), -1},
		{"no subnet, another source", "127.9.3.4", "www", "", siteAddr("s3", false), -1},
		{"SOURCE 0: the source address decides, SCOPE 0", "127.8.3.4", "www", "0.0.0.0/0", siteAddr("s2", false), 0},
		{"SOURCE 0 in IPv6", "127.8.3.4", "www", "::/0", siteAddr("s2", false), 0},
		{"a subnet overrides the source", "127.8.3.4", "www", "198.51.100.0/24", siteAddr("s4", false), 16},
		{"an unknown subnet has no place; the source is not asked", "127.8.3.4", "www", "203.0.113.0/24", siteAddr("s1", false), 5},
		{"an IPv6 subnet, asking for A", "127.8.3.4", "www", "2001:db8:1::/48", siteAddr("s5", false), 32},
		{"not steered: SCOPE 0", "127.8.3.4", "plain", "198.51.100.0/24", netip.MustParseAddr("192.0.2.99"), 0},
		{"not there: SCOPE 0", "127.8.3.4", "nowhere", "198.51.100.0/24", netip.Addr{}, 0},
	} {
		var subnet netip.Prefix
		if c.subnet != "" {
			subnet = netip.MustParsePrefix(c.subnet)
		}
		m := from(c.from).must(t, query(c.name+".example.com", dns.TypeA, subnet))
		if only(m) != c.want {
			t.Errorf("%s: %v, want %v", c.what, only(m), c.want)
		}
		scope := -1
		if o := subnetOf(m); o != nil {
			if scope = int(o.SourceScope); int(o.SourceNetmask) != subnet.Bits() {
				t.Errorf("%s: SOURCE %d came back as %d", c.what, subnet.Bits(), o.SourceNetmask)
			}
		}
		if scope != c.scope {
			t.Errorf("%s: scope %d, want %d", c.what, scope, c.scope)
		}
	}
}
