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
	seen := Fingerprint(w.Paths())
	w.subscribe(events)
	if w.Stale != nil && w.Stale() {
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
// links.
func Fingerprint(paths []string) uint64 {
	h := fnv.New64a()
	for _, p := range paths {
		fi, err := os.Stat(p)
		if err != nil {
			fmt.Fprintln(h, p, "missing")
			continue
		}
		if !fi.IsDir() {
			stamp(h, p, fi)
			continue
		}
		_ = filepath.WalkDir(p+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil // it vanished meanwhile; the next look sees that
			case strings.HasPrefix(d.Name(), ".") && path != p+string(filepath.Separator):
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case d.IsDir():
				return nil
			}
			if fi, err := os.Stat(path); err == nil {
				stamp(h, path, fi)
			}
			return nil
		})
	}
	return h.Sum64()
}

func stamp(w io.Writer, path string, fi fs.FileInfo) {
	var inode uint64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	fmt.Fprintln(w, path, fi.Size(), fi.ModTime().UnixNano(), inode)
}
