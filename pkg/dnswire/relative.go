package dnswire

import "encoding/binary"

// Relative is a record at the origin of a zone, prepared for replies to
// questions below it: most SOA records of negative answers. Names in its RDATA
// that end in the origin are written with a pointer in its place, and where it
// points to is all that is left to fill in. A search for what compresses them is
// saved.
type Relative struct {
	rdata    []byte
	pointers [2]uint16 // where in rdata pointers to the origin stand
	n        int
}

// NewRelative prepares the RDATA of a record of type t at origin, a name in wire
// form. It reports false if that would make replies longer than they need be,
// because names in it share more than the origin.
func NewRelative(t Type, rdata, origin []byte) (Relative, bool) {
	var r Relative
	skip, names := namesIn(t)
	if len(origin) == 1 || names == 0 || len(rdata) < skip || len(origin)+4 > MaxName+fixedQuestion {
		return r, false
	}
	r.rdata = append(r.rdata, rdata[:skip]...)
	rest := rdata[skip:]
	for range names {
		n, ok := NameLen(rest)
		if !ok {
			return r, false
		}
		r.name(rest[:n], origin)
		rest = rest[n:]
	}
	r.rdata = append(r.rdata, rest...)
	return r, headerLen+len(origin)+fixedQuestion+pointerLen+fixedRecord+len(r.rdata) == lengthAtOrigin(t, rdata, origin)
}

// lengthAtOrigin returns the length of a reply about the origin with the record,
// compressed as well as can be.
func lengthAtOrigin(t Type, rdata, origin []byte) int {
	var m Message
	m.Start(nil, &Query{HasQuestion: true, Name: origin}, maxMessage)
	m.AppendRecord(Authority, origin, t, 0, rdata)
	return m.Len()
}

// name appends a name that may end in the origin.
func (r *Relative) name(name, origin []byte) {
	at := 0
	for name[at] != 0 && len(name)-at > len(origin) {
		at += 1 + int(name[at])
	}
	if !equalFold(name[at:], origin) {
		r.rdata = append(r.rdata, name...)
		return
	}
	r.rdata = append(r.rdata, name[:at]...)
	r.pointers[r.n] = uint16(len(r.rdata))
	r.n++
	r.rdata = append(r.rdata, 0, 0)
}

// AppendRelative adds a record that [NewRelative] prepared, as Append does. at is
// where the origin begins in the question's name, which ends in it.
func (m *Message) AppendRelative(s Section, at int, t Type, ttl uint32, r *Relative) bool {
	if m.Len()+pointerLen+fixedRecord+len(r.rdata) > m.limit-m.reserved {
		return false
	}
	m.enter(s)
	pointer := uint16(pointerToName + at)
	b := binary.BigEndian.AppendUint16(m.buf, pointer)
	b = appendFixed(b, t, ClassIN, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.rdata)))
	start := len(b)
	b = append(b, r.rdata...)
	for _, p := range r.pointers[:r.n] {
		binary.BigEndian.PutUint16(b[start+int(p):], pointer)
	}
	m.buf = b
	m.counts[s]++
	return true
}
