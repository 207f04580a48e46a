package geodns

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// builtinMaxAge is the age from which the embedded table is warned about.
const builtinMaxAge = 90 * 24 * time.Hour

// databases opens geo databases and keeps what it made of them, so that a
// reload in which no database changed neither reads nor merges them again.
type databases struct {
	mu      sync.Mutex
	files   map[string]openFile
	sources []*geo.Source
	index   *geo.Index
}

type openFile struct {
	id     fileID
	source *geo.Source
}

// databaseAt returns where the i-th database of a configuration is written.
func databaseAt(cfg config.Geodns) func(i int) diag.Pos {
	return func(i int) diag.Pos {
		if i < len(cfg.DatabaseAt) {
			return cfg.DatabaseAt[i]
		}
		return diag.Pos{File: cfg.File}
	}
}

// fileID tells whether a file is the one that was read before.
type fileID struct {
	size  int64
	mtime time.Time
	inode uint64
}

// open returns the merged index of the named databases, with their sources.
// Every one that cannot be used is noted.
func (d *databases) open(names []string, at func(i int) diag.Pos, list *diag.List) (*geo.Index, []*geo.Source) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sources []*geo.Source
	for i, name := range names {
		src, err := d.source(name)
		if err != nil {
			list.Errorf(at(i), `a City, Country or ASN database in MMDB form, or "builtin"`, "geo database %v", err)
			continue
		}
		sources = append(sources, src)
	}
	if list.HasErrors() {
		return nil, nil
	}
	if d.index == nil || !same(sources, d.sources) {
		d.index, d.sources = geo.Merge(sources...), sources
	}
	return d.index, d.sources
}

func same(a, b []*geo.Source) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// source returns one database, from memory if its file is still the same.
func (d *databases) source(name string) (*geo.Source, error) {
	var id fileID
	if name != "builtin" {
		fi, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, config.Plain(err))
		}
		id = fileID{size: fi.Size(), mtime: fi.ModTime()}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			id.inode = st.Ino
		}
	}
	if f, ok := d.files[name]; ok && f.id == id {
		return f.source, nil
	}
	src, err := openDatabase(name)
	if err != nil {
		return nil, err
	}
	if d.files == nil {
		d.files = map[string]openFile{}
	}
	d.files[name] = openFile{id, src}
	return src, nil
}

func openDatabase(name string) (*geo.Source, error) {
	if name == "builtin" {
		return geodb.Builtin()
	}
	return geodb.Open(name)
}
