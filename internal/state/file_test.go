package state

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesAreReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if data, err := d.Load("health.json"); data != nil || err != nil {
		t.Errorf("no file: got %q, %v", data, err)
	}
	for _, content := range []string{"first, which is longer", "second"} {
		if err := d.Store("health.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if data, err := d.Load("health.json"); string(data) != content || err != nil {
			t.Errorf("got %q, %v, want %q", data, err, content)
		}
	}
	if fi, _ := os.Stat(filepath.Join(dir, "health.json")); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", fi.Mode())
	}
	aside, err := d.SetAside("health.json")
	if data, _ := os.ReadFile(aside); err != nil || string(data) != "second" {
		t.Errorf("set aside: %q holds %q, %v", aside, data, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFaultsOfTheFolderAreTold(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.WriteFile(filepath.Join(dir, "big"), bytes.Repeat([]byte("x"), maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load("big"); err == nil || !strings.Contains(err.Error(), "more than 67108864 octets") {
		t.Errorf("too big: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load("folder"); err == nil {
		t.Error("a folder was read as a file")
	}
	if err := d.Store("folder", nil); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := d.Store("health.json", nil); err == nil || !strings.HasPrefix(err.Error(), "state: ") {
		t.Errorf("folder gone: %v", err)
	}
	if _, err := d.SetAside("health.json"); err == nil {
		t.Error("what is not there was set aside")
	}
}
