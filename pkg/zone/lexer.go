package zone

import "unicode/utf8"

// token is one word or quoted string of an entry: a range of the text.
type token struct {
	start, end uint32 // in bytes; of a quoted string without its quotes
	line       uint32 // from 1
	quoted     bool
}

// place is where something stands in a file; the column is worked out only when
// somebody wants to know.
type place struct {
	file uint32 // index in loader.files
	line uint32 // from 1
	at   uint32 // offset in bytes
}

// lexer splits the text of a master file into entries: the tokens of one line,
// or of several that parentheses join (RFC 1035, Section 5.1). Tokens are
// ranges of the text, so splitting makes no garbage.
type lexer struct {
	text []byte
	off  int
	line uint32 // of off, from 1
	fail func(at, line uint32, right, what string)

	// The entry that next found.
	tokens   []token
	indented bool // it begins with blanks: the owner is the last one
	broken   bool // a mistake was reported; the tokens mean nothing
	cut      bool // the text ended within parentheses: what follows was swallowed
}

// class says what a byte means outside quotes.
type class uint8

const (
	classWord class = iota
	classBlank
	classNewline
	classComment
	classOpen
	classClosing
	classQuote
	classEscape
	classNul
)

var classes = [256]class{
	0: classNul, ' ': classBlank, '\t': classBlank, '\n': classNewline, '\r': classNewline,
	';': classComment, '(': classOpen, ')': classClosing, '"': classQuote, '\\': classEscape,
}

// maxTokens bounds the words of one entry: RDATA has no more octets than 65535,
// and no word stands for none but "".
const maxTokens = 1 << 17

// newLexer returns a lexer over text, whose byte order mark, if any, is skipped.
func newLexer(text []byte, fail func(at, line uint32, right, what string)) *lexer {
	x := &lexer{text: text, line: 1, fail: fail}
	if len(text) >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF {
		x.off = 3
	}
	return x
}

// next finds the next entry and reports whether there is one.
func (x *lexer) next() bool {
	x.tokens, x.indented, x.broken, x.cut = x.tokens[:0], false, false, false
	var opened token // the parenthesis that is open, if end is not 0
	fresh := true    // nothing but line ends since the last entry
	for x.off < len(x.text) {
		switch at := x.off; classes[x.text[at]] {
		case classBlank:
			x.indented = x.indented || fresh
			x.off++
		case classNewline:
			x.endLine()
			if opened.end != 0 {
				continue
			}
			if len(x.tokens) > 0 || x.broken {
				return true
			}
			x.indented, fresh = false, true
			continue
		case classComment:
			x.skipComment()
		case classOpen:
			if opened.end != 0 {
				x.bad(uint32(at), "close the one before first", "parentheses within parentheses")
			} else {
				opened = token{start: uint32(at), end: uint32(at) + 1, line: x.line}
			}
			x.off++
		case classClosing:
			if opened.end == 0 {
				x.bad(uint32(at), "", `")" without "("`)
			}
			opened = token{}
			x.off++
		case classQuote:
			x.quoted(opened.end != 0)
		case classNul:
			x.bad(uint32(at), "a text file has none", "NUL character")
			x.off++
		default:
			x.word()
		}
		fresh = false
	}
	if opened.end != 0 {
		x.cut = true
		x.broken = true
		x.fail(opened.start, opened.line, `")" ends it`, `"(" is never closed`)
	}
	return len(x.tokens) > 0 || x.broken
}

// endLine steps over one line end: LF, CR LF, or CR as BIND has it.
func (x *lexer) endLine() {
	if x.text[x.off] == '\r' && x.off+1 < len(x.text) && x.text[x.off+1] == '\n' {
		x.off++
	}
	x.off++
	x.line++
}

func (x *lexer) skipComment() {
	for x.off < len(x.text) && classes[x.text[x.off]] != classNewline {
		x.off++
	}
}

// word reads an unquoted token. A backslash takes the meaning from the
// character after it, but cannot join lines.
func (x *lexer) word() {
	start := x.off
	for x.off < len(x.text) {
		c := classes[x.text[x.off]]
		if c == classEscape && x.off+1 < len(x.text) {
			if next := classes[x.text[x.off+1]]; next != classNewline && next != classNul {
				x.off += 2
				continue
			}
		}
		if c != classWord && c != classEscape {
			break
		}
		x.off++
	}
	x.push(token{start: uint32(start), end: uint32(x.off), line: x.line})
}

// quoted reads a quoted string. Within parentheses it may run over lines, as
// Knot and NSD have it; otherwise a line end means that a quote is missing, and
// only this line is lost.
func (x *lexer) quoted(multiline bool) {
	start, line := x.off, x.line
	x.off++
	for x.off < len(x.text) {
		switch classes[x.text[x.off]] {
		case classQuote:
			x.push(token{start: uint32(start) + 1, end: uint32(x.off), line: line, quoted: true})
			x.off++
			return
		case classEscape:
			x.off++
			if x.off < len(x.text) && classes[x.text[x.off]] != classNewline {
				x.off++
			}
		case classNewline:
			if !multiline {
				x.unclosed(start, line)
				return
			}
			x.endLine()
		case classNul:
			x.bad(uint32(x.off), "a text file has none", "NUL character")
			x.off++
		default:
			x.off++
		}
	}
	x.unclosed(start, line)
}

func (x *lexer) unclosed(start int, line uint32) {
	x.broken = true
	x.fail(uint32(start), line, `another " ends it on the same line`, "quoted string is never closed")
}

// push appends a token to the entry.
func (x *lexer) push(t token) {
	if len(x.tokens) < maxTokens {
		x.tokens = append(x.tokens, t)
	} else if !x.broken {
		x.bad(t.start, "no record needs that", "entry of more than 131072 words")
	}
}

// bad reports a mistake and marks the entry, one report for each.
func (x *lexer) bad(at uint32, right, what string) {
	if !x.broken {
		x.fail(at, x.line, right, what)
	}
	x.broken = true
}

// value returns the text of a token; of a quoted string without the quotes.
func (x *lexer) value(t token) []byte { return x.text[t.start:t.end] }

// column returns the column in characters, from 1, of the offset at in text.
func column(text []byte, at uint32) int {
	end := min(int(at), len(text))
	start := end
	for start > 0 && text[start-1] != '\n' && text[start-1] != '\r' {
		start--
	}
	if start == 0 && end >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF {
		start = 3
	}
	return utf8.RuneCount(text[start:end]) + 1
}
