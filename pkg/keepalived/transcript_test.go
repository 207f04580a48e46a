package keepalived

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// TestTranscripts runs every testdata/*.txt. The prose at its head says what
// is proved; a line "file: NAME" in it names a file of testdata. Then come the
// files of a configuration, of which main.conf is the first, and what is said
// about it: "check ID" with that configuration id, "compat ID" with
// --keepalived-compat, "values" for the configuration itself, "machine" on the
// machine in facts.json, "pair A B" for two files.
func TestTranscripts(t *testing.T) {
	goldentest.Run(t, "testdata/*.txt", func(t *testing.T, text string) string {
		ar := txtar.Parse([]byte(text))
		runTranscript(t, ar)
		return string(txtar.Format(ar))
	})
}

// runTranscript writes into an archive what is said now.
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
		case "values":
			cfg, _ := Parse(fsys, first, Options{Hostname: "node1.example.com"})
			var b strings.Builder
			dump(&b, "", reflect.ValueOf(*cfg))
			got = b.String()
		case "machine":
			got = onMachine(t, fsys, first, arg == "compat")
		case "pair":
			a, b, _ := strings.Cut(arg, " ")
			ca, _ := Parse(fsys, a, Options{})
			cb, _ := Parse(fsys, b, Options{})
			got = printed(Pair(ca, cb))
		default:
			continue
		}
		seen = true
		ar.Files[i].Data = []byte(got)
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

// dump writes every exported value that is not zero, a line each.
func dump(b *strings.Builder, path string, v reflect.Value) {
	plain := v.Kind() != reflect.Struct || v.Type().PkgPath() == "net/netip" || v.Type() == reflect.TypeFor[Secret]()
	if s, ok := v.Interface().(fmt.Stringer); ok && plain && v.Kind() != reflect.Pointer {
		if !v.IsZero() {
			fmt.Fprintf(b, "%s = %s\n", path, s)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			dump(b, path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			dump(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Name != "Pos" {
				dump(b, strings.TrimPrefix(path+"."+f.Name, "."), v.Field(i))
			}
		}
	default:
		if !v.IsZero() {
			fmt.Fprintf(b, "%s = %v\n", path, v)
		}
	}
}

// onMachine checks a configuration against the machine in facts.json.
func onMachine(t *testing.T, fsys fs.FS, name string, compat bool) string {
	t.Helper()
	cfg, _ := Parse(fsys, name, Options{Compat: compat})
	data, err := fs.ReadFile(fsys, "facts.json")
	if err != nil {
		t.Fatal(err)
	}
	var facts Facts
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	return printed(CheckMachine(cfg, facts))
}

func printed(l diag.List) string {
	var b strings.Builder
	for _, d := range l {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}
