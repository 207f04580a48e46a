package zone

import (
	"bytes"
	"fmt"
	"math"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// record reads [owner] [TTL] [class] type RDATA, TTL and class in any order.
func (r *reader) record() {
	tokens := r.tokens
	if !r.indented {
		if !r.readOwner(tokens[0]) {
			r.noteBroken(tokens)
			return
		}
		tokens = tokens[1:]
	}
	switch {
	case r.broken || r.ownerOf == ownerWrong:
		r.noteBroken(tokens)
		return
	case r.ownerOf == noOwner:
		r.wrong(tokens[0], "a name in the first column, or @ for the origin", "line begins with blanks, but there is no owner before it")
		r.noteBroken(tokens)
		return
	}
	if r.indented && r.moved {
		r.doubtful(tokens[0], "write the owner", "the owner is still %s, although $ORIGIN has changed", dnswire.FormatName(r.owner))
	}
	r.moved = false
	rec := record{owner: r.owner}
	if !r.header(&rec, tokens) {
		r.noteBroken(tokens)
		return
	}
	r.body(&rec)
}

// record is one record on its way into the zone.
type record struct {
	owner  []byte // wire form
	typ    dnswire.Type
	ttl    uint32
	hasTTL bool
	minTTL uint32  // of a range of TTLs; else ttl
	ranged token   // the word that is a range; of no length if there is none
	kind   token   // the word that is the type
	words  []token // of the RDATA
	rdata  []byte
	value  place // of the RDATA
}

// readOwner takes the owner from the first word of an entry.
func (r *reader) readOwner(t token) bool {
	owner, err := appendName(r.owner[:0], r.value(t), r.origin)
	r.owner = owner
	if err != nil {
		r.ownerOf = ownerWrong
		r.wrong(t, rightName(err), "bad name %q, %v", r.value(t), err)
		return false
	}
	r.ownerOf = ownerKnown
	return true
}

// header reads TTL, class and type; words are those after the owner.
func (r *reader) header(rec *record, words []token) bool {
	hasClass := false
	for i, t := range words {
		word := r.value(t)
		if t.quoted {
			r.wrong(t, "a type such as A or MX, without quotes", "%q in quotes", word)
			return false
		}
		if !hasClass {
			if is, ok := r.class(t); is {
				if !ok {
					return false
				}
				hasClass = true
				continue
			}
		}
		if !rec.hasTTL {
			if ttl, ok := period(word); ok {
				rec.ttl, rec.hasTTL = r.ttlOf(t, ttl, "TTL"), true
				continue
			}
			if most, least, is := ttlRange(word); is {
				rec.ttl, rec.hasTTL, rec.ranged = r.ttlOf(t, most, "TTL"), true, t
				rec.minTTL = min(least, rec.ttl)
				if least > most {
					r.wrong(t, fmt.Sprintf("the larger first: %d/%d", least, most), "range of TTLs %q", word)
					return false
				}
				continue
			}
		}
		typ, ok := typeOf(word)
		if !ok {
			r.unknownType(t)
			return false
		}
		if isMeta(typ) {
			r.wrong(t, "", "%s is a type of questions, not of records", typ)
			return false
		}
		if typ == dnswire.TypeMD || typ == dnswire.TypeMF {
			r.wrong(t, "an MX record (RFC 973, Section 5)", "%s is obsolete", typ)
			return false
		}
		rec.typ, rec.kind, rec.words = typ, t, words[i+1:]
		return true
	}
	last := r.tokens[len(r.tokens)-1]
	r.wrong(last, "owner, TTL, type and data, such as: www 300 A 192.0.2.1", "the line ends after %q", r.value(last))
	return false
}

// class reports whether the word is a class, and whether it is the Internet's.
func (r *reader) class(t token) (is, ok bool) {
	word := r.value(t)
	if equalFold(word, "IN") || equalFold(word, "CLASS1") {
		return true, true
	}
	for _, name := range []string{"CH", "CHAOS", "HS", "HESIOD", "ANY", "NONE"} {
		is = is || equalFold(word, name)
	}
	if !is && len(word) > 5 && equalFold(word[:5], "CLASS") {
		_, is = number(word[5:], math.MaxUint16)
	}
	if is {
		r.wrong(t, "IN, or no class at all", "class %s is not served", word)
	}
	return is, false
}

// ttlOf returns a TTL as it is served: one beyond 31 bits counts as 0 (RFC
// 2181, Section 8).
func (r *reader) ttlOf(t token, ttl uint32, what string) uint32 {
	if ttl <= math.MaxInt32 {
		return ttl
	}
	r.doubtful(t, "at most 2147483647", "%s %d is too large and counts as 0", what, ttl)
	return 0
}

// ttlRange reads MOST/LEAST, the TTLs between which that of a steered answer
// moves.
func ttlRange(word []byte) (most, least uint32, ok bool) {
	a, b, found := bytes.Cut(word, []byte("/"))
	if !found {
		return 0, 0, false
	}
	most, ok1 := period(a)
	least, ok2 := period(b)
	return most, least, ok1 && ok2
}

// unknownType reports a word that should have been a type.
func (r *reader) unknownType(t token) {
	word := string(clip(r.value(t)))
	right := "a type such as A, AAAA, CNAME or MX, or TYPE and a number"
	switch near := nearestType(word); {
	case '0' <= word[0] && word[0] <= '9':
		if !r.indented && isType(r.value(r.tokens[0])) {
			right = fmt.Sprintf("%q in the first column is taken for the owner; put blanks before it", clip(r.value(r.tokens[0])))
		}
	case equalFold(r.value(t), "IN"):
		right = "the class stands once"
	case word[0] == '$' && r.indented:
		right = "a directive stands in the first column"
	case near != "":
		right = "did you mean " + near + "?"
	}
	r.wrong(t, right, "unknown type %q", word)
}

// noteBroken remembers what a broken record was going to be, so that its lack is
// not told as another mistake.
func (r *reader) noteBroken(words []token) {
	for _, t := range words {
		switch {
		case equalFold(r.value(t), "SOA"):
			r.build.brokenSOA = true
		case equalFold(r.value(t), "NS"):
			r.build.brokenNS = true
		}
	}
	r.build.broken = true
}

// body reads the RDATA, settles the TTL and puts the record into the zone.
func (r *reader) body(rec *record) {
	rec.value = r.place(rec.kind)
	if len(rec.words) > 0 {
		rec.value = r.place(rec.words[0])
	}
	if rec.typ == dnswire.TypeSTEER {
		r.steer(rec)
		return
	}
	if rec.ranged.end > 0 {
		r.wrong(rec.ranged, "one TTL", "a range of TTLs is for STEER records, whose answers health can change")
		r.noteBroken(r.tokens)
		return
	}
	if !r.readRData(rec) || !r.settleTTL(rec) {
		r.noteBroken(r.tokens)
		return
	}
	r.insert(rec)
}

// settleTTL gives the record its TTL, as BIND does: its own, that of $TTL (RFC
// 2308, Section 4), that of the record before (RFC 1035, Section 5.1); the SOA
// may set the standard by its minimum.
func (r *reader) settleTTL(rec *record) bool {
	s := &r.ttl
	switch {
	case rec.hasTTL:
		s.last, s.hasLast = rec.ttl, true
	case s.hasStandard:
		rec.ttl = s.standard
	case s.hasLast:
		rec.ttl = s.last
		if !s.warned {
			s.warned = true
			r.doubtful(rec.kind, "a line such as $TTL 300 at the top", "no TTL and no $TTL: the last TTL, %d, is taken, here and below", rec.ttl)
		}
	case rec.typ == dnswire.TypeSOA:
		rec.ttl = min(soaMinimum(rec.rdata), math.MaxInt32)
		s.standard, s.hasStandard = rec.ttl, true
		r.doubtful(rec.kind, "a line such as $TTL 300 at the top", "no TTL and no $TTL: the SOA's minimum, %d, is taken, here and below", rec.ttl)
	default:
		r.wrong(rec.kind, "a line such as $TTL 300 at the top", "no TTL")
		return false
	}
	return true
}
