package steering

import (
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
