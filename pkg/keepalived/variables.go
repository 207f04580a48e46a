package keepalived

import (
	"path"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// definition is the value of a variable. It is opened where it is used, not
// where it is given, so that it may name variables that come later.
type definition struct {
	lines []text
	multi bool // given over several lines: they keep their own places
	pos   diag.Pos
}

// startsDefinition reports whether a line is $NAME=…
func (r *reader) startsDefinition(t text) bool {
	if t.s[0] != '$' {
		return false
	}
	n := nameLen(t.s[1:])
	return n > 0 && len(t.s) > n+1 && t.s[n+1] == '='
}

// define takes $NAME=VALUE, or the next line of a definition that runs over
// several: each but the last ends with a backslash.
func (r *reader) define(t text) {
	name := r.defining
	d := r.vars[name]
	if name == "" {
		n := nameLen(t.s[1:])
		name = t.s[1 : n+1]
		if reserved[name] {
			r.diags.Warnf(t.at(0), "a name without the leading _", "$%s is keepalived's own", name)
		}
		d = definition{pos: t.at(0)}
		t = t.slice(n+2, len(t.s)).trim()
	}
	body, more := strings.CutSuffix(t.s, `\`)
	t = t.slice(0, len(body)).trim()
	if more {
		d.multi = true
	}
	if t.s != "" || !d.multi {
		d.lines = append(d.lines, t)
	}
	r.defining = ""
	if more {
		r.defining = name
	}
	r.work -= len(t.s) + 64
	r.vars[name] = d
}

var reserved = map[string]bool{"_PWD": true, "_INSTANCE": true, "_RANDOM": true, "_HASH": true, "_BANG": true, "_ENV": true}

// nameLen returns the length of the variable's name that s starts with.
func nameLen(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// variable finds the first use of a known variable, $NAME or ${NAME}, between
// i and j. $NAME counts only before a blank, a comma, a closing parenthesis or
// the end, so that a `$` in a script stays what it is.
func (r *reader) variable(s string) (i, j int, name string, ok bool) {
	for i = 0; i < len(s); i++ {
		if s[i] != '$' {
			continue
		}
		if strings.HasPrefix(s[i+1:], "{") {
			end := strings.IndexByte(s[i:min(len(s), i+maxName)], '}')
			if end < 0 {
				continue
			}
			name = s[i+2 : i+end]
			if r.known(name) {
				return i, i + end + 1, name, true
			}
			continue
		}
		n := nameLen(s[i+1:])
		j = i + 1 + n
		if n > 0 && (j == len(s) || isBlank(s[j]) || s[j] == ',' || s[j] == ')') && r.known(s[i+1:j]) {
			return i, j, s[i+1 : j], true
		}
	}
	return 0, 0, "", false
}

// known reports whether what stands in a variable's braces can be replaced.
func (r *reader) known(name string) bool {
	if _, ok := r.vars[name]; ok {
		return true
	}
	_, ok := r.predefined(name)
	return ok
}

// predefined returns the value of a variable that keepalived defines.
func (r *reader) predefined(name string) (string, bool) {
	f := strings.Fields(name)
	if len(f) == 0 {
		return "", false
	}
	switch f[0] {
	case "_PWD":
		return path.Clean(r.dir), len(f) == 1
	case "_INSTANCE":
		return r.opt.configID(), len(f) == 1
	case "_HASH":
		return "#", len(f) == 1
	case "_BANG":
		return "!", len(f) == 1
	case "_ENV":
		if len(f) != 2 || r.opt.Env == nil {
			return "", false
		}
		return r.opt.Env(f[1])
	case "_RANDOM":
		lo, hi := int64(0), int64(32767)
		var err1, err2 error
		if len(f) > 1 {
			lo, err1 = strconv.ParseInt(f[1], 10, 32)
		}
		if len(f) > 2 {
			hi, err2 = strconv.ParseInt(f[2], 10, 32)
		}
		if len(f) > 3 || err1 != nil || err2 != nil || lo < 0 || hi < lo {
			return "", false
		}
		return strconv.FormatInt(r.random(lo, hi), 10), true
	}
	return "", false
}
