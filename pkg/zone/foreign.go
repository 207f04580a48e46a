package zone

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/miekg/dns"
)

// isGeneric reports whether a word begins RDATA of the form of RFC 3597,
// Section 5: \# length hexadecimal.
func isGeneric(word []byte) bool { return len(word) == 2 && word[0] == '\\' && word[1] == '#' }

// readGeneric reads RDATA in the generic form. If the type is known, the octets
// must be what it asks for.
func (r *reader) readGeneric(rec *record) bool {
	if !r.genericOctets(rec) {
		return false
	}
	if !isWellFormed(rec.typ, r.rdata) {
		r.wrong(rec.words[0], "", "these %d octets are no %s record", len(r.rdata), rec.typ)
		return false
	}
	return true
}

// genericOctets decodes the words after \#.
func (r *reader) genericOctets(rec *record) bool {
	words := rec.words[1:]
	if len(words) == 0 {
		r.wrong(rec.words[0], `such as \# 4 c0000201`, `no length after \#`)
		return false
	}
	want, ok := number(r.value(words[0]), 65535)
	if !ok || words[0].quoted {
		r.wrong(words[0], "a number from 0 to 65535", "bad length %q", r.value(words[0]))
		return false
	}
	r.rdata = r.rdata[:0]
	half := false // a word may end within an octet
	var digits []byte
	for _, t := range words[1:] {
		for _, c := range r.value(t) {
			if _, ok := hexDigit(c); !ok || t.quoted {
				r.wrong(t, "digits 0-9 and a-f", "%q is not hexadecimal", r.value(t))
				return false
			}
		}
		digits = append(digits, r.value(t)...)
	}
	half = len(digits)%2 == 1
	if half {
		r.wrong(words[len(words)-1], "two digits for each octet", "odd number of hexadecimal digits")
		return false
	}
	if len(digits)/2 != int(want) {
		r.wrong(words[0], strconv.Itoa(len(digits)/2), "length %d, but there are %d octets", want, len(digits)/2)
		return false
	}
	r.rdata, _ = hex.AppendDecode(r.rdata, digits)
	return true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// isWellFormed reports whether rdata is right for its type, as far as the type
// is known. The octets must come back as they were from the structure that
// miekg/dns makes of them, which refuses compressed names, and from its text,
// which refuses RDATA that ends early.
func isWellFormed(t dnswire.Type, rdata []byte) bool {
	if _, known := dns.TypeToRR[uint16(t)]; !known || t == dnswire.TypeNULL {
		return true
	}
	if len(rdata) == 0 {
		return t == typeAPL
	}
	h := dns.RR_Header{Name: ".", Rrtype: uint16(t), Class: dns.ClassINET, Rdlength: uint16(len(rdata))}
	rr, _, err := dns.UnpackRRWithHeader(h, rdata, 0)
	if err != nil {
		return false
	}
	packed, err := packRData(rr)
	if err != nil || !bytes.Equal(packed, rdata) {
		return false
	}
	again, err := dns.NewRR(rr.String())
	if err != nil || again == nil {
		return false
	}
	packed, err = packRData(again)
	return err == nil && bytes.Equal(packed, rdata)
}

const typeAPL dnswire.Type = 42

// rrHeader is the length of the header that packRData takes off: the root as the
// owner, type, class, TTL and length.
const rrHeader = 1 + 2 + 2 + 4 + 2

// maxPacked is the length of the longest record of such an owner.
const maxPacked = rrHeader + 65535

// packRData returns the wire form of the RDATA of rr, whose owner is the root.
func packRData(rr dns.RR) ([]byte, error) {
	var err error
	for _, size := range []int{min(dns.Len(rr)+64, maxPacked), maxPacked} { // Len is an estimate for some types
		var n int
		buf := make([]byte, size)
		if n, err = dns.PackRR(rr, buf, 0, nil, false); err == nil && n >= rrHeader {
			return buf[rrHeader:n], nil
		}
	}
	return nil, err
}

// readForeign reads RDATA by miekg/dns: the words are written as one line.
func (r *reader) readForeign(rec *record) bool {
	if _, known := dns.TypeToRR[uint16(rec.typ)]; !known || rec.typ == dnswire.TypeNULL {
		r.wrong(rec.kind, `data as octets, such as: \# 4 c0000201`, "the data of type %s can only be written as octets", rec.typ)
		return false
	}
	if len(rec.words) == 0 && rec.typ != typeAPL {
		r.wrong(rec.kind, "", "%s record without data", rec.typ)
		return false
	}
	line, starts := r.foreignLine(rec)
	parser := dns.NewZoneParser(strings.NewReader(line), dnswire.FormatName(r.origin), "")
	rr, ok := parser.Next()
	if err := parser.Err(); err != nil || !ok {
		r.foreignError(rec, err, starts)
		return false
	}
	rdata, err := packRData(rr)
	if err != nil {
		r.foreignError(rec, err, nil)
		return false
	}
	r.rdata = append(r.rdata, rdata...)
	return r.digestFits(rec)
}

// foreignLine returns the record on one line, with the root as its owner, and
// the offset in it of each word.
func (r *reader) foreignLine(rec *record) (line string, starts []int) {
	var b strings.Builder
	b.WriteString(". 0 IN ")
	b.WriteString(rec.typ.String())
	for i, t := range rec.words {
		// key="value" is one word there, and two tokens here.
		if i == 0 || !adjacent(rec.words[i-1], t) {
			b.WriteByte(' ')
		}
		starts = append(starts, b.Len())
		if t.quoted {
			b.WriteByte('"')
		}
		b.Write(r.value(t))
		if t.quoted {
			b.WriteByte('"')
		}
	}
	b.WriteByte('\n')
	return b.String(), starts
}

// adjacent reports whether nothing stands between two tokens.
func adjacent(a, b token) bool {
	end, start := a.end, b.start
	if a.quoted {
		end++
	}
	if b.quoted {
		start--
	}
	return end == start
}

// foreignError tells an error of miekg/dns at the word that it is about.
func (r *reader) foreignError(rec *record, err error, starts []int) {
	at := rec.kind
	if len(rec.words) > 0 {
		at = rec.words[0]
	}
	if err == nil {
		r.wrong(at, "", "bad data of %s record", rec.typ)
		return
	}
	what, column := splitForeign(err.Error())
	for i, start := range starts {
		if start < column {
			at = rec.words[i]
		}
	}
	r.wrong(at, "", "bad data of %s record at %q (%s)", rec.typ, r.value(at), what)
}

// splitForeign takes what is wrong and the column out of a message such as
// `dns: bad DS KeyTag: "x" at line: 1:14`.
func splitForeign(text string) (what string, column int) {
	text = strings.TrimPrefix(text, "dns: ")
	if i := strings.LastIndex(text, " at line: 1:"); i >= 0 {
		column, _ = strconv.Atoi(text[i+len(" at line: 1:"):])
		text = text[:i]
	}
	if i := strings.Index(text, `: "`); i >= 0 {
		text = text[:i]
	}
	return text, column
}

// digestLengths are the lengths of the digests of RFC 4034, 4509 and 6605.
var digestLengths = map[byte]int{1: 20, 2: 32, 4: 48}

// digestFits reports whether the digest of a DS or CDS record is as long as its
// type says; one that is not matches no key.
func (r *reader) digestFits(rec *record) bool {
	if rec.typ != dnswire.TypeDS && rec.typ != dnswire.TypeCDS || len(r.rdata) < 4 {
		return true
	}
	want, known := digestLengths[r.rdata[3]]
	if got := len(r.rdata) - 4; known && got != want {
		last := rec.words[len(rec.words)-1]
		r.wrong(last, strconv.Itoa(want)+" octets", "digest of %d octets for digest type %d", got, r.rdata[3])
		return false
	}
	return true
}
