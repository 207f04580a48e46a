package geodns

import (
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
