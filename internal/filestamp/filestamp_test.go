package filestamp

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read returns the copy that reading a file through an FS notes.
func read(t *testing.T, path string) *Copy {
	t.Helper()
	fsys := &FS{Root: filepath.Dir(path)}
	if _, err := fs.ReadFile(fsys, filepath.Base(path)); err != nil {
		t.Fatal(err)
	}
	if len(fsys.Copies) != 1 {
		t.Fatalf("%d copies noted", len(fsys.Copies))
	}
	return &fsys.Copies[0]
}

// TestSameLengthInTheSameTick writes other content of the same length again and
// again, as fast as it goes: the clock of the file system is too coarse for
// that, and no change may be missed. The times are set back, as rsync does.
func TestSameLengthInTheSameTick(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z")
	text := []byte("aaaa")
	write(t, path, string(text))
	past := time.Now().Add(-time.Hour)
	for i := range 2000 {
		c := read(t, path)
		if !c.Unchanged() {
			t.Fatalf("round %d: a file that nobody touched counts as changed", i)
		}
		text[i%4]++
		write(t, path, string(text))
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
		if c.Unchanged() {
			t.Fatalf("round %d: the change to %s is missed", i, text)
		}
	}
}

func TestContentDecidesWhereTheStampDiffers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z")
	write(t, path, "one")
	c := read(t, path)
	for what, do := range map[string]func() error{
		"touched":              func() error { return os.Chtimes(path, time.Now(), time.Now()) },
		"written again":        func() error { return os.WriteFile(path, []byte("one"), 0o644) },
		"replaced by its like": func() error { write(t, path+"2", "one"); return os.Rename(path+"2", path) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if !c.Unchanged() {
			t.Errorf("%s: counts as changed", what)
		}
	}
	if os.Remove(path); c.Unchanged() {
		t.Error("removed: counts as unchanged")
	}
}

// TestSettledFileIsNotReadAgain looks at a file that is older than the clock's
// tick: the stamp alone decides, which shows by content that is lied about.
func TestSettledFileIsNotReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z")
	write(t, path, "one")
	c, err := Look(path)
	if err != nil || c.settled {
		t.Fatalf("settled = %v, %v: a file written a moment ago", c.settled, err)
	}
	c.settled, c.sum = true, c.sum+1
	if !c.Unchanged() {
		t.Error("the content of a settled file was read")
	}
	s := c.stamp
	if now := time.Unix(0, s.changed); s.settled(now.Add(settling)) || !s.settled(now.Add(settling+1)) || s.settled(now.Add(-time.Hour)) {
		t.Error("settled at the wrong time")
	}
}

func TestFileThatChangesWhileItIsReadIsLookedAtAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z")
	write(t, path, "one")
	fsys := &FS{Root: filepath.Dir(path)}
	f, err := fsys.Open("z")
	if err != nil {
		t.Fatal(err)
	}
	var b [3]byte
	if _, err := f.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	write(t, path, "two")
	f.Close()
	if fsys.Copies[0].Unchanged() {
		t.Error("what was read counts as what is there")
	}
}
