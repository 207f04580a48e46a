package track

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// filePoll is how often a file is read where no event of its folder told of a
// change: on a network file system, or while the folder does not exist.
const filePoll = time.Second

// settle is how long a file may be empty before it counts as holding no number:
// a shell empties a file before it writes the new number.
const settle = 100 * time.Millisecond

// File is a file that holds a number.
type File struct {
	Name, Path string
	Init       bool // written at the start with InitValue, if it does not exist
	InitValue  int
	Overwrite  bool // even if it exists
}

// Prepare writes the file where that is asked for.
func (f *File) Prepare() error {
	if !f.Init {
		return nil
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.Overwrite {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := openRegular(f.Path, flags)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, f.InitValue)
	return errors.Join(err, file.Close())
}

// openRegular opens a regular file. To open a named pipe would wait for
// somebody at its other end, and to read one for what never ends.
func openRegular(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if st, err := file.Stat(); err != nil || !st.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", path))
	}
	return file, nil
}

// Run watches until ctx ends. The number's changes are told within
// milliseconds. A file that is missing or holds no number counts as 0, as in
// keepalived.
func (f *File) Run(ctx context.Context, tell Tell) {
	last, _ := f.read()
	tell(last)
	var emptySince time.Time
	w, err := fsnotify.NewWatcher()
	var events <-chan fsnotify.Event
	if err == nil {
		defer w.Close()
		events = w.Events
	}
	watching := false
	poll := time.NewTicker(filePoll)
	defer poll.Stop()
	for {
		if w != nil && !watching {
			// The folder, not the file: a file is often replaced by a rename.
			watching = w.Add(filepath.Dir(f.Path)) == nil
		}
		now, empty := f.read()
		var settled <-chan time.Time
		switch {
		case !empty:
			emptySince = time.Time{}
		case emptySince.IsZero():
			emptySince = time.Now()
			fallthrough
		case time.Since(emptySince) < settle:
			settled = time.After(settle)
		}
		if settled == nil && now != last {
			last = now
			tell(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-settled:
		case <-poll.C:
		case ev, ok := <-events:
			if !ok {
				events = nil
			} else if ev.Name == filepath.Dir(f.Path) && ev.Has(fsnotify.Remove) {
				watching = false
			}
		}
	}
}

// read returns what the file says now, and whether it is empty.
func (f *File) read() (n News, empty bool) {
	n = News{Kind: KindFile, Name: f.Name}
	file, err := openRegular(f.Path, os.O_RDONLY)
	if err != nil {
		n.Text = "cannot be read, counts as 0"
		return n, false
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 64))
	if err != nil {
		n.Text = "cannot be read, counts as 0"
		return n, false
	}
	v, ok := keepalived.FileNumber(data)
	if !ok {
		n.Text = "holds no number, counts as 0"
		return n, len(data) == 0
	}
	n.Up, n.Value = true, v
	return n, false
}
