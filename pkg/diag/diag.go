// Package diag owns the form in which mistakes in an operator's files are
// told: every one of them, each at its place, with what is wrong and what
// would be right.
//
// It neither reads files nor prints; parsers collect a [List] and commands
// write its lines. The entry points are [List.Errorf], [List.Warnf] and
// [Diag.String].
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1, Col in characters;
// zero means that the place is not known any closer.
type Pos struct {
	File string
	Line int
	Col  int
}

// String returns file:line:column, leaving out what is not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Severity says what a [Diag] means for the command that found it.
type Severity uint8

const (
	// Error forbids loading; the exit code is 1.
	Error Severity = iota
	// Warning lets loading go on, but something will not do what the text
	// suggests.
	Warning
	// Note is a plain sentence about what will happen, no complaint.
	Note
)

// String returns the word that stands between the place and the text; it is
// empty for an error.
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return ""
}

// Diag is one finding.
type Diag struct {
	Pos      Pos
	Severity Severity
	What     string // what is wrong, lower case, no full stop
	Right    string // what would be right; may be empty
}

// String returns the finding as one line: "file:line:column: what: right",
// with "warning: " or "note: " before what when it is no error.
func (d Diag) String() string {
	var b strings.Builder
	if p := d.Pos.String(); p != "" {
		b.WriteString(p)
		b.WriteString(": ")
	}
	if s := d.Severity.String(); s != "" {
		b.WriteString(s)
		b.WriteString(": ")
	}
	b.WriteString(d.What)
	if d.Right != "" {
		b.WriteString(": ")
		b.WriteString(d.Right)
	}
	return b.String()
}

// List collects findings. Its zero value is empty and ready for use.
type List []Diag

// Errorf adds an error; right says what would be right and may be empty.
func (l *List) Errorf(pos Pos, right, format string, args ...any) {
	*l = append(*l, Diag{pos, Error, fmt.Sprintf(format, args...), right})
}

// Warnf adds a warning; right says what would be right and may be empty.
func (l *List) Warnf(pos Pos, right, format string, args ...any) {
	*l = append(*l, Diag{pos, Warning, fmt.Sprintf(format, args...), right})
}

// Notef adds a note.
func (l *List) Notef(pos Pos, format string, args ...any) {
	*l = append(*l, Diag{pos, Note, fmt.Sprintf(format, args...), ""})
}

// HasErrors reports whether any finding forbids loading.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diag) bool { return d.Severity == Error })
}

// Sort orders the findings by file, line and column, keeping the order of
// findings at one place.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diag) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
		)
	})
}

// Err returns the errors of the list as one error whose text has a line for
// each, or nil if there are none.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	var lines []string
	for _, d := range l {
		if d.Severity == Error {
			lines = append(lines, d.String())
		}
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

// Nearest returns the known word closest to word, for "did you mean": at most
// a third of its letters (and never fewer than one) may differ. It returns ""
// if none is that close.
func Nearest(word string, known []string) string {
	best, limit := "", max(1, len(word)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance is the Damerau-Levenshtein distance with adjacent transpositions.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(y)]
}

// Shorten cuts a text, such as that of a policy in place, to so many characters,
// the last of them an ellipsis.
func Shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
