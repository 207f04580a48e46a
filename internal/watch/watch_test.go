package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// run watches paths and returns a channel that gets a value for each change.
func run(t *testing.T, paths ...string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, done, looked := make(chan struct{}, 16), make(chan struct{}), make(chan struct{})
	w := &Watcher{
		Paths: func() []string { return paths },
		Quiet: 20 * time.Millisecond, Poll: 200 * time.Millisecond,
		Stale: func() bool { close(looked); return false },
		Log:   slog.New(slog.DiscardHandler),
	}
	go func() {
		_ = w.Run(ctx, func() { out <- struct{}{} })
		close(done)
	}()
	t.Cleanup(func() { cancel(); <-done })
	<-looked
	return out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: no change reported", what)
	}
	// A pause in the middle of the change makes two of it.
	for {
		select {
		case <-ch:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

func expectNone(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
		t.Fatalf("%s: a change was reported", what)
	case <-time.After(400 * time.Millisecond):
	}
}

func TestChangesInAFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.zone", "1")
	ch := run(t, dir)
	write(t, dir+"/a.zone", "22")
	expect(t, ch, "write")
	write(t, dir+"/tmp", "333")
	expect(t, ch, "new file")
	if err := os.Rename(dir+"/tmp", dir+"/a.zone"); err != nil {
		t.Fatal(err)
	}
	expect(t, ch, "rename over")
	if err := os.Remove(dir + "/a.zone"); err != nil {
		t.Fatal(err)
	}
	expect(t, ch, "remove")
	write(t, dir+"/.a.zone.swp", "x")
	expectNone(t, ch, "dot file")
}

// TestFolderBehindLinks is how Kubernetes swaps the files of a ConfigMap, and
// how releases are switched by a symbolic link.
func TestFolderBehindLinks(t *testing.T) {
	base := t.TempDir()
	for i, v := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(base, v), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(base, v, "a.zone"), string(rune('1'+i)))
	}
	current := filepath.Join(base, "current")
	if err := os.Symlink("v1", current); err != nil {
		t.Fatal(err)
	}
	ch := run(t, current)
	if err := os.Symlink("v2", current+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(current+".new", current); err != nil {
		t.Fatal(err)
	}
	expect(t, ch, "link switched")
}

func TestChangesBeforeTheFirstLook(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.zone", "1")
	before := Fingerprint([]string{dir})
	for _, c := range []struct {
		what   string
		change func()
		want   int
	}{
		{"nothing", func() {}, 0},
		{"a changed file", func() { write(t, dir+"/a.zone", "22") }, 1},
	} {
		c.change()
		ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
		if c.want > 0 {
			ctx, cancel = context.WithTimeout(context.Background(), 20*time.Second)
		}
		defer cancel()
		reported := 0
		w := &Watcher{
			Paths: func() []string { return []string{dir} },
			Quiet: 20 * time.Millisecond,
			Stale: func() bool { return Fingerprint([]string{dir}) != before },
			Log:   slog.New(slog.DiscardHandler),
		}
		report := func() {
			reported++
			time.AfterFunc(400*time.Millisecond, cancel) // no other comes
		}
		if err := w.Run(ctx, report); err != nil || reported != c.want {
			t.Errorf("%s: %d changes reported, want %d (%v)", c.what, reported, c.want, err)
		}
	}
}

// TestFilesOfAWatchedFolderAreSeenOnce names files that a folder has in it
// anyway, and files that it has not.
func TestFilesOfAWatchedFolderAreSeenOnce(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"/zones/part", "/zones/.hidden", "/zones2", "/far"} {
		if err := os.MkdirAll(dir+sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir+"/far", dir+"/zones/link"); err != nil {
		t.Fatal(err)
	}
	alone := Fingerprint([]string{dir + "/zones"})
	for _, c := range []struct {
		file string
		once bool
	}{
		{"/zones/a.zone", true}, {"/zones/part/www", true}, {"/zones/not.there", true},
		{"/zones/.hidden/www", false}, {"/zones/link/www", false}, {"/zones2/a.zone", false}, {"/zones2/not.there", false},
	} {
		if filepath.Base(c.file) != "not.there" {
			write(t, dir+c.file, "1")
			alone = Fingerprint([]string{dir + "/zones"})
		}
		with := []string{dir + "/zones", dir + c.file}
		before := Fingerprint(with)
		if (before == alone) != c.once {
			t.Errorf("%s: makes a difference: %v, want %v", c.file, before != alone, !c.once)
		}
		write(t, dir+c.file, "22")
		if Fingerprint(with) == before {
			t.Errorf("%s: its change makes no difference", c.file)
		}
		alone = Fingerprint([]string{dir + "/zones"})
	}
}

// TestChangesWithoutEndAreReported writes without pause: the change is reported
// all the same, and not for each write.
func TestChangesWithoutEndAreReported(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	reports, done := make(chan struct{}, 1000), make(chan struct{})
	w := &Watcher{Paths: func() []string { return []string{dir} }, Longest: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	go func() {
		_ = w.Run(ctx, func() { reports <- struct{}{} })
		close(done)
	}()
	stall, begin, end := stalltest.Start(t), time.Now(), time.Now().Add(20*time.Second)
	for i := 0; time.Now().Before(end) && (time.Since(begin) < time.Second || len(reports) < 2); i++ {
		write(t, dir+"/a.zone", string(make([]byte, i%100)))
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-done
	took := time.Since(begin)
	n := len(reports)
	if stood := stall.Lost(); n < 2 || took > 1200*time.Millisecond+stood || n > 1+int((took+2*stood)/w.Longest) { // where writing stood still it was quiet
		t.Errorf("%d reports in %v of changes, each of which may wait %v; stood still for %v", n, took, w.Longest, stood)
	}
}

// TestLooksThatTakeLongAreRare: where a look takes five milliseconds, hardly one is
// made in the time of a hundred.
func TestLooksThatTakeLongAreRare(t *testing.T) {
	var looks atomic.Int64
	dir := t.TempDir()
	w := &Watcher{Poll: time.Millisecond, Log: slog.New(slog.DiscardHandler), Paths: func() []string {
		looks.Add(1)
		time.Sleep(5 * time.Millisecond)
		return []string{dir}
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := w.Run(ctx, func() { t.Error("a change is reported") }); err != nil {
		t.Fatal(err)
	}
	if n := looks.Load(); n < 3 || n > 6 { // two of them to begin with
		t.Errorf("%d looks", n)
	}
}
