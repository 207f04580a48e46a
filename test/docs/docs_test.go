package docs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var program = flag.String("geodns", "", "program to test; built if empty")

// bin is the folder of the program.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	if signal.Ignored(os.Interrupt) { // run in the background by a shell: what a document starts must hear Ctrl-C all the same
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	dir, err := os.MkdirTemp("", "geodns-docs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	target := filepath.Join(dir, "geodns")
	if *program != "" {
		err = os.Symlink(*program, target)
	} else {
		build := exec.Command("go", "build", "-o", target, "../../cmd/geodns")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "geodns:", err)
		return 1
	}
	return m.Run()
}

// root is the folder of the repository.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents are all files for people, from the root of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	out := []string{"README.md", "CHANGELOG.md"}
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, f := range found {
		out = append(out, filepath.Join("docs", filepath.Base(f)))
	}
	return out
}

// TestDocuments does what each document says.
func TestDocuments(t *testing.T) {
	for _, name := range documents(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".md"), func(t *testing.T) {
			t.Parallel()
			steps, err := parse(read(t, name))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(steps) == 0 {
				return
			}
			needPrograms(t, steps)
			w := newWorld(t, bin)
			for i, s := range steps {
				if err := w.do(s); err != nil {
					t.Fatalf("%s:%d: %v", name, s.line, err)
				}
				if i+1 == len(steps) || steps[i+1].kind == newFolder {
					w.mustLoad(fmt.Sprintf("%s:%d", name, s.line))
				}
			}
		})
	}
}

// needPrograms skips a document whose commands are not all on this machine.
func needPrograms(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		cmds, _ := s.commands()
		for _, c := range cmds {
			first, _, _ := strings.Cut(c.text, " ")
			if s.kind != runCommands || strings.HasPrefix(first, "bin/") || first == "geodns" || s.marks["as"] != "" {
				continue
			}
			probe := "type " + first
			if first == "python3" {
				probe = "python3 -c 'import http.server'" // not in python3-minimal
			}
			if err := exec.Command("bash", "-c", probe).Run(); err != nil {
				t.Skipf("%s is not installed, or not all of it", first)
			}
		}
	}
}

// do carries out one step.
func (w *world) do(s step) error {
	switch s.kind {
	case newFolder:
		w.folder()
	case writeFile:
		w.write(s.name, s.text)
		w.refused = false
	case stopJob:
		return w.stop(s.name)
	case awaitLog:
		return w.await(s.name, "…\n"+s.text)
	case runCommands:
		return w.block(s)
	}
	return nil
}

// block runs the commands of one block.
func (w *world) block(s step) error {
	cmds, err := s.commands()
	if err != nil {
		return err
	}
	for i, c := range cmds {
		text := c.text
		if as := s.marks["as"]; as != "" {
			text = as
		}
		if name := s.marks["job"]; name != "" {
			err = w.start(name, text, c.output)
		} else {
			want := 0
			if i == len(cmds)-1 && s.marks["exit"] != "" {
				want, _ = strconv.Atoi(s.marks["exit"])
			}
			_, soon := s.marks["soon"]
			err = w.compare(text, c.output, want, soon)
			w.refused = strings.HasPrefix(text, "geodns check") && want != 0 || w.refused
		}
		if err != nil {
			return fmt.Errorf("$ %s: %w", c.text, err)
		}
	}
	return nil
}

// compare runs a command once, or until it prints what is shown.
func (w *world) compare(text, shown string, want int, soon bool) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		got, code := w.run(text)
		if code == want && matches(shown, got, false) {
			return nil
		}
		if !soon || time.Now().After(deadline) {
			return fmt.Errorf("it ended with %d and printed\n%swant %d and\n%s", code, got, want, shown)
		}
	}
}

// mustLoad loads what the folder holds by now: no mistake, and no warning that
// the document does not show. What a fragment leaves out is added.
func (w *world) mustLoad(where string) {
	w.t.Helper()
	if w.refused || w.isEmpty() {
		return
	}
	w.stopAll()
	w.complete()
	got, code := w.run("geodns check")
	if code != 0 || !allWell.MatchString(plain(got)) {
		w.t.Errorf("%s: the files up to here:\n%s", where, got)
	}
}

func (w *world) isEmpty() bool {
	found := w.glob("*.yaml", "zones/*")
	return len(found) == 0
}

func (w *world) glob(patterns ...string) []string {
	var out []string
	for _, p := range patterns {
		found, _ := filepath.Glob(filepath.Join(w.dir, p))
		out = append(out, found...)
	}
	return out
}

// complete adds a geodns.yaml and a zone where a document shows neither. The
// zone has a STEER for each policy and site.
func (w *world) complete() {
	w.t.Helper()
	if len(w.glob("geodns.yaml")) == 0 {
		w.write("geodns.yaml", "zones: zones\ngeo: {database: [geo/GeoLite2-City.mmdb, geo/GeoLite2-ASN.mmdb, builtin]}\n")
	}
	if len(w.glob("zones/*.zone")) > 0 {
		return
	}
	zone := "$TTL 300\n@ SOA ns1.example.net. hostmaster 1 3600 600 604800 300\n@ NS ns1.example.net.\n"
	for _, f := range w.glob("zones/*.yaml") {
		data, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		var names struct{ Sites, Policies map[string]yaml.Node }
		if err := yaml.Unmarshal(data, &names); err != nil {
			w.t.Fatalf("%s: %v", f, err)
		}
		for n := range names.Sites {
			zone += "s-" + n + " 30 STEER " + n + "\n"
		}
		for n := range names.Policies {
			zone += "p-" + n + " 30 STEER " + n + "\n"
		}
	}
	w.write("zones/example.com.zone", zone)
}

// allWell is what check prints of files without a mistake: how fast names fail
// over, if anything is checked, and that all is well.
var allWell = regexp.MustCompile(`\A(?:A DEAD SITE IS AVOIDED WITHIN +AT .*\n(?:(?:[0-9a-zµ.]+ +|and \d+ more names).*\n)+)?ok: `)

// TestExampleLoads loads the example that geodns demo runs.
func TestExampleLoads(t *testing.T) {
	w := newWorld(t, bin)
	got, code := w.run("geodns check --zones '" + mustAbs(t, filepath.Join(root, "zones")) + "'")
	if code != 0 || !allWell.MatchString(plain(got)) {
		t.Errorf("geodns check: code %d\n%s", code, got)
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

var link = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)

// TestLinksLeadSomewhere follows the links between the documents.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			target, anchor := filepath.Join(filepath.Dir(name), m[1]), m[2]
			if m[1] == "" {
				target = name
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && !anchors(read(t, target))[anchor] {
				t.Errorf("%s: %s has no heading #%s", name, target, anchor)
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors returns the anchors of a document's headings as forges make them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			out[strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(title), ""), " ", "-")] = true
		}
	}
	return out
}
