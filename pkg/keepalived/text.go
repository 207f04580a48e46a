package keepalived

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// text is a string in which every character knows the place that an operator
// has to look at. A run of characters from a file counts its columns on; text
// that came out of a variable stays at the place where the variable stands.
type text struct {
	s     string
	spans []span // ascending; the first has off 0 unless s is empty
}

// span says where the characters from off on come from.
type span struct {
	off   int
	pos   diag.Pos
	fixed bool  // every character is at pos
	depth uint8 // variables that were opened to get here
}

// newText returns s as it stands at pos in a file.
func newText(s string, pos diag.Pos) text {
	return text{s, []span{{pos: pos}}}
}

// span returns the index of the span that holds byte off.
func (t text) span(off int) int {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].off > off })
	return max(i-1, 0)
}

// at returns the place of byte off; off may be len(t.s).
func (t text) at(off int) diag.Pos {
	if len(t.spans) == 0 {
		return diag.Pos{}
	}
	sp := t.spans[t.span(off)]
	if !sp.fixed {
		sp.pos.Col += utf8.RuneCountInString(t.s[sp.off:off])
	}
	return sp.pos
}

// slice returns the bytes from i up to j.
func (t text) slice(i, j int) text {
	if i >= j {
		return text{"", []span{{pos: t.at(i), fixed: true}}}
	}
	first := t.span(i)
	out := text{s: t.s[i:j]}
	for k := first; k < len(t.spans) && t.spans[k].off < j; k++ {
		sp := t.spans[k]
		if k == first {
			sp.pos, sp.off = t.at(i), i
		}
		sp.off -= i
		out.spans = append(out.spans, sp)
	}
	return out
}

// append returns t followed by u.
func (t text) append(u text) text {
	if u.s == "" {
		return t
	}
	if t.s == "" {
		return u
	}
	spans := make([]span, 0, len(t.spans)+len(u.spans))
	spans = append(spans, t.spans...)
	for _, sp := range u.spans {
		sp.off += len(t.s)
		spans = append(spans, sp)
	}
	return text{t.s + u.s, spans}
}

// opened returns t as it comes out of a variable: one level deeper than depth,
// and, if pos is not nil, all of it at that place.
func (t text) opened(pos *diag.Pos, depth uint8) text {
	if pos != nil {
		return text{t.s, []span{{pos: *pos, fixed: true, depth: depth + 1}}}
	}
	spans := make([]span, len(t.spans))
	for i, sp := range t.spans {
		sp.depth = depth + 1
		spans[i] = sp
	}
	return text{t.s, spans}
}

// trim cuts blanks at both ends.
func (t text) trim() text {
	s := strings.TrimLeft(t.s, blanks)
	i := len(t.s) - len(s)
	return t.slice(i, i+len(strings.TrimRight(s, blanks)))
}

// joined returns a line without the blanks before the "\" at its end: outside
// definitions keepalived takes "priority 100 \" for the word "100\".
func (t text) joined() text {
	body, ok := strings.CutSuffix(t.s, `\`)
	end := len(strings.TrimRight(body, blanks))
	if !ok || end == 0 || end == len(body) {
		return t
	}
	return t.slice(0, end).append(t.slice(len(body), len(t.s)))
}

const blanks = " \t\v\f\r"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// builder makes a text character by character, each with its column in line
// pos.Line, so that dropped characters do not move those behind them.
type textBuilder struct {
	b    strings.Builder
	t    text
	pos  diag.Pos
	next int // the column that the last span expects
}

func (b *textBuilder) add(s string, col int) {
	if len(b.t.spans) == 0 || col != b.next {
		p := b.pos
		p.Col = col
		b.t.spans = append(b.t.spans, span{off: b.b.Len(), pos: p})
	}
	b.b.WriteString(s)
	b.next = col + utf8.RuneCountInString(s)
}

func (b *textBuilder) text() text {
	b.t.s = b.b.String()
	if len(b.t.spans) == 0 {
		b.t.spans = []span{{pos: b.pos, fixed: true}}
	}
	return b.t
}
