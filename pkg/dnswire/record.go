package dnswire

import "encoding/binary"

// ownerRef is how the owner of a set is written after its first record: as a
// pointer to where the name was written, or to what that points to.
type ownerRef struct {
	pointer uint16 // 0: none, the owner has to be written out
}

// record writes one record; m.full is set if it does not fit, and then some of
// it may have been written. owner is what was learned from the set's record
// before this one.
func (m *Message) record(ref *ownerRef, owner []byte, t Type, c Class, ttl uint32, rdata []byte) {
	m.owner(ref, owner)
	if m.fits(fixedRecord) {
		m.buf = append(appendFixed(m.buf, t, c, ttl), 0, 0)
	}
	start := len(m.buf)
	m.rdata(t, rdata)
	if !m.full {
		binary.BigEndian.PutUint16(m.buf[start-2:], uint16(len(m.buf)-start))
	}
}

// plainSet writes a set at the question's name whose RDATA holds no names that
// are compressed: what most answers are. If not all of it fits, it reports false,
// and the message stays as it was.
func (m *Message) plainSet(s Section, set *RRset, ttl uint32) bool {
	room := m.limit - m.reserved - m.Len()
	b, records := m.buf, uint16(0)
	for rest := set.data; len(rest) > 0; records++ {
		n := lengthLen + int(binary.BigEndian.Uint16(rest))
		if room -= pointerLen + fixedRecord - lengthLen + n; room < 0 {
			return false
		}
		b = appendPlain(b, set.Type, ClassIN, ttl)
		b = append(b, rest[:n]...) // the length stands before the RDATA
		rest = rest[n:]
	}
	m.enter(s)
	m.buf = b
	m.counts[s] += records
	return true
}

// plainRecord is plainSet for a record alone, of any class.
func (m *Message) plainRecord(s Section, t Type, c Class, ttl uint32, rdata []byte) bool {
	if m.Len()+pointerLen+fixedRecord+len(rdata) > m.limit-m.reserved {
		return false
	}
	m.enter(s)
	b := appendPlain(m.buf, t, c, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
	m.buf = append(b, rdata...)
	m.counts[s]++
	return true
}

// appendPlain appends a pointer to the question's name, type, class and TTL.
func appendPlain(b []byte, t Type, c Class, ttl uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, pointerToName)
	return binary.BigEndian.AppendUint64(b, uint64(t)<<48|uint64(c)<<32|uint64(ttl))
}

// fixedRecord is the length of what stands between the owner of a record and its
// RDATA: type, class, TTL and length of the RDATA.
const fixedRecord = 10

// appendFixed appends type, class and TTL.
func appendFixed(b []byte, t Type, c Class, ttl uint32) []byte {
	return append(b, byte(t>>8), byte(t), byte(c>>8), byte(c), byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl))
}

// owner writes the owner of a record.
func (m *Message) owner(ref *ownerRef, owner []byte) {
	switch {
	case ref.pointer != 0:
	case m.isQuestion(owner):
		ref.pointer = pointerToName
	default:
		ref.pointer = m.name(owner)
		return
	}
	m.pointer(ref.pointer)
}

// isQuestion reports whether name is the name of the question, which most owners
// are. The root is not: it is shorter than a pointer to it.
func (m *Message) isQuestion(name []byte) bool {
	end := m.question.length - fixedQuestion
	if len(name) == 1 || len(name) != end-headerLen {
		return false
	}
	question := m.buf[m.start+headerLen : m.start+end]
	return string(question) == string(name) || equalFold(question, name)
}

// rdata writes the RDATA of a record without its length. Names are compressed in
// the types of RFC 1035 only: readers need not know how to expand them in any
// other (RFC 3597, Section 4).
func (m *Message) rdata(t Type, rdata []byte) {
	skip, names := namesIn(t)
	if names > 0 && len(rdata) >= skip {
		m.octets(rdata[:skip])
		rdata = rdata[skip:]
		for ; names > 0; names-- {
			n, ok := NameLen(rdata)
			if !ok {
				break // no name after all: written as it is
			}
			m.name(rdata[:n])
			rdata = rdata[n:]
		}
	}
	m.octets(rdata)
}

// namesIn returns where in the RDATA of t names stand that may be compressed:
// after how many octets, and how many of them.
func namesIn(t Type) (skip, names int) {
	switch t {
	case TypeNS, TypeCNAME, TypePTR, TypeMB, TypeMD, TypeMF, TypeMG, TypeMR:
		return 0, 1
	case TypeMX:
		return 2, 1
	case TypeSOA, TypeMINFO:
		return 0, 2
	}
	return 0, 0
}

// name writes a name, compressed as far as what stands before it allows, and
// returns the pointer by which the same name can be written again; 0 if there is
// none that is shorter.
func (m *Message) name(name []byte) (pointer uint16) {
	if n, ok := NameLen(name); !ok || n != len(name) {
		m.octets(name) // not of our making; what it is will not be guessed
		return 0
	}
	m.remember()
	var sp split
	m.names.split(m.buf[m.start:], name, &sp)
	if sp.shared == noSuffix {
		sp.length = len(name) // the root's octet is written, not pointed to
	}
	if !m.fits(sp.length) {
		return 0
	}
	offset := m.Len()
	m.buf = append(m.buf, name[:sp.length]...)
	m.names.addAll(name, offset, &sp)
	if sp.shared != noSuffix {
		pointer = pointerBits<<8 | m.names.entries[sp.shared].offset
		m.pointer(pointer)
	}
	switch {
	case sp.fresh == 0: // nothing but that pointer, or the root
		return pointer
	case offset > maxPointer:
		return 0
	}
	return pointerBits<<8 | uint16(offset)
}

func (m *Message) pointer(p uint16) {
	if m.fits(pointerLen) {
		m.buf = binary.BigEndian.AppendUint16(m.buf, p)
	}
}

func (m *Message) octets(b []byte) {
	if m.fits(len(b)) {
		m.buf = append(m.buf, b...)
	}
}

// fits reports whether n more octets may be written; once they may not, nothing
// is written until the message is restored.
func (m *Message) fits(n int) bool {
	m.full = m.full || m.Len()+n > m.limit-m.reserved
	return !m.full
}
