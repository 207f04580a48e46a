package zone

import (
	"unicode/utf8"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// maxSteerText bounds the text of a STEER record: what its RDATA could hold.
const maxSteerText = 65535

const rightSteer = `the name of a policy, or a policy in quotes, such as "{failover: [fra, iad]}"`

// steer reads a STEER record: one or more character-strings, which are joined.
// It is kept apart from the record sets.
func (r *reader) steer(rec *record) {
	text, ok := r.steerText(rec)
	if !ok || !r.settleTTL(rec) {
		r.noteBroken(r.tokens)
		return
	}
	r.insertSteer(rec, string(text))
}

// steerText returns the strings of a STEER record, joined.
func (r *reader) steerText(rec *record) ([]byte, bool) {
	if len(rec.words) == 0 {
		r.wrong(rec.kind, rightSteer, "STEER record without a policy")
		return nil, false
	}
	first := rec.words[0]
	text, ok := []byte(nil), false
	switch {
	case isGeneric(r.value(first)) && !first.quoted:
		text, ok = r.genericSteer(rec)
	case !first.quoted && r.value(first)[0] == '{' && len(rec.words) > 1:
		r.wrong(first, `quotes around it, such as "{failover: [fra, iad]}"`, "policy in place without quotes")
	default:
		text, ok = r.joined(rec.words)
	}
	switch {
	case !ok:
		return nil, false
	case len(text) == 0:
		r.wrong(first, rightSteer, "STEER record with an empty policy")
		return nil, false
	case len(text) > maxSteerText:
		r.wrong(first, "a policy in a file, and its name here", "policy of more than %d octets", maxSteerText)
		return nil, false
	case !utf8.Valid(text):
		r.wrong(first, "text in UTF-8", "policy that is no text")
		return nil, false
	}
	return text, true
}

// joined reads words as character-strings and joins them.
func (r *reader) joined(words []token) ([]byte, bool) {
	var text []byte
	for _, t := range words {
		var err error
		if text, err = appendOctets(text, r.value(t), 255); err == errLongString {
			r.wrong(t, "several strings in a row, each of at most 255; they are joined", "string of more than 255 octets")
			return nil, false
		} else if err != nil {
			r.wrong(t, rightName(err), "bad string, %v", err)
			return nil, false
		}
	}
	return text, true
}

// genericSteer reads the form \# length hexadecimal, whose octets are
// character-strings.
func (r *reader) genericSteer(rec *record) ([]byte, bool) {
	if !r.genericOctets(rec) {
		return nil, false
	}
	var text []byte
	for rest := r.rdata; len(rest) > 0; {
		size := int(rest[0])
		if 1+size > len(rest) {
			r.wrong(rec.words[0], `such as \# 4 03776562`, "these %d octets are no %s record", len(r.rdata), dnswire.TypeSTEER)
			return nil, false
		}
		text = append(text, rest[1:1+size]...)
		rest = rest[1+size:]
	}
	return text, true
}
