package geodns

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/filestamp"
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
	files   map[string]*openFile
	sources []*geo.Source
	index   *geo.Index
}

type openFile struct {
	copied filestamp.Copy // not of the embedded one
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
	maps.DeleteFunc(d.files, func(name string, _ *openFile) bool { return !slices.Contains(names, name) })
	if list.HasErrors() {
		return nil, nil
	}
	if d.index == nil || !slices.Equal(sources, d.sources) {
		d.index, d.sources = geo.Merge(sources...), sources
	}
	return d.index, d.sources
}

// source returns one database, from memory if its file is still the same.
func (d *databases) source(name string) (*geo.Source, error) {
	f := d.files[name]
	if f != nil && (name == builtin || f.copied.Unchanged()) {
		return f.source, nil
	}
	f = &openFile{}
	if name != builtin {
		// First look, then read: what changes between the two is noticed later.
		var err error
		if f.copied, err = filestamp.Look(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, config.Plain(err))
		}
	}
	var err error
	if f.source, err = openDatabase(name); err != nil {
		return nil, err
	}
	if d.files == nil {
		d.files = map[string]*openFile{}
	}
	d.files[name] = f
	return f.source, nil
}

// unchanged reports whether the files of all databases are what was read.
func (d *databases) unchanged() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.files {
		if name != builtin && !f.copied.Unchanged() {
			return false
		}
	}
	return true
}

// builtin is the name of the embedded database.
const builtin = "builtin"

func openDatabase(name string) (*geo.Source, error) {
	if name == builtin {
		return geodb.Builtin()
	}
	return geodb.Open(name)
}
