package keepalived

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// peerVersion is the keepalived that testdata was recorded with.
const peerVersion = "2.2.7"

// TestRepairs holds vipd to the recorded answers: each complaint of
// keepalived's that names a line has a finding of vipd's at that line, and
// where keepalived says nothing vipd does. A section "NAME: apart" excepts the
// lines that it begins with and says why, or with "verdict" the exit code.
func TestRepairs(t *testing.T) {
	silent := 0
	eachCase(t, func([]string) {}, func(t *testing.T, c *testCase) {
		list := check(c.file, false)
		said := c.recorded("keepalived " + peerVersion)
		apart := " " + strings.ReplaceAll(c.recorded("apart"), ":", " ") + " "
		code, _, _ := strings.Cut(strings.TrimPrefix(said, "code "), "\n")
		complaints := parseRecorded(said)
		for _, k := range complaints {
			if k.line > 0 && !strings.Contains(apart, " "+strconv.Itoa(k.line)+" ") && !hasLine(list, k.line) {
				t.Errorf("keepalived complains of line %d, %q; vipd does not:\n%s", k.line, k.text, printed(list))
			}
		}
		if !complains(list) {
			t.Errorf("vipd finds nothing:\n%s", printed(list))
		}
		if code == "0" && len(complaints) == 0 {
			silent++
		}
		compat := check(c.file, true)
		if refused := compat.HasErrors(); refused != (code == "2" || code == "-1") && !strings.Contains(apart, " verdict ") {
			t.Errorf("keepalived's code is %s; vipd --keepalived-compat refuses: %v\n%s", code, refused, printed(compat))
		}
		c.compare("vipd", printed(list))
	})
	t.Logf("%d kinds of which keepalived says nothing", silent)
	if silent < 40 && !goldentest.Updating() {
		t.Errorf("%d kinds of which keepalived says nothing, want 40", silent)
	}
}

// TestRecorded asks keepalived again.
func TestRecorded(t *testing.T) {
	ns := newNamespace(t)
	if out, _ := exec.Command("keepalived", "--version").CombinedOutput(); !strings.Contains(string(out), "v"+peerVersion+" ") {
		t.Skip("another keepalived than " + peerVersion)
	}
	var said map[string]verdict
	eachCase(t, func(files []string) { said = ns.keepalived(t, files) }, func(t *testing.T, c *testCase) {
		c.compare("keepalived "+peerVersion, said[c.file].String())
	})
}

// testCase is one configuration of a transcript and what is recorded of it.
type testCase struct {
	t    *testing.T
	ar   *txtar.Archive
	name string
	file string // in the working folder
}

// eachCase writes every configuration of testdata into a new working folder,
// hands their names to before, and runs a test for each. The files of testdata
// are transcripts: prose, then for each case NAME.conf, "NAME: keepalived
// 2.2.7" and "NAME: vipd".
func eachCase(t *testing.T, before func(files []string), run func(t *testing.T, c *testCase)) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	archives := make([]*txtar.Archive, len(paths))
	for i, path := range paths {
		if paths[i], err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		if archives[i], err = txtar.ParseFile(path); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	var files []string
	for _, ar := range archives {
		for _, f := range ar.Files {
			if filepath.Ext(f.Name) != ".conf" {
				continue
			}
			// "␀" stands for a NUL, which a text file cannot hold.
			if err := os.WriteFile(f.Name, bytes.ReplaceAll(f.Data, []byte("␀"), []byte{0}), 0o644); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(files, f.Name) {
				t.Fatalf("two cases %s", f.Name)
			}
			files = append(files, f.Name)
		}
	}
	before(files)
	for i, ar := range archives {
		for _, f := range slices.Clone(ar.Files) {
			if name, ok := strings.CutSuffix(f.Name, ".conf"); ok {
				t.Run(strings.TrimSuffix(filepath.Base(paths[i]), ".txt")+"/"+name, func(t *testing.T) {
					run(t, &testCase{t, ar, name, f.Name})
				})
			}
		}
		if goldentest.Updating() {
			if err := os.WriteFile(paths[i], txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// recorded returns what is recorded of the case under a name, "" if nothing.
func (c *testCase) recorded(what string) string {
	for _, f := range c.ar.Files {
		if f.Name == c.name+": "+what {
			return string(f.Data)
		}
	}
	return ""
}

// compare holds got to what is recorded under a name, or records it behind the
// case.
func (c *testCase) compare(what, got string) {
	c.t.Helper()
	last := 0
	for i, f := range c.ar.Files {
		if strings.HasPrefix(f.Name, c.name+": ") || f.Name == c.file {
			last = i
		}
		if f.Name != c.name+": "+what {
			continue
		}
		if goldentest.Updating() {
			c.ar.Files[i].Data = []byte(got)
		} else if string(f.Data) != got {
			c.t.Errorf("%s: got\n%swant\n%s", f.Name, got, f.Data)
		}
		return
	}
	if !goldentest.Updating() {
		c.t.Errorf("no section %q; got\n%s", c.name+": "+what, got)
		return
	}
	c.ar.Files = slices.Insert(c.ar.Files, last+1, txtar.File{Name: c.name + ": " + what, Data: []byte(got)})
}

// parseRecorded reads the complaints of a verdict as String writes it.
func parseRecorded(s string) []complaint {
	var out []complaint
	for _, line := range strings.Split(s, "\n") {
		if strings.HasPrefix(line, "code ") || line == "" {
			continue
		}
		c := complaint{text: line}
		if n, text, ok := strings.Cut(line, ": "); ok && atoi(n) > 0 {
			c = complaint{atoi(n), text}
		}
		out = append(out, c)
	}
	return out
}

func hasLine(list diag.List, line int) bool {
	for _, d := range list {
		if d.Pos.Line == line {
			return true
		}
	}
	return false
}

// complains reports whether a list holds more than notes.
func complains(list diag.List) bool {
	for _, d := range list {
		if d.Severity != diag.Note {
			return true
		}
	}
	return false
}

func printed(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}
