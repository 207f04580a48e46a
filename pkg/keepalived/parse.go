package keepalived

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Options are the facts that [Parse] needs beside the files. The zero value
// is usable.
type Options struct {
	// Display is the name of the file in messages; "" is the path itself.
	Display string
	// ConfigID is what @conditions compare with; "" is the first label of
	// Hostname.
	ConfigID string
	Hostname string
	// Env looks up ${_ENV NAME}; nil knows nothing.
	Env func(name string) (value string, ok bool)
	// Seed is for ${_RANDOM}; random_seed in the file goes before it.
	Seed uint64
	// Compat turns each error about something dropped into keepalived's
	// effect and a warning.
	Compat bool

	work int // instead of maxWork, for tests
}

func (o Options) configID() string {
	if o.ConfigID != "" {
		return o.ConfigID
	}
	id, _, _ := strings.Cut(o.Hostname, ".")
	return id
}

// Parse reads the configuration at path and everything that it includes. A
// path, whether given here or on an include line, is inside fsys, its leading
// slash dropped: give os.DirFS("/") and an absolute path for a file of the
// machine.
//
// The list holds every finding in the order of the files. The configuration
// is never nil and as complete as the findings allow; it must not be run if
// the list has errors.
func Parse(fsys fs.FS, file string, opt Options) (*Config, diag.List) {
	var diags diag.List
	if opt.Display == "" {
		opt.Display = file
	}
	tree := newTreeBuilder(&diags, opt.Compat)
	r := &reader{fsys: fsys, opt: opt, diags: &diags, out: tree.add, vars: map[string]definition{}, looping: map[string]bool{}, work: cmp.Or(opt.work, maxWork)}
	r.dir = path.Dir(opt.Display)
	if err := r.file(place(file), opt.Display); err != nil {
		what := err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			what = "no such file"
		}
		diags.Errorf(diag.Pos{File: opt.Display}, "", "%s", what)
	}
	d := &decoder{
		diags: &diags,
		opt:   opt,
		cfg:   &Config{Path: opt.Display, Files: r.files, Globs: r.globs, Compat: opt.Compat},
	}
	if !r.full { // what is left of a text that was cut short says nothing
		d.config(tree.finish())
	}
	d.cfg.opened = r.opened
	diags = tidy(diags)
	pointOut(&diags, r.opened)
	diags.Sort()
	return d.cfg, diags
}

// tidy drops findings that say the same of the same place, as lines that come
// several times out of a variable make them, and cuts a list that nobody
// would read to its end.
func tidy(l diag.List) diag.List {
	seen := make(map[diag.Diag]bool, len(l))
	l = slices.DeleteFunc(l, func(d diag.Diag) bool {
		again := seen[d]
		seen[d] = true
		return again
	})
	l.Sort()
	if len(l) <= maxDiags {
		return l
	}
	errs := l.HasErrors()
	more := len(l) - maxDiags
	l = l[:maxDiags:maxDiags]
	last := l[maxDiags-1].Pos
	if errs {
		l.Errorf(last, "", "and %d findings more", more)
	} else {
		l.Warnf(last, "", "and %d findings more", more)
	}
	return l
}

// drop tells of something left out: an error, or with compat a warning with
// the effect that keepalived gives it ("skips it"). Without an effect it stays
// an error: keepalived refuses the file, or knows no such thing.
func drop(l *diag.List, compat bool, pos diag.Pos, right, effect, format string, args ...any) {
	if !compat || effect == "" {
		l.Errorf(pos, right, format, args...)
		return
	}
	l.Warnf(pos, "as keepalived does, vipd "+effect, format, args...)
}
