package geodns

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/config"
)

// A mistake in a check must be a finding, whatever it leaves of the check: the
// same code reads the files when a running server reloads.
func TestBrokenChecksAreFindings(t *testing.T) {
	const zone = "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\nwww STEER fra\n"
	for _, check := range []string{
		"{}", "{interval: 1s}", "{icmp: {}}", "{http: {}, tcp: {port: 1}}", "{http: }", "[]", "web", "",
		"{tcp: {}}", "{tcp: []}", "{http: []}", "{http: {status: []}}", `{http: {body_regex: "("}}`, "{http: {path: x, host: a b}}",
	} {
		dir := tree(t, map[string]string{
			"example.com.zone": zone,
			"steering.yaml":    "checks:\n  c: " + check + "\nsites:\n  fra: {addresses: [192.0.2.1], check: [c, missing]}\n",
		})
		loaded, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}})
		if loaded != nil || !list.HasErrors() {
			t.Errorf("check %s: loaded %v with findings %v, want errors", check, loaded != nil, list)
		}
	}
}

func TestDamagedDatabaseIsToldWhereItIsNamed(t *testing.T) {
	dir := tree(t, map[string]string{
		"zones/example.com.zone": "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n",
		"geodns.yaml":            "zones: zones\ngeo: {database: [builtin, bad.mmdb, missing.mmdb]}\n",
		"bad.mmdb":               "no database",
	})
	cfg, list := config.Load(filepath.Join(dir, "geodns.yaml"), nil)
	if list.HasErrors() {
		t.Fatal(list)
	}
	_, list = Load(cfg)
	errs := lines(errorsOf(list))
	for i, place := range []string{":2:27: geo database " + dir + "/bad.mmdb: not", ":2:37: geo database " + dir + "/missing.mmdb: no such file"} {
		if len(errs) != 2 || !strings.HasPrefix(errs[i], dir+"/geodns.yaml"+place) {
			t.Errorf("findings %q, want two, the one at %d to begin with the file and %q", errs, i, place)
		}
	}
}
