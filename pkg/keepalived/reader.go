package keepalived

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Bounds. keepalived has none of them and crashes, hangs or eats the memory
// of the machine instead; a real configuration is far below.
const (
	maxFileSize  = 8 << 20  // bytes of one file
	maxFiles     = 512      // files read, counting each inclusion
	maxIncludes  = 20       // files open inside each other
	maxLine      = 64 << 10 // bytes of one line after substitution
	maxLines     = 200_000  // lines after substitution
	maxWork      = 32 << 20 // bytes looked at while substituting
	maxOpened    = 25       // variables inside variables
	maxSequence  = 65_536   // values of one ~SEQ
	maxDiags     = 500      // findings told in full
	maxBraces    = 256      // names made of one brace expression
	maxNesting   = 12       // blocks inside blocks
	maxName      = 256      // bytes between ${ and }
	maxGlobMatch = 4096     // files that match one pattern
)

// peerLine is how many bytes of a line keepalived reads at once.
const peerLine = 1023

// reader turns files into lines: comments, conditions, variables, sequences
// and included files are gone when a line reaches out.
type reader struct {
	fsys  fs.FS
	opt   Options
	diags *diag.List
	out   func(text)

	vars  map[string]definition
	rand  *rand.Rand
	check includeCheck
	files []string
	globs []string
	open  []string // files being read, outermost first
	dir   string   // of the file being read, for _PWD

	here     diag.Pos // of the line being expanded
	opened   []opening
	late     []text // include lines that came out of the line being expanded
	lateTold bool

	defining string          // the variable whose multi-line definition is being read
	skipping bool            // the lines of a definition that does not count are being read
	count    int             // files opened
	work     int             // bytes that may still be looked at
	looping  map[string]bool // variables that name themselves, which has been told
	lines    int             // lines put out
	full     bool            // a bound was met; nothing more is read

	lastOdd     diag.Pos
	lastOddWhat string
}

// place turns a path as written into one inside the fs.FS.
func place(name string) string {
	p := strings.TrimPrefix(path.Clean("/"+name), "/")
	if p == "" {
		return "."
	}
	return p
}

// file reads the file name (a path inside the fs.FS), shown as display. from
// is where it was asked for. It returns an error that the caller tells.
func (r *reader) file(name, display string) error {
	if slices.Contains(r.open, name) {
		return errors.New("it includes itself")
	}
	if len(r.open) >= maxIncludes {
		return fmt.Errorf("more than %d files inside each other", maxIncludes)
	}
	if r.count++; r.count > maxFiles {
		return fmt.Errorf("more than %d files", maxFiles)
	}
	data, err := readBounded(r.fsys, name)
	if err != nil {
		return err
	}
	if !slices.Contains(r.files, name) {
		r.files = append(r.files, name)
	}
	// A setting of include_check holds for the file that it stands in and
	// those below.
	check, dir := r.check, r.dir
	r.open, r.dir = append(r.open, name), path.Dir(display)
	r.text(data, display)
	r.open, r.check, r.dir = r.open[:len(r.open)-1], check, dir
	return nil
}

// text hands the lines of a file on.
func (r *reader) text(data, display string) {
	for n := 1; data != "" && !r.full; n++ {
		raw, rest, _ := strings.Cut(data, "\n")
		data = rest
		pos := diag.Pos{File: display, Line: n, Col: 1}
		switch {
		case strings.IndexByte(raw, 0) >= 0:
			pos.Col += strings.IndexByte(raw, 0)
			r.drop(pos, "plain text", "leaves the line out", "a NUL character in the line")
		case len(raw) > maxLine:
			r.diags.Errorf(pos, "several shorter lines", "a line of %d bytes; the limit is %d", len(raw), maxLine)
		default:
			if len(raw) > peerLine {
				r.diags.Warnf(pos, "several shorter lines", "a line of %d bytes: keepalived cuts it after %d and takes the rest for another", len(raw), peerLine)
			}
			r.physical(r.clean(raw, pos).trim(), pos)
		}
	}
	if r.defining != "" {
		d := r.vars[r.defining]
		r.diags.Errorf(d.pos, `a last line without "\"`, "the definition of $%s runs past the end of the file", r.defining)
		r.defining = ""
	}
}

// physical takes a line as it stands in a file.
func (r *reader) physical(t text, pos diag.Pos) {
	switch {
	case t.s == "":
		r.empty(pos)
	case r.skipping:
		r.skipping = strings.HasSuffix(t.s, `\`)
	case r.defining != "":
		r.define(t)
	case strings.IndexByte(t.s, '$') < 0 && r.include(t):
	default:
		r.expand(t)
	}
}

// empty takes a line without anything in it, which ends a definition as one
// without "\" does.
func (r *reader) empty(pos diag.Pos) {
	if r.defining != "" {
		r.diags.Warnf(pos, `"\" on this line, or on none behind the last`, "an empty line ends the definition of $%s", r.defining)
	}
	r.defining, r.skipping = "", false
}

// readBounded reads a regular file of bounded size.
func readBounded(fsys fs.FS, name string) (string, error) {
	// To open a named pipe would wait for a writer, so look first.
	st, err := fs.Stat(fsys, name)
	if err != nil {
		return "", bare(err)
	}
	if st.IsDir() {
		return "", errors.New("is a directory")
	}
	if !st.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", bare(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return "", bare(err)
	}
	if len(data) > maxFileSize {
		return "", fmt.Errorf("is larger than %d MiB", maxFileSize>>20)
	}
	return string(data), nil
}

// bare returns what went wrong without the path, which the message has.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return err
}

// random returns a number for _RANDOM.
func (r *reader) random(lo, hi int64) int64 {
	if r.rand == nil {
		r.rand = rand.New(rand.NewPCG(r.opt.Seed, 0))
	}
	return lo + r.rand.Int64N(hi-lo+1)
}
