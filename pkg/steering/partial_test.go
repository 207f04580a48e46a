package steering

import (
	"fmt"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// TestUnreadableFileIsTheOnlyComplaint: what a file that is no YAML would have
// defined is not called unknown elsewhere.
func TestUnreadableFileIsTheOnlyComplaint(t *testing.T) {
	c, list := Parse([]File{
		{Name: "a.yaml", Data: []byte("sites:\n  fra: {addresses: [192.0.2.1]\n")},
		{Name: "b.yaml", Data: []byte("policies:\n  web: {failover: [fra]}\n")},
	})
	if len(list) != 1 || list[0].Pos.File != "a.yaml" {
		t.Errorf("got %v, want one finding in a.yaml", list)
	}
	for _, ref := range []string{"other", "{failover: [fra, iad]}"} {
		if spec, list := c.Resolve(ref, diag.Pos{File: "z.zone", Line: 1, Col: 1}); spec != nil || len(list) != 0 {
			t.Errorf("%s: got %v, %v", ref, spec, list)
		}
	}
	if _, list := c.Resolve("{failovr: [fra]}", diag.Pos{File: "z.zone"}); len(list) != 1 || !strings.Contains(list[0].String(), "failover") {
		t.Errorf("a mistake of the record's own: got %v", list)
	}
}

// A site that carries records alone is checked as a whole, where the check
// knows what to probe.
func TestChecksOfASiteWithoutAddresses(t *testing.T) {
	const checks = `
checks:
  web: {http: {}}
  far: {http: {}, target: cdn.example.net}
  job: {exec: {command: [/bin/true]}}
  any: {calculated: {of: [far, job], at_least: 1}}
  odd: {calculated: {of: [far, web], at_least: 1}}
sites:
`
	for site, want := range map[string]string{
		"{records: [CNAME a.example.], check: [far, any]}": "",
		"{records: [CNAME a.example.], check: web}":        "site cdn has no address for check web to probe",
		"{records: [CNAME a.example.], check: odd}":        "site cdn has no address for check web to probe",
		"{check: far}": "site cdn has no addresses",
	} {
		c, list := Parse([]File{{Name: "s.yaml", Data: []byte(checks + "  cdn: " + site + "\n")}})
		if got := fmt.Sprint(list); want == "" && list.HasErrors() || !strings.Contains(got, want) {
			t.Errorf("%s: %s\nwant %s", site, got, want)
		}
		if want != "" {
			continue
		}
		for _, w := range c.Watches() {
			if w.Key.Addr.IsValid() || w.Key.Site != "cdn" {
				t.Errorf("watched is %v", w.Key)
			}
		}
		if n := len(c.Watches()); n != 3 {
			t.Errorf("%d checks are watched, want far, any and job", n)
		}
		if s := c.NewSites().Subjects()[0]; len(s.Checks) != 2 {
			t.Errorf("the site as a whole has the checks %v", s.Checks)
		}
	}
}
