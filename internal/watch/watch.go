// Package watch owns noticing that files changed: events of the kernel where
// there are any, and a slow look at the files where they do not come (network
// file systems, a folder swapped behind a symbolic link).
//
// It does not read the files. The entry point is [Watcher.Run].
package watch

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Defaults of a [Watcher].
const (
	DefaultQuiet = 100 * time.Millisecond
	DefaultPoll  = 2 * time.Second
)

// Watcher calls back when the content of some files or folders may have
// changed. Log must be set.
type Watcher struct {
	// Paths returns what is watched now; it is asked again after each change.
	// A folder stands for the files in it, without those that begin with a dot.
	Paths func() []string
	// Quiet is how long nothing must happen before a change is reported, so
	// that a file in the middle of being written is left alone; default 100ms.
	Quiet time.Duration
	// Poll is how often the files are looked at even without an event.
	Poll time.Duration
	// Stale is asked once, when every later change will be noticed: whether
	// something changed before that, such as since the files were read. It may
	// be nil; see [Fingerprint].
	Stale func() bool
	Log   *slog.Logger
}

// Run calls changed after each change until ctx ends. changed runs in Run's
// goroutine; changes during it are reported after it.
func (w *Watcher) Run(ctx context.Context, changed func()) error {
	quiet, poll := cmp.Or(w.Quiet, DefaultQuiet), cmp.Or(w.Poll, DefaultPoll)
	events, err := fsnotify.NewWatcher()
	if err != nil {
		w.Log.Warn("no events for changed files, looking at them instead", "every", poll, "err", err)
		events = &fsnotify.Watcher{}
	} else {
		defer events.Close()
	}
	// First look after subscribing: what changed before is for Stale to tell,
	// and what changes later makes an event.
	w.subscribe(events)
	seen := Fingerprint(w.Paths())
	if w.Stale != nil && w.Stale() {
		if !w.steady(ctx, quiet, &seen) {
			return nil
		}
		changed()
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events.Events:
			settle.Reset(quiet)
			continue
		case err := <-events.Errors:
			w.Log.Debug("file events", "err", err)
			settle.Reset(quiet)
			continue
		case <-settle.C:
		case <-ticker.C:
		}
		now := Fingerprint(w.Paths())
		if now == seen {
			continue
		}
		// Wait until two looks agree: somebody may be writing.
		if !w.steady(ctx, quiet, &now) {
			return nil
		}
		seen = now
		changed()
		w.subscribe(events)
	}
}

// steady waits until the files look the same twice in a row; it reports false
// if ctx ended first.
func (w *Watcher) steady(ctx context.Context, quiet time.Duration, now *uint64) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(quiet):
		}
		next := Fingerprint(w.Paths())
		if next == *now {
			return true
		}
		*now = next
	}
}

// subscribe asks for the events of the folders that hold the paths, and of the
// paths that are folders. Watching a folder notices files renamed over others.
func (w *Watcher) subscribe(events *fsnotify.Watcher) {
	if events.Events == nil {
		return
	}
	var want []string
	for _, p := range w.Paths() {
		want = append(want, filepath.Dir(p))
		if fi, err := os.Stat(p); err == nil && fi.IsDir() {
			want = append(want, p)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for _, have := range events.WatchList() {
		if !slices.Contains(want, have) {
			_ = events.Remove(have) // it may be gone by itself
		}
	}
	for _, p := range want {
		if err := events.Add(p); err != nil {
			w.Log.Debug("file events", "path", p, "err", err)
		}
	}
}

// Fingerprint returns a number that differs when any of the files, or of those
// in the folders, does: by name, size, time, and inode, following symbolic
// links. Naming a file that a named folder has in it anyway makes no difference:
// a reload that finds a new file there must not look like one more change.
func Fingerprint(paths []string) uint64 {
	h := fnv.New64a()
	var folders []string
	for _, p := range paths {
		if fi, err := os.Stat(p); err == nil && fi.IsDir() {
			folders = append(folders, p)
			stampFolder(h, p)
		}
	}
	for _, p := range paths {
		switch fi, err := os.Stat(p); {
		case slices.ContainsFunc(folders, func(dir string) bool { return dir == p || inside(dir, p) }):
		case err != nil:
			fmt.Fprintln(h, p, "missing")
		case !fi.IsDir():
			stamp(h, p, fi)
		}
	}
	return h.Sum64()
}

// inside reports whether the look at a folder comes by path: nothing on the way
// is hidden or behind a symbolic link.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return false
	}
	parts := strings.Split(rel, string(filepath.Separator))
	at := dir
	for i, part := range parts {
		if strings.HasPrefix(part, ".") { // ".." too
			return false
		}
		at = filepath.Join(at, part)
		if fi, err := os.Lstat(at); i < len(parts)-1 && (err != nil || !fi.IsDir()) {
			return false
		}
	}
	return true
}

// stampFolder stamps the files in a folder and those below, but none that is
// hidden.
func stampFolder(w io.Writer, dir string) {
	top := dir + string(filepath.Separator)
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it vanished meanwhile; the next look sees that
		case strings.HasPrefix(d.Name(), ".") && path != top:
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if fi, err := os.Stat(path); err == nil {
			stamp(w, path, fi)
		}
		return nil
	})
}

func stamp(w io.Writer, path string, fi fs.FileInfo) {
	var inode uint64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	fmt.Fprintln(w, path, fi.Size(), fi.ModTime().UnixNano(), inode)
}
