package steering

import (
	"fmt"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/policy"
)

// TestManyUnusedAreSummedUp counts what is said of sites and policies that
// nothing uses: some by name, the others together.
func TestManyUnusedAreSummedUp(t *testing.T) {
	for n, want := range map[int]struct {
		lines int
		last  string
	}{
		maxUnused:       {maxUnused, "nothing uses site s19"},
		maxUnused + 1:   {maxUnused + 1, "nothing uses site s20"},
		maxUnused + 500: {maxUnused + 1, "nothing uses 500 more sites, s20 the first of them"},
	} {
		var text strings.Builder
		text.WriteString("sites:\n  used: {addresses: [192.0.2.1]}\n")
		for i := range n {
			fmt.Fprintf(&text, "  s%d: {addresses: [192.0.2.1]}\n", i)
		}
		text.WriteString("policies:\n  web: {failover: [used]}\n")
		c, list := Parse([]File{{"steering.yaml", []byte(text.String())}})
		if len(list) > 0 {
			t.Fatal(list)
		}
		got := c.Review([]*policy.Spec{c.Spec("web")})
		if last := got[len(got)-1]; len(got) != want.lines || last.What != want.last || last.Pos.Line != 3+want.lines-1 {
			t.Errorf("%d unused: %d lines, the last is %q, want %d and %q at line %d", n, len(got), last, want.lines, want.last, 3+want.lines-1)
		}
	}
}
