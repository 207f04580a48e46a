package statuspage

import (
	"context"
	"strings"
	"testing"
)

// spillOver puts iad over its capacity in the recorded answers: it sends 30 % of
// its clients to sgp. If sgp goes, more comes than anybody has room for.
func (s *server) spillOver() {
	f := func(path string, v map[string]any) {
		switch {
		case path == "status":
			iad := v["sites"].([]any)[1].(map[string]any)
			iad["capacity"], iad["load"], iad["keeps"], iad["share"] = 1200.0, 1250.0, 0.7, 0.7
		case path == "simulate":
			v["sends"] = []any{map[string]any{"site": "iad", "stays": 0.7, "to": map[string]any{"sgp": 0.3}}}
			v["spills"] = []any{
				map[string]any{"site": "iad", "capacity": 1200.0, "load": 1800.5, "left": 1200.0, "keeps": 0.66, "to": map[string]any{"sgp": 600.5}},
				map[string]any{"site": "sgp", "capacity": 10.0, "load": 18.25, "left": 15.0, "keeps": 0.5, "to": map[string]any{"iad": 3.25}},
				map[string]any{"site": "fra", "capacity": 10.0, "load": 11.0, "left": 11.0, "keeps": 1.0, "to": map[string]any{}},
			}
		}
	}
	s.edit.Store(&f)
}

func tellsWhatSpillsOver(t *testing.T, b context.Context) {
	s := newServer(t)
	s.spillOver()
	for _, scheme := range []string{"light", "dark"} {
		p := open(t, b, s, 1280, 900, media("prefers-color-scheme", scheme))
		p.says("#summary", "1 site over capacity: iad")
		p.says("#sites .spilling", "iad", "over its capacity, keeps 70 % of its clients", "load 1,250 of 1,200 (104 %)")
		p.says("#policies", "iad over its capacity, keeps 70 % of its clients")
		p.says("#spills", "iad has more load than capacity and keeps 70 % of its clients of this policy; 30 % to sgp.")
		if got := p.text("#spills"); strings.Contains(got, "would") {
			t.Errorf("nothing was asked, and it says %q", got)
		}
		p.picture("spill-" + scheme)
		p.whatIf("iad")
		p.says("#spills", "iad now keeps 70 %",
			"iad would have a load of 1,801 of 1,200 (150 %): 601 to sgp, and 1,200 would stay.",
			"sgp would have a load of 18.3 of 10 (183 %): 3.25 to iad, and 15 would stay, for which nobody has room.",
			"fra would have a load of 11 of 10 (110 %): nobody has room for what is too much.")
		if n := eval[int](p, "document.querySelectorAll('#spills .load .over').length"); n != 3 {
			t.Errorf("%d bars are over, want 3", n)
		}
		p.picture("spill-whatif-" + scheme)
		p.silent()
	}
	p := open(t, b, s, 320, 700)
	p.whatIf("iad")
	if w := eval[int](p, "document.documentElement.scrollWidth"); w > 320 {
		t.Errorf("%d pixels wide on a screen of 320", w)
	}
	p.picture("spill-phone")
}

// whatIf takes a site as down, and waits for the answer.
func (t *tab) whatIf(site string) {
	t.Helper()
	eval[bool](t, "(document.querySelector('#downs input[value="+site+"]').click(), true)")
	t.wait("document.querySelector('#countries').classList.contains('then')")
}
