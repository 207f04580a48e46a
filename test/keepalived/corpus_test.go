package keepalived

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/vipd"
	"github.com/geodns-vipd/geodns/pkg/diag"
	conf "github.com/geodns-vipd/geodns/pkg/keepalived"
)

// TestCorpus compares the verdicts of keepalived -t and vipd check over every
// configuration in the folder $KEEPALIVED_CORPUS, in a namespace that has the
// interfaces which the configurations name. It is for the samples of
// keepalived's repository, or anybody's collection, neither of which is kept
// here.
//
// With --keepalived-compat both refuse, or neither; without, vipd may refuse
// more. What keepalived complains of vipd names at the same line, or in the
// same block where keepalived tells no line.
func TestCorpus(t *testing.T) {
	folder := os.Getenv("KEEPALIVED_CORPUS")
	if folder == "" {
		t.Skip("KEEPALIVED_CORPUS names no folder")
	}
	var files []string
	filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(filepath.Base(path), ".conf") {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		t.Fatalf("no configurations in %s", folder)
	}
	others := interfacesOf(files)
	ns := newNamespace(t, others...)
	said := ns.keepalived(t, files)
	for _, path := range files {
		t.Run(strings.TrimPrefix(path, folder+"/"), func(t *testing.T) { compareFile(t, path, said[path], others) })
	}
}

func compareFile(t *testing.T, path string, said verdict, interfaces []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg, compat := vipd.LoadConfig(path, vipd.LoadOptions{NoMachine: true, Compat: true})
	own := corpusFacts(cfg, interfaces)
	compat = append(compat, conf.CheckMachine(cfg, own)...)
	strictCfg, strict := vipd.LoadConfig(path, vipd.LoadOptions{NoMachine: true})
	strict = append(strict, conf.CheckMachine(strictCfg, own)...)
	compat.Sort()
	strict.Sort()
	t.Logf("keepalived: %svipd:\n%swith --keepalived-compat:\n%s", said, printed(strict), printed(compat))

	// The one word that keepalived carries out and vipd refuses in any mode: a
	// pair of which one signs and the other does not has two masters.
	signs := regexp.MustCompile(`(?m)^\s*auth_type\s+AH\b`).Match(text)
	// And keepalived itself ends where keepalived -t goes on.
	ends := slices.ContainsFunc(said.complaints, func(c complaint) bool {
		return strings.HasSuffix(c.text, "Unknown interface!") || strings.HasSuffix(c.text, "the virtual router id must be set")
	})
	if refused := said.code == 2 || said.code < 0 || signs || ends; compat.HasErrors() != refused {
		t.Errorf("keepalived's code is %d, vipd --keepalived-compat refuses: %v", said.code, compat.HasErrors())
	}
	for _, c := range said.complaints {
		first, last := c.line, c.line
		if c.line == 0 {
			first, last = blockOf(string(text), c.text)
		}
		for mode, list := range map[string]string{"": lines(strict), " --keepalived-compat": lines(compat)} {
			if !within(list, first, last) {
				t.Errorf("keepalived complains of line %d, %q; vipd%s does not", c.line, c.text, mode)
			}
		}
	}
}

// lines returns the numbers of the lines that have a finding.
func lines(list []diag.Diag) string {
	var b strings.Builder
	for _, d := range list {
		if d.Severity != diag.Note || strings.HasPrefix(d.What, "no file matches") {
			b.WriteString(" " + strconv.Itoa(d.Pos.Line))
		}
	}
	return b.String()
}

// within reports whether one of the lines lies between first and last.
func within(list string, first, last int) bool {
	return slices.ContainsFunc(strings.Fields(list), func(s string) bool { n := atoi(s); return n >= first && n <= last })
}

// blockOf returns the lines of the block that a complaint names; all lines if
// it names none.
func blockOf(text, complaint string) (first, last int) {
	rows := strings.Split(text, "\n")
	for i, row := range rows {
		w := strings.Fields(strings.TrimSuffix(strings.TrimSpace(row), "{"))
		if len(w) < 2 || !strings.HasPrefix(w[0], "vrrp_") || !regexp.MustCompile(`\b`+regexp.QuoteMeta(w[1])+`\b`).MatchString(complaint) {
			continue
		}
		depth := 0
		for j := i; j < len(rows); j++ {
			if depth += strings.Count(rows[j], "{") - strings.Count(rows[j], "}"); depth <= 0 && j > i {
				return i + 1, j + 1
			}
		}
	}
	return 0, len(rows)
}

var namedInterface = regexp.MustCompile(`(?m)(?:^\s*(?:interface|default_interface)|\b(?:dev|iif|oif))\s+([A-Za-z][\w.-]{0,14})`)

// interfacesOf returns the interfaces that files name, but for eth0 and eth1.
func interfacesOf(files []string) []string {
	found := map[string]bool{}
	for _, path := range files {
		text, _ := os.ReadFile(path)
		for _, m := range namedInterface.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	delete(found, "eth0")
	delete(found, "eth1")
	delete(found, "lo")
	var out []string
	for name := range found {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// corpusFacts are the facts of the namespace: the interfaces that were made,
// and programs as on this machine.
func corpusFacts(cfg *conf.Config, interfaces []string) conf.Facts {
	f := facts(cfg)
	for i, name := range interfaces {
		f.Interfaces = append(f.Interfaces, conf.Interface{Name: name, Up: true, Addrs: []conf.InterfaceAddr{
			{Prefix: netip.MustParsePrefix("10.97." + strconv.Itoa(i) + ".1/24")}, {Prefix: netip.MustParsePrefix("fe80::1:2/64")},
		}})
	}
	for _, name := range cfg.Programs() {
		if _, err := os.Stat(name); err == nil {
			f.Programs[name] = conf.Program{Path: name, Executable: true}
		}
	}
	return f
}
