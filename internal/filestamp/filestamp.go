// Package filestamp owns the question whether a file still holds what was read from
// it, without reading it again wherever that is certain.
//
// It does not know what the files are. The entry points are [FS], which notes
// what is read through it, and [Copy.Unchanged].
package filestamp

import (
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Stamp is what the file system says of a file. Any write, rename over it or
// change of its links or rights changes it, but for a write within the same
// tick of the file system's clock.
type Stamp struct {
	device, inode uint64
	size          int64
	modified      int64 // Unix nanoseconds
	changed       int64 // Unix nanoseconds; no program can set it
}

// settling is how old a stamp must be at the time of reading to be believed
// later. A second write within one tick of the file system's clock leaves no
// trace in the stamp; the coarsest tick in use is FAT's, of two seconds.
const settling = 3 * time.Second

// seed is one for the process: sums are compared within it and never kept.
var seed = maphash.MakeSeed()

// Of returns the stamp of a file, following symbolic links.
func Of(path string) (Stamp, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	return FromInfo(fi), nil
}

// FromInfo returns the stamp in what os.Stat returned.
func FromInfo(fi fs.FileInfo) Stamp {
	s := Stamp{size: fi.Size(), modified: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(st.Dev), st.Ino
		s.changed = st.Ctim.Nano()
	}
	return s
}

// settled reports whether a file that had this stamp at now cannot have
// changed since without getting another.
func (s Stamp) settled(now time.Time) bool {
	latest := time.Unix(0, max(s.modified, s.changed))
	return now.Sub(latest) > settling
}

// Copy is what is known of a file that was read.
type Copy struct {
	path    string
	stamp   Stamp
	settled bool
	sum     uint64 // of the content
}

// Look returns a copy of the file as it is now. Whoever reads the file after
// that has what Look saw or something newer, which the copy then tells.
func Look(path string) (Copy, error) {
	c := Copy{path: path}
	return c, c.look()
}

// look reads the file and notes stamp and sum.
func (c *Copy) look() error {
	n := note{opened: time.Now()}
	n.hash.SetSeed(seed)
	f, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if n.before, err = statFile(f); err != nil {
		return err
	}
	if _, err := io.Copy(&n.hash, f); err != nil {
		return err
	}
	c.stamp, c.settled, c.sum = n.result(f)
	return nil
}

// Unchanged reports whether the file holds what was read. Where the stamp
// differs, or does not prove it, the content is read and compared; what that
// found is noted in c, so that it is not read again and again.
func (c *Copy) Unchanged() bool {
	now, err := Of(c.path)
	if err != nil {
		return false
	}
	if now == c.stamp && c.settled {
		return true
	}
	next := Copy{path: c.path}
	if next.look() != nil || next.sum != c.sum || next.stamp.size != c.stamp.size {
		return false
	}
	*c = next
	return true
}

// note is what is collected while a file is read.
type note struct {
	opened time.Time
	before Stamp
	hash   maphash.Hash
}

// result returns the stamp of f and whether it is settled: not if it changed
// while it was read.
func (n *note) result(f fs.File) (s Stamp, settled bool, sum uint64) {
	after, err := statFile(f)
	settled = err == nil && after == n.before && n.before.settled(n.opened)
	return n.before, settled, n.hash.Sum64()
}

func statFile(f fs.File) (Stamp, error) {
	fi, err := f.Stat()
	if err != nil {
		return Stamp{}, err
	}
	return FromInfo(fi), nil
}

// FS is the file system below Root, as os.DirFS has it, that notes a [Copy] of
// each file that is opened, read to its end and closed. It is for one
// goroutine.
type FS struct {
	Root   string
	Copies []Copy
}

// Open implements fs.FS.
func (f *FS) Open(name string) (fs.File, error) {
	opened := time.Now()
	file, err := os.DirFS(f.Root).Open(name)
	if err != nil {
		return nil, err
	}
	before, err := statFile(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	n := &noted{File: file, fsys: f, path: filepath.Join(f.Root, name)}
	n.opened, n.before = opened, before
	n.hash.SetSeed(seed)
	return n, nil
}

// noted is an open file of an FS.
type noted struct {
	fs.File
	note
	fsys *FS
	path string
}

// Read implements fs.File.
func (n *noted) Read(b []byte) (int, error) {
	count, err := n.File.Read(b)
	n.hash.Write(b[:count])
	return count, err
}

// Close implements fs.File.
func (n *noted) Close() error {
	c := Copy{path: n.path}
	c.stamp, c.settled, c.sum = n.result(n.File)
	n.fsys.Copies = append(n.fsys.Copies, c)
	return n.File.Close()
}
