package keepalived

import (
	"slices"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// opening is a place where lines of a definition came out. What is wrong with
// one of them is told at its own place, once for all such places, and
// keepalived tells it here.
type opening struct {
	at    diag.Pos
	lines []stretch
}

// stretch is some lines of a file.
type stretch struct {
	file        string
	first, last int
}

func (s stretch) holds(p diag.Pos) bool {
	return p.File == s.file && p.Line >= s.first && p.Line <= s.last
}

// opens notes that the lines of d come out at the line being expanded.
func (r *reader) opens(d definition) {
	if len(d.lines) == 0 {
		return
	}
	if n := len(r.opened); n == 0 || r.opened[n-1].at != r.here {
		r.opened = append(r.opened, opening{at: r.here})
	}
	last := &r.opened[len(r.opened)-1]
	s := stretch{file: d.pos.File, first: d.pos.Line, last: d.lines[len(d.lines)-1].at(0).Line}
	if !slices.Contains(last.lines, s) {
		last.lines = append(last.lines, s)
	}
}

// pointOut adds to l, at each place where lines of definitions came out, what
// lines were found wrong.
func pointOut(l *diag.List, opened []opening) {
	found := *l
	for _, o := range opened {
		var lines []string
		for _, d := range found {
			n := strconv.Itoa(d.Pos.Line)
			if d.Severity == diag.Note || slices.Contains(lines, n) || !slices.ContainsFunc(o.lines, func(s stretch) bool { return s.holds(d.Pos) }) {
				continue
			}
			if len(lines) == 5 {
				lines = append(lines, "…")
				break
			}
			lines = append(lines, n)
		}
		if len(lines) > 0 {
			l.Warnf(o.at, "", "more is told of lines that come out of a variable here, in its definition: line %s", strings.Join(lines, ", "))
		}
	}
}
