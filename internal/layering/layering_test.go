// Package layering holds the test that keeps the arrows between packages
// pointing down: core packages decide and touch nothing, adapters touch one
// outside thing each and decide nothing, runtimes join the two, commands wire.
package layering

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/geodns-vipd/geodns/"

// Layers of the repository, from the bottom up. A package may import packages
// of its own layer only in the core, and of lower layers anywhere.
const (
	core   = iota
	shared // what adapters have in common; imports nothing of ours
	adapter
	runtime
	command
	outside // tools and test helpers: bound by nothing, imported by no product package
)

// layerOf says where a package belongs. A new package must be placed here by
// its folder, or the test fails.
func layerOf(pkg string) (layer int, known bool) {
	switch {
	case pkg == "internal/httpjson":
		return shared, true
	case pkg == "pkg/health/probe":
		return adapter, true
	case strings.HasPrefix(pkg, "pkg/"), pkg == "zones":
		return core, true
	case pkg == "internal/geodns", pkg == "internal/vipd":
		return runtime, true
	case strings.HasPrefix(pkg, "cmd/"):
		return command, true
	case strings.HasPrefix(pkg, "tools/"), pkg == "internal/layering",
		strings.HasPrefix(pkg, "test/"), pkg == "bench", strings.HasSuffix(pkg, "test"):
		return outside, true
	case strings.HasPrefix(pkg, "internal/"):
		return adapter, true
	}
	return 0, false
}

// coreArrows are the only imports allowed between core packages.
var coreArrows = map[string][]string{
	"pkg/diag":       {},
	"pkg/yamlpos":    {"pkg/diag"},
	"pkg/dnswire":    {},
	"pkg/geo":        {},
	"pkg/health":     {},
	"pkg/vrrp":       {},
	"pkg/keepalived": {"pkg/diag"},
	"pkg/zone":       {"pkg/dnswire", "pkg/diag"},
	"pkg/rrl":        {"pkg/dnswire"},
	"pkg/toplist":    {},
	"pkg/querylog":   {"pkg/answer", "pkg/dnswire"},
	"pkg/policy":     {"pkg/geo", "pkg/health", "pkg/diag", "pkg/dnswire"},
	"pkg/steering":   {"pkg/policy", "pkg/geo", "pkg/health", "pkg/diag", "pkg/yamlpos"},
	"pkg/simulate":   {"pkg/policy", "pkg/geo", "pkg/health"},
	"pkg/delegation": {"pkg/zone", "pkg/dnswire"},
	"pkg/route53":    {"pkg/diag"},
	"zones":          {}, // the embedded example
	"pkg/answer":     {"pkg/diag", "pkg/zone", "pkg/policy", "pkg/geo", "pkg/health", "pkg/dnswire"},
}

// forbiddenInCore are packages through which a decision could touch the world.
var forbiddenInCore = []string{"os", "net", "log", "log/slog", "os/exec", "syscall", "math/rand", "net/http"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range list(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		layer, known := layerOf(pkg)
		if !known {
			t.Errorf("%s: in no layer; see docs/architecture.md and layerOf", pkg)
			continue
		}
		if layer == outside {
			continue
		}
		for _, imp := range p.Imports {
			if layer == core && slices.Contains(forbiddenInCore, imp) {
				t.Errorf("%s imports %s: the core touches nothing outside", pkg, imp)
			}
			if !strings.HasPrefix(imp, module) {
				continue
			}
			to := strings.TrimPrefix(imp, module)
			if why := refuse(pkg, layer, to); why != "" {
				t.Errorf("%s imports %s: %s", pkg, to, why)
			}
		}
	}
}

// refuse returns why pkg may not import to, or "" if it may.
func refuse(pkg string, layer int, to string) string {
	toLayer, _ := layerOf(to)
	switch {
	case toLayer == outside:
		return "tools and test helpers are not part of the product"
	case toLayer > layer:
		return "arrows point down only"
	case layer == shared:
		return "what adapters share imports nothing of ours"
	case layer == adapter && toLayer == adapter:
		return "no adapter imports another; the runtime joins them"
	case layer == core:
		allowed, listed := coreArrows[pkg]
		if !listed {
			return "a new core package: write its arrows into coreArrows"
		}
		if !slices.Contains(allowed, to) {
			return "not among its arrows " + strings.Join(allowed, ", ")
		}
	}
	return ""
}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"pkg/zone", "pkg/dnswire", true},
		{"pkg/dnswire", "pkg/zone", false},
		{"pkg/zone", "pkg/policy", false},
		{"pkg/answer", "internal/dnsserver", false},
		{"internal/dnsserver", "internal/metrics", false},
		{"internal/control", "internal/httpjson", true},
		{"internal/httpjson", "internal/control", false},
		{"internal/httpjson", "pkg/diag", false},
		{"pkg/zone", "internal/httpjson", false},
		{"internal/dnsserver", "pkg/dnswire", true},
		{"internal/geodns", "internal/dnsserver", true},
		{"internal/geodns", "cmd/geodns", false},
		{"cmd/geodns", "internal/geodns", true},
		{"internal/geodns", "internal/geodb/geodbtest", false},
	} {
		layer, _ := layerOf(c.from)
		if got := refuse(c.from, layer, c.to); (got == "") != c.ok {
			t.Errorf("%s → %s: got %q, want allowed=%v", c.from, c.to, got, c.ok)
		}
	}
}

func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+path.Join("..."))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list found no packages")
	}
	return pkgs
}
