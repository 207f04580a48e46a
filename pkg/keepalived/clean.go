package keepalived

import (
	"strings"
	"unicode/utf8"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// clean makes a line of a file into text: the comment is cut off, `\#` and
// `\!` become plain, and characters that only look like ASCII, as a word
// processor or an input method writes them, become what was meant.
//
// A comment runs up to a `\` at the end of the line, and starts at `!` or `#` anywhere outside double quotes; single quotes
// do not protect it.
func (r *reader) clean(raw string, pos diag.Pos) text {
	pos.Col = 1
	if isPlain(raw) {
		return newText(strings.TrimRight(raw, blanks), pos)
	}
	b := textBuilder{pos: pos}
	quoted, curly, col := false, false, 0
	for len(raw) > 0 {
		c, n := utf8.DecodeRuneInString(raw)
		char := raw[:n]
		raw = raw[n:]
		col++
		// Inside plain quotes a typographic one is text, unless it is the only
		// one that can close them.
		if !quoted || isCurly(c) && (curly || strings.IndexByte(raw, '"') < 0) {
			char = r.plain(char, c, pos, col)
		}
		switch char {
		case `"`:
			quoted, curly = !quoted, isCurly(c)
		case "#", "!":
			if !quoted {
				r.glued(b.b.String(), raw, pos, col)
				if strings.HasSuffix(strings.TrimRight(raw, blanks), `\`) {
					// The \ at the end of the line is no part of the comment:
					// a definition goes on behind it.
					b.add(` \`, col)
				}
				return trimRight(b.text())
			}
		case `\`:
			if !quoted && raw != "" && (raw[0] == '#' || raw[0] == '!') {
				char, raw = raw[:1], raw[1:]
				col++
			}
		}
		b.add(char, col)
	}
	return trimRight(b.text())
}

func trimRight(t text) text {
	return t.slice(0, len(strings.TrimRight(t.s, blanks)))
}

// isPlain reports whether nothing in a line needs a closer look.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] == '#' || s[i] == '!' || s[i] == '\\' || s[i] == 0 {
			return false
		}
	}
	return true
}

// glued warns about a comment that starts in the middle of a word, as one does
// in the password ab!cd. It does not show the word.
func (r *reader) glued(before, after string, pos diag.Pos, col int) {
	if before == "" || after == "" || isBlank(after[0]) || strings.IndexByte(blanks+`{}"`, before[len(before)-1]) >= 0 {
		return
	}
	pos.Col = col
	r.diags.Warnf(pos, `double quotes around the word, or \ before the character`, "a comment starts in the middle of a word: the rest of the line is left out")
}

// isCurly reports whether c is a double quote of a word processor.
func isCurly(c rune) bool { return strings.ContainsRune("“”„‟″", c) }

// plain returns the ASCII character that was meant by c, and tells once per
// line and kind. Other characters come back as they are.
func (r *reader) plain(char string, c rune, pos diag.Pos, col int) string {
	pos.Col = col
	switch {
	case isCurly(c):
		r.once(pos, "typographic quotes, read as plain ones: \"")
		return `"`
	case strings.ContainsRune("‘’‚‛′", c):
		r.once(pos, "typographic quotes, read as plain ones: '")
		return `'`
	case c == '\u3000' || c == '\u00a0' || c == '\u2003' || c == '\u2009':
		r.once(pos, "a wide or unbreakable blank, read as a plain one")
		return " "
	case c >= '！' && c <= '～':
		ascii := string(c - '！' + '!')
		r.once(pos, "full-width characters, read as plain ones: "+ascii)
		return ascii
	case c == '\ufeff' && pos.Line == 1 && col == 1:
		r.once(pos, "a byte order mark, left out")
		return ""
	case strings.ContainsRune("\u200b\u200c\u200d\u2060\u00ad\ufeff", c):
		r.once(pos, "an invisible character, left out")
		return ""
	}
	return char
}

// once warns about a character of a line, but not about each.
func (r *reader) once(pos diag.Pos, said string) {
	what, right, _ := strings.Cut(said, ": ")
	if r.lastOdd.File == pos.File && r.lastOdd.Line == pos.Line && r.lastOddWhat == what {
		return
	}
	r.lastOdd, r.lastOddWhat = pos, what
	r.diags.Warnf(pos, right, "%s", what)
}

// word is a word of a line.
type word struct {
	s      string
	pos    diag.Pos
	quoted bool // some of it stood in double quotes
	off    int  // of its first byte in the line
}

// words splits a line at blanks; double quotes hold a word together and are
// left out. An unclosed quote runs to the end of the line; ok is then false.
func words(t text) (ws []word, ok bool) {
	ok = true
	for i := 0; i < len(t.s); {
		if isBlank(t.s[i]) {
			i++
			continue
		}
		w := word{pos: t.at(i), off: i}
		var b strings.Builder
		for i < len(t.s) && !isBlank(t.s[i]) {
			if t.s[i] != '"' {
				b.WriteByte(t.s[i])
				i++
				continue
			}
			w.quoted = true
			end := strings.IndexByte(t.s[i+1:], '"')
			if end < 0 {
				ok, end = false, len(t.s)-i-1
			}
			b.WriteString(t.s[i+1 : i+1+end])
			i += min(end+2, len(t.s)-i)
		}
		w.s = b.String()
		ws = append(ws, w)
	}
	return ws, ok
}
