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
	"hash"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Defaults of a [Watcher].
const (
	DefaultQuiet = 100 * time.Millisecond
	DefaultPoll  = 2 * time.Second
	// DefaultLongest bounds the waiting for quiet: where something always
	// changes, what changed first must not wait for ever.
	DefaultLongest = 2 * time.Second
	// maxShare is the least time between two looks without an event, in times of
	// what a look takes: hundreds of thousands of files must not keep a processor
	// busy.
	maxShare = 100
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
	// Longest bounds how long a change waits for that; default 2s.
	Longest time.Duration
	// Poll is how often the files are looked at even without an event; default
	// 2s. It is less often where a look takes long, so that looking takes at most
	// a hundredth of the time.
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
	longest := cmp.Or(w.Longest, DefaultLongest)
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
		if !w.steady(ctx, quiet, time.Now().Add(longest), &seen) {
			return nil
		}
		changed()
	}
	look := time.NewTimer(poll)
	defer look.Stop()
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	var latest time.Time // until when the change that is waited for waits; zero if none is
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events.Events:
		case err := <-events.Errors:
			w.Log.Debug("file events", "err", err)
		case <-settle.C:
			w.report(ctx, quiet, latest, &seen, changed, events)
			latest = time.Time{}
			continue
		case <-look.C:
			begun, next := time.Now(), poll
			if latest.IsZero() && !w.report(ctx, quiet, begun.Add(longest), &seen, changed, events) {
				next = max(poll, maxShare*time.Since(begun))
			}
			look.Reset(next)
			continue
		}
		if latest.IsZero() {
			latest = time.Now().Add(longest)
		}
		settle.Reset(max(0, min(quiet, time.Until(latest))))
	}
}

// report calls changed if the files do not look as seen, once they look the
// same twice in a row or latest has come; it reports whether it did.
func (w *Watcher) report(ctx context.Context, quiet time.Duration, latest time.Time, seen *uint64, changed func(), events *fsnotify.Watcher) bool {
	now := Fingerprint(w.Paths())
	if now == *seen || !w.steady(ctx, quiet, latest, &now) {
		return false
	}
	*seen = now
	changed()
	w.subscribe(events)
	return true
}

// steady waits until the files look the same twice in a row, since somebody may
// be writing, but not beyond latest; it reports false if ctx ended first.
func (w *Watcher) steady(ctx context.Context, quiet time.Duration, latest time.Time, now *uint64) bool {
	for {
		wait := min(quiet, time.Until(latest))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		next := Fingerprint(w.Paths())
		if next == *now || wait < quiet {
			*now = next
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
	paths := w.Paths()
	want := look(paths).folders
	for _, p := range paths {
		want = append(want, filepath.Dir(p))
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
// in the folders, does: by name, size, times, and inode, following symbolic
// links. Naming a file that a named folder has in it anyway makes no difference:
// a reload that finds a new file there must not look like one more change.
func Fingerprint(paths []string) uint64 { return look(paths).hash.Sum64() }

// look looks at files and folders.
func look(paths []string) *fingerprint {
	f := &fingerprint{hash: fnv.New64a(), seen: make(map[string]bool, 2*len(paths))}
	paths = slices.Clone(paths)
	slices.Sort(paths) // a folder comes before the files in it
	for _, p := range paths {
		p = filepath.Clean(p)
		if f.seen[p] {
			continue
		}
		f.seen[p] = true
		switch fi, err := os.Stat(p); {
		case err == nil && fi.IsDir():
			f.folders = append(f.folders, p)
			f.folder(p)
		case slices.ContainsFunc(f.folders, func(dir string) bool { return inside(dir, p) }):
			// It is missing, or the look at the folder would have come by.
		case err != nil:
			fmt.Fprintln(f.hash, p, "missing")
		default:
			f.file(p, fi)
		}
	}
	return f
}

// fingerprint is one look at files and folders.
type fingerprint struct {
	hash    hash.Hash64
	seen    map[string]bool // what the look has come by
	folders []string
	line    []byte
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

// folder looks at the files in a folder and those below, but at none that is
// hidden.
func (f *fingerprint) folder(dir string) {
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
		f.seen[path] = true
		if fi, err := os.Stat(path); err == nil {
			f.file(path, fi)
		}
		return nil
	})
}

// file takes a file in. Besides the time of writing, which programs set as they
// like, there is that of the last change of any kind, which none can set.
func (f *fingerprint) file(path string, fi fs.FileInfo) {
	var inode uint64
	var changed int64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode, changed = st.Ino, st.Ctim.Nano()
	}
	b := append(f.line[:0], path...)
	for _, n := range []uint64{uint64(fi.Size()), uint64(fi.ModTime().UnixNano()), uint64(changed), inode} {
		b = append(b, ' ')
		b = strconv.AppendUint(b, n, 10)
	}
	f.line = append(b, '\n')
	f.hash.Write(f.line)
}
