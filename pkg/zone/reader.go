package zone

import (
	"bytes"
	"fmt"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// reader reads the entries of one file, or of one line that $GENERATE made.
type reader struct {
	*loader
	*lexer
	file uint32

	origin []byte // wire form, with the case of the file
	owner  []byte // of the last record
	// ownerOf says what is known of owner: a record that begins with blanks
	// belongs to it.
	ownerOf ownerState
	moved   bool // $ORIGIN was changed since the last owner was written

	// made is set while a line of $GENERATE is read: the place of the directive,
	// and findings say what line it was.
	made    *place
	mistake bool // something was wrong with the made line

	rdata []byte // scratch
}

type ownerState uint8

const (
	noOwner    ownerState = iota
	ownerKnown            // owner is the last one
	ownerWrong            // the last one had a mistake; its records are passed over
)

func newReader(l *loader, file uint32, origin []byte) *reader {
	r := &reader{loader: l, file: file, origin: bytes.Clone(origin)}
	r.lexer = newLexer(l.files[file].text, r.lexFailed)
	return r
}

// run reads to the end of the file, or until there are too many findings or
// records.
func (r *reader) run() {
	for !r.full && r.next() {
		r.entry()
	}
	r.swallowed = r.swallowed || r.cut
}

// entry reads one entry: a directive or a record.
func (r *reader) entry() {
	if len(r.tokens) == 0 {
		return
	}
	first := r.tokens[0]
	if !r.indented && !first.quoted && r.value(first)[0] == '$' {
		if !r.broken {
			r.directive()
		}
		return
	}
	r.record()
}

func (r *reader) lexFailed(at, line uint32, right, what string) {
	r.fault(diag.Error, token{start: at, line: line}, right, what)
}

// place returns where a token stands; what $GENERATE made stands at it.
func (r *reader) place(t token) place {
	if r.made != nil {
		return *r.made
	}
	at := t.start
	if t.quoted {
		at-- // the quote
	}
	return place{file: r.file, line: t.line, at: at}
}

// fault reports a finding at a token.
func (r *reader) fault(s diag.Severity, t token, right, what string) {
	if r.made != nil {
		r.mistake = r.mistake || s == diag.Error
		what = fmt.Sprintf("%s, in the line %q", what, clip(bytes.TrimSpace(r.text)))
	}
	r.add(s, r.pos(r.place(t)), right, what)
}

// wrong reports an error at a token.
func (r *reader) wrong(t token, right, format string, args ...any) {
	r.fault(diag.Error, t, right, fmt.Sprintf(format, clipped(args)...))
}

// doubtful reports a warning at a token.
func (r *reader) doubtful(t token, right, format string, args ...any) {
	r.fault(diag.Warning, t, right, fmt.Sprintf(format, clipped(args)...))
}

// clip shortens a word for a message: it may be as long as the file.
func clip(word []byte) []byte {
	const most = 300
	if len(word) <= most {
		return word
	}
	return append(bytes.Clone(word[:most]), "…"...)
}

// clipped shortens the words among the arguments of a message.
func clipped(args []any) []any {
	for i, a := range args {
		if word, ok := a.([]byte); ok {
			args[i] = clip(word)
		}
	}
	return args
}
