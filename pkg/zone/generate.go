package zone

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// maxGenerated bounds the records that all $GENERATE lines of a zone make.
const maxGenerated = 65536

// maxMade bounds the length of an owner or of data that $GENERATE makes.
const maxMade = 4096

var (
	errTemplate = errors.New("bad template")
	errRange    = errors.New("number beyond 31 bits")
	errTooLong  = errors.New("text too long")
)

const rightGenerate = "such as: $GENERATE 1-100 host$ A 192.0.2.$"

// directiveGenerate makes a record for each number of a range, by BIND's rules:
//
//	$GENERATE start-stop[/step] owner [TTL] [class] type data
//
// In owner and data, which is one word or quoted string, $ stands for the
// number and ${offset,width,base} for the number plus offset, zero-padded, in
// base d, o, x, X, or as reversed nibbles n, N. A $ of its own is \$ or $$.
func (r *reader) directiveGenerate(name token, args []token) {
	if len(args) < 4 {
		r.wrong(name, rightGenerate, "$GENERATE with too few words")
		return
	}
	start, stop, step, ok := numbers(r.value(args[0]))
	if !ok {
		r.wrong(args[0], "start-stop or start-stop/step, such as 1-100", "bad range %q", r.value(args[0]))
		return
	}
	count := (stop-start)/step + 1
	if r.generated += int(min(count, maxGenerated+1)); r.generated > maxGenerated {
		r.wrong(args[0], "", "more than %d records made by $GENERATE in one zone", maxGenerated)
		r.generated = maxGenerated
		return
	}
	data := args[len(args)-1]
	if i := r.typeWord(args[2:]); i >= 0 && i+2 < len(args)-2 {
		r.wrong(args[2+i+2], "data with blanks in quotes", "%q is one word too many for $GENERATE", r.value(args[2+i+2]))
		return
	}
	g := generator{
		owner: r.value(args[1]),
		data:  r.value(data),
	}
	for _, t := range args[2 : len(args)-1] {
		g.middle = append(append(g.middle, ' '), r.value(t)...)
	}
	if data.quoted {
		g.data = bytes.ReplaceAll(g.data, []byte(`\"`), []byte(`"`))
	}
	at := r.place(name)
	for n := start; n <= stop && !r.full; n += step {
		line, err := g.line(n)
		if err != nil {
			r.wrong(name, "$ or ${offset,width,base} with a base of d, o, x, X, n or N", "%v for number %d", err, n)
			return
		}
		if !r.readMade(line, &at) {
			return // one mistake is enough; the others would be the same
		}
	}
}

// typeWord returns the index of the word that is the type: the first that is no
// TTL and no class; -1 if there is none.
func (r *reader) typeWord(words []token) int {
	for i, t := range words {
		if isType(r.value(t)) {
			return i
		}
	}
	return -1
}

// readMade reads a line that was made and reports whether it was right.
func (r *reader) readMade(line []byte, at *place) bool {
	made := reader{loader: r.loader, file: r.file, origin: r.origin, owner: r.owner, ownerOf: r.ownerOf, made: at, rdata: r.rdata}
	made.lexer = newLexer(line, made.lexFailed)
	if made.next() {
		made.entry()
	}
	r.owner, r.ownerOf, r.rdata = made.owner, made.ownerOf, made.rdata
	return !made.mistake
}

// numbers reads start-stop/step.
func numbers(text []byte) (start, stop, step int64, ok bool) {
	step = 1
	if i := bytes.IndexByte(text, '/'); i >= 0 {
		n, ok := number(text[i+1:], math.MaxInt32)
		if !ok || n == 0 {
			return 0, 0, 0, false
		}
		text, step = text[:i], int64(n)
	}
	first, last, found := bytes.Cut(text, []byte("-"))
	low, ok1 := number(first, math.MaxInt32)
	high, ok2 := number(last, math.MaxInt32)
	return int64(low), int64(high), step, found && ok1 && ok2 && low <= high
}

// generator is the templates of one $GENERATE.
type generator struct {
	owner, middle, data []byte
}

// line returns the line of a master file for number n.
func (g *generator) line(n int64) ([]byte, error) {
	line, err := expand(nil, g.owner, n)
	if err != nil {
		return nil, err
	}
	line = append(append(line, g.middle...), ' ')
	return expand(line, g.data, n)
}

// expand appends template to dst with number n in it.
func expand(dst, template []byte, n int64) ([]byte, error) {
	base := len(dst)
	for i := 0; i < len(template); {
		if len(dst)-base > maxMade {
			return dst, errTooLong
		}
		c := template[i]
		switch {
		case c == '\\' && i+1 < len(template):
			dst = append(dst, c, template[i+1])
			i += 2
		case c != '$':
			dst = append(dst, c)
			i++
		case i+1 < len(template) && template[i+1] == '$':
			dst = append(dst, '$')
			i += 2
		case i+1 < len(template) && template[i+1] == '{':
			end := bytes.IndexByte(template[i:], '}')
			if end < 0 {
				return dst, errTemplate
			}
			var err error
			if dst, err = expandOne(dst, template[i+2:i+end], n); err != nil {
				return dst, err
			}
			i += end + 1
		default:
			dst = strconv.AppendInt(dst, n, 10)
			i++
		}
	}
	return dst, nil
}

// expandOne appends n in the form offset[,width[,base]].
func expandOne(dst, form []byte, n int64) ([]byte, error) {
	parts := bytes.Split(form, []byte(","))
	offset, err := strconv.ParseInt(string(parts[0]), 10, 32)
	if err != nil || parts[0][0] == '+' {
		return dst, errTemplate
	}
	if n += offset; n > math.MaxInt32 || n < math.MinInt32 {
		return dst, errRange
	}
	width, base := uint64(0), byte('d')
	if len(parts) > 1 {
		var ok bool
		if width, ok = number(parts[1], maxMade); !ok {
			return dst, errTemplate
		}
	}
	if len(parts) > 2 {
		if len(parts) > 3 || len(parts[2]) != 1 {
			return dst, errTemplate
		}
		base = parts[2][0]
	}
	return appendBased(dst, n, int(width), base)
}

// appendBased appends n in a base, as printf would: other bases than decimal
// show a negative number as the 32 bits that it is.
func appendBased(dst []byte, n int64, width int, base byte) ([]byte, error) {
	var digits []byte
	switch base {
	case 'd':
		if n < 0 {
			dst = append(dst, '-')
			n, width = -n, width-1
		}
		digits = strconv.AppendInt(nil, n, 10)
	case 'o':
		digits = strconv.AppendUint(nil, uint64(uint32(n)), 8)
	case 'x':
		digits = strconv.AppendUint(nil, uint64(uint32(n)), 16)
	case 'X':
		digits = bytes.ToUpper(strconv.AppendUint(nil, uint64(uint32(n)), 16))
	case 'n':
		return appendNibbles(dst, uint32(n), width, "0123456789abcdef"), nil
	case 'N':
		return appendNibbles(dst, uint32(n), width, "0123456789ABCDEF"), nil
	default:
		return dst, errTemplate
	}
	for range width - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...), nil
}

// appendNibbles appends the hexadecimal digits of n in reverse order with dots
// between them, as ip6.arpa has them. The dots count in width, so an even width
// ends in one.
func appendNibbles(dst []byte, n uint32, width int, digits string) []byte {
	for {
		dst = append(dst, digits[n&15])
		n >>= 4
		width--
		if n == 0 && width <= 0 {
			return dst
		}
		dst = append(dst, '.')
		if width--; n == 0 && width <= 0 {
			return dst
		}
	}
}
