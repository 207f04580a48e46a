package keepalived

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata; only commit what you understand")

// TestTranscripts runs every testdata/*.txt. The prose at its head says what
// is proved; then come the files of a configuration, of which main.conf is
// the first (a file "use NAME" stands for testdata/NAME), and what is printed
// about it: by default, with --keepalived-compat, on a machine, or of a pair.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			runTranscript(t, ar)
			if *update {
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func runTranscript(t *testing.T, ar *txtar.Archive) {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, f := range ar.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	first := "main.conf"
	for _, line := range strings.Split(string(ar.Comment), "\n") {
		if name, ok := strings.CutPrefix(line, "file: "); ok {
			data, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			fsys[name] = &fstest.MapFile{Data: data}
			first = name
		}
	}
	seen := false
	for i, f := range ar.Files {
		name, arg, _ := strings.Cut(f.Name, " ")
		var got string
		switch name {
		case "check":
			got = checked(fsys, first, Options{ConfigID: arg, Hostname: "node1.example.com"})
		case "compat":
			got = checked(fsys, first, Options{ConfigID: arg, Hostname: "node1.example.com", Compat: true})
		case "pair":
			a, b, _ := strings.Cut(arg, " ")
			ca, _ := Parse(fsys, a, Options{})
			cb, _ := Parse(fsys, b, Options{})
			got = printed(Pair(ca, cb))
		default:
			continue
		}
		seen = true
		if *update {
			ar.Files[i].Data = []byte(got)
		} else if !bytes.Equal(f.Data, []byte(got)) {
			t.Errorf("%s: got\n%s\nwant\n%s", f.Name, got, f.Data)
		}
	}
	if !seen {
		t.Error("nothing is checked here")
	}
}

func checked(fsys fs.FS, name string, opt Options) string {
	cfg, diags := Parse(fsys, name, opt)
	if !diags.HasErrors() {
		diags = append(diags, Describe(cfg)...)
		diags.Sort()
	}
	return printed(diags)
}

func printed(l diag.List) string {
	var b strings.Builder
	for _, d := range l {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}
