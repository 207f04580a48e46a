package machine

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		found, dir, exe bool
	}{
		{"sh", true, false, true},
		{"/bin/sh", true, false, true},
		{"no-such-program-anywhere", false, false, false},
		{filepath.Join(dir, "missing"), false, false, false},
		{script, true, false, false},
		{dir, true, true, true},
	} {
		p := program(c.name)
		if (p.Path != "") != c.found || p.Dir != c.dir || p.Executable != c.exe {
			t.Errorf("%s: got %+v", c.name, p)
		}
	}
}

func TestWhoElseMayWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs files of root")
	}
	dir := t.TempDir() // below /tmp, which has the sticky bit
	open := filepath.Join(dir, "open")
	script := filepath.Join(open, "script")
	link := filepath.Join(dir, "link")
	if err := os.MkdirAll(open, 0o755); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(script, nil, 0o755)
	os.Symlink(script, link)
	check := func(why, want string) {
		t.Helper()
		for _, path := range []string{script, link} {
			if got := writable(path); got != want {
				t.Errorf("%s, %s: got %q, want %q", why, filepath.Base(path), got, want)
			}
		}
	}
	check("root alone", "")
	os.Chmod(open, 0o777)
	check("folder open to all", open)
	os.Chmod(script, 0o777)
	check("both, the nearest is told", script)
	os.Chmod(open, 0o755)
	os.Chmod(script, 0o755)
	os.Chown(script, 65534, 0)
	check("file of another user", script)
}

func TestTables(t *testing.T) {
	etc, usr := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(etc, "rt_tables"), []byte("# comment\n100 site # ours\n0x65 hex\nbad line\n"), 0o644)
	os.MkdirAll(filepath.Join(etc, "rt_tables.d"), 0o755)
	os.WriteFile(filepath.Join(etc, "rt_tables.d", "a.conf"), []byte("102\textra\n"), 0o644)
	os.WriteFile(filepath.Join(usr, "rt_tables"), []byte("999 site\n103 vendor\n"), 0o644)
	want := map[string]uint32{"default": 253, "main": 254, "local": 255, "site": 100, "hex": 0x65, "extra": 102, "vendor": 103}
	if got := tableIDs(etc, usr, "/no/such/folder"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if f := file(path); f.Exists {
		t.Errorf("missing: %+v", f)
	}
	os.WriteFile(path, nil, 0o600)
	if f := file(path); !f.Exists || f.Readable {
		t.Errorf("0600: %+v", f)
	}
	os.Chmod(path, 0o644)
	if f := file(path); !f.Readable {
		t.Errorf("0644: %+v", f)
	}
}

func TestNumberFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"number": " 12 \nmore\n", "word": "twelve\n", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	there := keepalived.NumberFile{Folder: true, Exists: true, Opens: true}
	number := there
	number.Number = true
	for name, want := range map[string]keepalived.NumberFile{
		"number":    number,
		"word":      there,
		"empty":     there,
		"pipe":      {Folder: true, Exists: true, Odd: true},
		"gone":      {Folder: true},
		".":         {Folder: true, Exists: true, Dir: true},
		"none/gone": {},
	} {
		if got := numberFile(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
