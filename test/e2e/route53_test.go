package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// TestImportedZoneAnswersAsRoute53Would imports the sample of pkg/route53 with
// addresses of loopback, checks what was written, serves it, and asks: what is
// answered was worked out by hand from the records and health checks.
func TestImportedZoneAnswersAsRoute53Would(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.9.1.20:0") // the one health check that passes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	local := strings.NewReplacer("203.0.113.", "127.9.1.", "198.51.100.", "127.9.2.", "192.0.2.", "127.9.3.", "twelve.example.com", "localhost",
		`"Port": 80`, fmt.Sprintf(`"Port": %d`, freePort(t)), `"Port": 443`, fmt.Sprintf(`"Port": %d`, freePort(t)),
		`"Port": 25`, fmt.Sprintf(`"Port": %d`, ln.Addr().(*net.TCPAddr).Port))
	f := files{"geodns.yaml": basicConfig + "geo: {database: [city.mmdb]}\n"}
	for _, name := range []string{"records.json", "checks.json"} {
		data, err := os.ReadFile("../../pkg/route53/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f[name] = local.Replace(string(data))
	}
	dir := folder(t, f)
	geodbtest.WriteCity(t, filepath.Join(dir, "city.mmdb"), geodbtest.Places{
		"91.10.0.0/16": geo.Place{Continent: "EU", Country: "DE", Lat: 50, Lon: 9, HasLocation: true},
		"12.0.0.0/16":  geo.Place{Continent: "NA", Country: "US", Subdivisions: []string{"US-CA"}, Lat: 37, Lon: -122, HasLocation: true},
		"12.1.0.0/16":  geo.Place{Continent: "NA", Country: "US", Subdivisions: []string{"US-NY"}, Lat: 41, Lon: -74, HasLocation: true},
		"1.1.0.0/16":   geo.Place{Continent: "AS", Country: "SG", Lat: 1.3, Lon: 103.8, HasLocation: true},
	})
	out, code := command(t, dir, "import", "route53", "--out", "zones", "records.json", "checks.json")
	if code != 0 || !strings.Contains(out, "records.json:11:5: warning: www.example.com. (us-ca): the database that is built in knows no subdivisions") {
		t.Fatalf("import: code %d\n%s", code, out)
	}
	if _, code := command(t, dir, "import", "route53", "--out", "other", "--strict", "records.json", "checks.json"); code != 1 {
		t.Errorf("import --strict, with things to look at: code %d", code)
	}
	if out, code := command(t, dir, "check"); code != 0 {
		t.Fatalf("check of what was written: code %d\n%s", code, out)
	}
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	const de, ca, ny, sg, nowhere = "91.10.0.0/24", "12.0.0.0/24", "12.1.0.0/24", "1.1.0.0/24", "100.64.0.0/24"
	for _, c := range []struct{ name, kind, client, want string }{
		{"www", "A", de, "127.9.1.20"}, // EU: an alias of eu, of which one is up
		{"www", "A", ca, "127.9.2.20"},
		{"www", "A", ny, "127.9.2.10"}, // the record of the US is unhealthy: the default, which has its address
		{"www", "A", sg, "127.9.2.10"},
		{"eu", "A", nowhere, "127.9.1.20"},
		{"shop", "A", nowhere, "127.9.1.20"},
		{"api", "A", nowhere, "127.9.3.1"}, // one of the calculated check's children is inverted, and passes
		{"pool", "A", nowhere, "127.9.3.11 127.9.3.12"},
		{"lat", "A", de, "127.9.1.30"},
		{"lat", "A", ny, "127.9.1.40"},
		{"near", "A", ny, "127.9.1.50"},
		{"near", "A", sg, "127.9.1.60"},
		{"isp", "A", "10.1.2.0/24", "10.0.0.1"},
		{"isp", "A", de, "127.9.3.90"},
		{"txt", "TXT", nowhere, "green"}, // blue has weight 0
		{"copy", "A", nowhere, "127.9.3.25"},
		{"cdn", "A", nowhere, "d222222abcdef8.cloudfront.net."},
		{"x.app", "A", ca, "127.9.2.20 www.example.com."},
		{"www", "TXT", ca, ""},
	} {
		m := a.must(t, query(c.name+".example.com", dns.StringToType[c.kind], netip.MustParsePrefix(c.client)))
		var got []string
		for _, rr := range m.Answer {
			got = append(got, strings.Trim(strings.TrimPrefix(rr.String(), rr.Header().String()), `"`))
		}
		slices.Sort(got)
		if m.Rcode != dns.RcodeSuccess || strings.Join(got, " ") != c.want {
			t.Errorf("%s %s for %s: %s %v, want %s", c.name, c.kind, c.client, dns.RcodeToString[m.Rcode], got, c.want)
		}
	}
}
