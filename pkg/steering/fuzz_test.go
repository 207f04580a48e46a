package steering

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// corpus returns the files of the transcripts.
func corpus(tb testing.TB) (texts, refs []string) {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		tb.Fatal("no transcripts")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			input, _, _ := strings.Cut(block, "\n----")
			if _, ref, ok := strings.Cut(input, "resolve "); ok {
				refs = append(refs, ref)
			} else if at := strings.Index(input, "parse "); at >= 0 {
				for _, f := range files(strings.Split(input[at:], "\n")) {
					texts = append(texts, string(f.Data))
				}
			}
		}
	}
	return texts, refs
}

// Whatever a file says, Parse ends soon, every finding has its place within
// the file, and what it accepts can be compiled or is refused with a reason.
func FuzzParse(f *testing.F) {
	texts, _ := corpus(f)
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, diags := Parse([]File{{Name: "steering.yaml", Data: data}})
		// YAML 1.1 knows more line ends than editors do.
		lines := 1
		for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(string(data), end)
		}
		for _, d := range diags {
			if d.Pos.File != "steering.yaml" || d.Pos.Line < 1 || d.Pos.Line > lines || d.Pos.Col < 1 {
				t.Errorf("%q: finding without a place: %v", data, d)
			}
		}
		if diags.HasErrors() {
			return
		}
		sites := c.NewSites()
		for _, spec := range c.Policies {
			tryPolicy(t, c, sites, spec.Name)
		}
	})
}

// tryPolicy compiles what a record holds and picks once.
func tryPolicy(t *testing.T, c *Config, sites *policy.Sites, ref string) {
	t.Helper()
	spec, diags := c.Resolve(ref, diag.Pos{File: "example.zone", Line: 1, Col: 1})
	if (spec == nil) != diags.HasErrors() {
		t.Fatalf("resolve %q: got %v and %v", ref, spec, diags)
	}
	if spec == nil {
		return
	}
	p, diags := policy.Compile(spec, sites, nil)
	if (p == nil) != diags.HasErrors() {
		t.Fatalf("compile %q: got %v", ref, diags)
	}
	if p == nil {
		return
	}
	var out policy.Choice
	p.Pick(&policy.Input{Draw: first{}, Trace: &policy.Trace{}}, &out)
	if out.Action == policy.Addresses && len(out.Addrs) == 0 {
		t.Fatalf("%q: chose addresses, but none", ref)
	}
	again, diags := c.Resolve(spec.Flow(), diag.Pos{})
	switch {
	case spec.Kind == policy.KindSite:
	case again == nil:
		t.Fatalf("the text of a policy is none: %q: %v", spec.Flow(), diags)
	case again.Flow() != spec.Flow():
		t.Fatalf("the text of a policy reads differently: %q, %q", spec.Flow(), again.Flow())
	}
}

type first struct{}

func (first) Uint64N(uint64) uint64 { return 0 }

// Whatever a record says, Resolve ends soon and says yes or why not.
func FuzzResolve(f *testing.F) {
	_, refs := corpus(f)
	for _, ref := range refs {
		f.Add(ref)
	}
	c, diags := Parse([]File{{Name: "steering.yaml", Data: []byte(`
sites: {fra: {addresses: [192.0.2.1, "2001:db8::1"]}, iad: {addresses: [192.0.2.2]}}
policies:
  some: {geo: [{country: [DE], use: fra}]}
  outer: {failover: [some, fra]}
`)}})
	if diags.HasErrors() {
		f.Fatal(diags)
	}
	sites := c.NewSites()
	f.Fuzz(func(t *testing.T, ref string) { tryPolicy(t, c, sites, ref) })
}

// Text that stands for much more than it is long must not cost much.
func TestBombsAreBounded(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("x0: &x0 [fra, fra, fra, fra, fra, fra, fra, fra, fra, fra]\n")
	for i := range 20 {
		now, next := string(rune('a'+i)), string(rune('b'+i))
		if i == 0 {
			now = "x0"
		}
		laughs.WriteString("x" + next + ": &" + next + " [" + strings.Repeat("*"+now+", ", 9) + "*" + now + "]\n")
	}
	merges := "checks:\n  a0: &a0 {tcp: {port: 1}}\n"
	inPlace := "sites: {fra: {addresses: [192.0.2.1]}}\npolicies:\n  p0: &p0 {failover: [fra]}\n"
	names := "sites: {fra: {addresses: [192.0.2.1]}}\npolicies:\n  q0: {failover: [fra]}\n"
	for i := 1; i < 30; i++ {
		now, next := string(rune('a'+i-1)), string(rune('a'+i))
		if i == 1 {
			now = "0"
		}
		merges += "  a" + next + ": &a" + next + " {<<: [" + strings.Repeat("*a"+now+", ", 9) + "*a" + now + "]}\n"
		inPlace += "  p" + next + ": &p" + next + " {failover: [*p" + now + ", *p" + now + "]}\n"
		names += "  q" + next + ": {failover: [q" + now + ", q" + now + "]}\n"
	}
	for name, text := range map[string]string{
		"aliases of lists":           laughs.String() + "policies: {web: {failover: *u}}\n",
		"merges of merges":           merges,
		"aliases of policies":        inPlace,
		"names of names":             names,
		"a mapping within itself":    "sites: &a\n  fra: {<<: *a}\n  <<: *a\n",
		"deep brackets":              "policies: " + strings.Repeat("[", 50_000),
		"deep mappings":              "policies: " + strings.Repeat("{a: ", 9_000) + strings.Repeat("}", 9_000),
		"an open quote in long text": "policies: \"" + strings.Repeat("x\n", 100_000),
		"many mistakes":              "checks:\n" + strings.Repeat("  \"?\": {}\n", 20_000),
	} {
		start := stalltest.CPU()
		c, diags := Parse([]File{{Name: "bomb.yaml", Data: []byte(text)}})
		if !diags.HasErrors() {
			_, diags = policy.Compile(c.Policies[len(c.Policies)-1], c.NewSites(), nil)
		}
		if took := stalltest.CPU() - start; took > 3*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if !diags.HasErrors() {
			t.Errorf("%s: no error", name)
		}
	}
}
