package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// files maps paths within a folder to contents.
type files map[string]string

// write writes the files under dir, each in one step: a server that watches
// finds the old content or the new.
func (f files) write(t testing.TB, dir string) {
	t.Helper()
	for name, text := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
		if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, path); err != nil {
			t.Fatal(err)
		}
	}
}

// folder returns a new folder with the given files and a geodns.yaml that
// listens on loopback at any port, unless they hold one.
func folder(t testing.TB, f files) string {
	t.Helper()
	dir := t.TempDir()
	f.write(t, dir)
	if _, ok := f["geodns.yaml"]; !ok {
		files{"geodns.yaml": basicConfig}.write(t, dir)
	}
	return dir
}

const basicConfig = `listen: ["127.0.0.1:0"]
admin: 127.0.0.1:0
state: state
`

// zoneText returns a zone file with the given lines below its SOA and NS.
func zoneText(lines string) string {
	return "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n" + lines
}
