package keepalived

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// includeCheck says which misses of an include line are mistakes.
type includeCheck uint8

const (
	checkReadable includeCheck = 1 << iota // a match that cannot be read
	checkMatch                             // a name without wildcards that is not there
	checkWildcard                          // wildcards that match nothing
	checkBrace                             // a branch of {a,b} that matches nothing

	checkAll = checkReadable | checkMatch | checkWildcard | checkBrace
)

// includeWords are the forms of include and what each asks for.
var includeWords = map[string]includeCheck{
	"include":  0,
	"includer": checkReadable,
	"includem": checkReadable | checkMatch,
	"includew": checkReadable | checkWildcard,
	"includeb": checkReadable | checkBrace,
	"includea": checkAll,
}

// checkWords are the options of include_check.
var checkWords = map[string]includeCheck{
	"readable":       checkReadable,
	"match":          checkReadable | checkMatch,
	"wildcard_match": checkReadable | checkWildcard,
	"brace_match":    checkReadable | checkBrace,
}

// include carries an include line out and reports whether t is one.
func (r *reader) include(t text) bool {
	first := firstWord(t.s)
	check, ok := includeWords[first]
	if !ok {
		return false
	}
	ws, _ := words(t)
	if len(ws) < 2 {
		r.diags.Errorf(t.at(0), first+" FILE", "%s without a file", first)
		return true
	}
	if len(ws) > 2 {
		r.diags.Errorf(ws[2].pos, "one file or pattern a line", "%s takes one name", first)
	}
	r.includePattern(ws[1], check|r.check)
	return true
}

// firstWord returns what stands before the first blank of a line.
func firstWord(s string) string {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i]
	}
	return s
}

// includePattern reads every file that a pattern names, in the order of their
// names.
func (r *reader) includePattern(w word, check includeCheck) {
	branches, err := braces(w.s)
	if err != nil {
		r.diags.Errorf(w.pos, "", "%s: %v", w.s, err)
		return
	}
	for _, branch := range branches {
		display := branch
		if !strings.HasPrefix(branch, "/") {
			display = path.Join(r.dir, branch)
		}
		r.includeBranch(w, display, check, len(branches) > 1)
	}
}

func (r *reader) includeBranch(w word, display string, check includeCheck, braced bool) {
	wild := strings.ContainsAny(display, "*?[")
	if !wild {
		r.includeFile(w, display, check, braced)
		return
	}
	pattern := strings.ReplaceAll(place(display), "[!", "[^")
	r.globs = append(r.globs, pattern)
	matches, err := fs.Glob(r.fsys, pattern)
	if err != nil {
		r.diags.Errorf(w.pos, "brackets in pairs", "%s is no pattern", w.s)
		return
	}
	matches = visible(matches, pattern)
	switch {
	case len(matches) > 0:
	case check&checkWildcard != 0 || braced && check&checkBrace != 0:
		r.diags.Errorf(w.pos, "a pattern that matches, or plain include", "no file matches %s", display)
	default:
		r.diags.Notef(w.pos, "no file matches %s", display)
	}
	if len(matches) > maxGlobMatch {
		r.diags.Errorf(w.pos, "a narrower pattern", "%s matches %d files", display, len(matches))
		return
	}
	for _, m := range matches {
		if r.full {
			return
		}
		if st, err := fs.Stat(r.fsys, m); err == nil && st.IsDir() {
			continue
		}
		shown := m
		if strings.HasPrefix(display, "/") {
			shown = "/" + m
		}
		r.includeFile(w, shown, check, braced)
	}
}

// includeFile reads one file by name. A name without wildcards that is not
// there is an error even for plain include: what the file would have said is
// lost, and nothing says that it was meant to be optional.
func (r *reader) includeFile(w word, display string, check includeCheck, braced bool) {
	err := r.file(place(display), display)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		right := "the right name, or a pattern if the file is optional"
		if strings.Contains(w.s, "$") {
			right = "the right name; ${NAME} for a variable inside it"
		}
		if braced && check&checkBrace == 0 {
			return
		}
		if check != 0 {
			r.diags.Errorf(w.pos, right, "no file %s", display)
			return
		}
		r.drop(w.pos, right, "goes on without it", "no file %s", display)
	default:
		r.diags.Errorf(w.pos, "", "cannot include %s: %v", display, err)
	}
}

// drop tells of something left out: an error, or with Options.Compat a warning
// with the effect that keepalived would give it.
func (r *reader) drop(pos diag.Pos, right, effect, format string, args ...any) {
	drop(r.diags, r.opt.Compat, pos, right, effect, format, args...)
}

// setCheck carries out the line include_check [OPTION]…
func (r *reader) setCheck(ws []word) {
	if len(ws) == 1 {
		r.check = checkAll
		return
	}
	sign := byte('=')
	var set includeCheck
	for _, w := range ws[1:] {
		s := w.s
		if s[:1] == "+" || s[:1] == "-" {
			if sign == '=' {
				set = r.check
			}
			sign, s = s[0], s[1:]
			if s == "" {
				continue
			}
		}
		c, ok := checkWords[s]
		switch {
		case !ok:
			r.diags.Errorf(w.pos, "readable, match, wildcard_match or brace_match", "include_check has no option %s", s)
		case sign == '-':
			set &^= c &^ checkReadable
		default:
			set |= c
		}
	}
	r.check = set
}

// visible drops the matches that a shell would not show: a name that begins
// with a dot matches only a pattern that does.
func visible(matches []string, pattern string) []string {
	parts := strings.Split(pattern, "/")
	keep := matches[:0]
	for _, m := range matches {
		ok := true
		for i, name := range strings.Split(m, "/") {
			if i < len(parts) && strings.HasPrefix(name, ".") && !strings.HasPrefix(parts[i], ".") {
				ok = false
			}
		}
		if ok {
			keep = append(keep, m)
		}
	}
	return keep
}

// braces opens the alternatives of a csh pattern: a{b,c{d,e}} gives ab, acd,
// ace.
func braces(s string) ([]string, error) {
	out, queue := []string{}, []string{s}
	for len(queue) > 0 {
		if len(queue)+len(out) > maxBraces {
			return nil, errors.New("the braces make too many names")
		}
		s := queue[0]
		queue = queue[1:]
		open := strings.IndexByte(s, '{')
		if open < 0 {
			out = append(out, s)
			continue
		}
		parts, end := alternatives(s[open:])
		if end < 0 {
			return nil, errors.New("a { without }")
		}
		next := make([]string, 0, len(parts)+len(queue))
		for _, p := range parts {
			next = append(next, s[:open]+p+s[open+end:])
		}
		queue = append(next, queue...)
	}
	return out, nil
}

// alternatives splits {a,b{c,d}} at the commas of its own level; end is the
// offset behind its closing brace, -1 if there is none.
func alternatives(s string) (parts []string, end int) {
	depth, from := 0, 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return append(parts, s[from:i]), i + 1
			}
		case ',':
			if depth == 1 {
				parts, from = append(parts, s[from:i]), i+1
			}
		}
	}
	return nil, -1
}
