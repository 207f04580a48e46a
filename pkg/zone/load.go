package zone

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Options are bounds on what Load reads, and how it names files. The zero value
// is fit for use.
type Options struct {
	// Display is the path of the zone file as shown in messages; empty means the
	// path itself. Included files are shown beside it.
	Display string
	// MaxRecords bounds the records of a zone; 0 means 20 million. Each takes
	// some 200 octets of memory.
	MaxRecords int
	// MaxBytes bounds the size of all files together, an included one counted as
	// often as it is; 0 means 1 GiB.
	MaxBytes int64
	// MaxFindings bounds the list of mistakes; 0 means 1000.
	MaxFindings int
	// Steers, if not nil, is set to the STEER records that were read, also
	// those of a zone with errors: what they name can be checked all the same.
	Steers *[]Steer
}

func (o Options) withDefaults(path string) Options {
	if o.Display == "" {
		o.Display = path
	}
	if o.MaxRecords == 0 {
		o.MaxRecords = 20_000_000
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxFindings == 0 {
		o.MaxFindings = 1000
	}
	// Offsets are 32 bits wide.
	o.MaxBytes = min(o.MaxBytes, math.MaxUint32-1)
	o.MaxRecords = min(o.MaxRecords, math.MaxInt32)
	return o
}

// Load reads the master file at path in fsys as the zone of the given origin and
// checks it. It reads on after a mistake, so that the list holds all of them, in
// the order of the file; the zone is nil if one is an error. Files that the zone
// includes are named from the root of fsys.
func Load(fsys fs.FS, path string, origin dnswire.Name, opt Options) (*Zone, diag.List) {
	opt = opt.withDefaults(path)
	l := &loader{
		fsys: fsys, path: path, opt: opt, bytesLeft: opt.MaxBytes,
		byPath: map[string]uint32{},
	}
	if l.readZone(origin) {
		l.check()
	}
	l.list.Sort()
	if opt.Steers != nil {
		*opt.Steers = l.build.zone.Steers
	}
	if l.list.HasErrors() {
		return nil, l.list
	}
	return l.finish(), l.list
}

// loader is the state of one Load, shared by the readers of its files.
type loader struct {
	fsys      fs.FS
	path      string
	opt       Options
	bytesLeft int64

	files  []source
	byPath map[string]uint32 // index in files
	open   []string          // paths being read, outermost first

	list      diag.List
	full      bool // no more findings, reading or checks
	swallowed bool // a text ended within parentheses: what is missing is no mistake
	build     *builder
	ttl       ttlState
	generated int // records made by $GENERATE
}

// source is a file that was read.
type source struct {
	path  string // in the file system
	shown string // in messages
	text  []byte
}

// ttlState is what a record without a TTL gets. It is one for all files: a $TTL
// in an included file goes on after it, as in BIND.
type ttlState struct {
	standard    uint32 // of $TTL, or the SOA's minimum
	hasStandard bool
	last        uint32 // of the last record with a TTL
	hasLast     bool
	warned      bool
}

// readZone reads the zone file and reports whether there was one.
func (l *loader) readZone(origin dnswire.Name) bool {
	index, err := l.source(l.path)
	size := 0
	if err == nil {
		size = len(l.files[index].text)
	}
	l.build = newBuilder(origin, size)
	if err != nil {
		l.add(diag.Error, diag.Pos{File: l.opt.Display}, "", err.Error())
		return false
	}
	l.open = append(l.open, l.path)
	newReader(l, index, []byte(origin)).run()
	return true
}

// source returns the index in files of the file at path, reading it the first
// time. The error is fit to be shown.
func (l *loader) source(path string) (uint32, error) {
	index, known := l.byPath[path]
	if !known {
		text, err := readFile(l.fsys, path, l.bytesLeft)
		if err != nil {
			return 0, err
		}
		index = uint32(len(l.files))
		l.files = append(l.files, source{path, l.shown(path), text})
		l.byPath[path] = index
	}
	// One octet for the file itself: empty ones are not free.
	l.bytesLeft -= int64(len(l.files[index].text)) + 1
	if l.bytesLeft < 0 {
		return 0, fmt.Errorf("the files of this zone have more than %d octets", l.opt.MaxBytes)
	}
	return index, nil
}

// shown returns a path as messages have it.
func (l *loader) shown(path string) string {
	if path == l.path {
		return l.opt.Display
	}
	folder, ok := strings.CutSuffix(l.opt.Display, l.path)
	if !ok {
		return path
	}
	return folder + path
}

// readFile reads a file of at most limit octets.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plainError(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("file of more than %d octets", limit)
	}
	return text, nil
}

// plainError takes the operation and the path off an error, which the message
// tells anyway.
func plainError(err error) error {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.As(err, &pathErr):
		return pathErr.Err
	}
	return err
}

// includePath returns the path in the file system that $INCLUDE names, or what
// is wrong with it. Nothing outside the folder of the zones can be read.
func includePath(name string) (string, error) {
	clean := path.Clean(name)
	switch {
	case name == "":
		return "", errors.New("no name of a file")
	case strings.HasPrefix(name, "/"):
		return "", errors.New("absolute path")
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", errors.New("path that leads out of the folder of the zones")
	case !fs.ValidPath(clean):
		return "", errors.New("not the path of a file")
	}
	return clean, nil
}

// add appends a finding; after too many, a last one says so.
func (l *loader) add(s diag.Severity, pos diag.Pos, right, what string) {
	if l.full {
		return
	}
	l.list = append(l.list, diag.Diag{Pos: pos, Severity: s, What: what, Right: right})
	if len(l.list) >= l.opt.MaxFindings {
		l.full = true
		l.list = append(l.list, diag.Diag{
			Pos: pos, Severity: s,
			What: fmt.Sprintf("more than %d findings, the rest is not looked at", l.opt.MaxFindings),
		})
	}
}

// pos returns the place in full.
func (l *loader) pos(p place) diag.Pos {
	f := &l.files[p.file]
	return diag.Pos{File: f.shown, Line: int(p.line), Col: column(f.text, p.at)}
}

func (l *loader) errorf(p place, right, format string, args ...any) {
	l.add(diag.Error, l.pos(p), right, fmt.Sprintf(format, args...))
}

func (l *loader) warnf(p place, right, format string, args ...any) {
	l.add(diag.Warning, l.pos(p), right, fmt.Sprintf(format, args...))
}
