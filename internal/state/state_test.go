package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLockRefusesASecondHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: got %v, want ErrLocked", err)
	}
	d.Close()
	d, err = Open(dir)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	d.Close()
}

func TestSecretSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	read := func() [16]byte {
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		both, err := d.Secrets("cookie")
		s := both.Current
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := read()
	if first == ([16]byte{}) {
		t.Error("the secret is all zero")
	}
	if second := read(); second != first {
		t.Error("the secret changed over a restart")
	}
	if fi, _ := os.Stat(filepath.Join(dir, "cookie")); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", fi.Mode())
	}
}

func TestCorruptSecretIsToldAndReplacedInMemory(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.WriteFile(filepath.Join(dir, "cookie"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := d.Secrets("cookie")
	s := both.Current
	if err == nil || s == ([16]byte{}) {
		t.Errorf("got %v, %v, want a secret and an error", s, err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "cookie")); string(data) != "short" {
		t.Error("the corrupt file was overwritten: the operator can no longer look at it")
	}
}
