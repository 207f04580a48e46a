package dnswire

import "encoding/binary"

// Section is a part of a reply that holds records.
type Section uint8

// Sections in the order in which they are filled.
const (
	Answer Section = iota
	Authority
	Additional
	numSections
)

// Message builds one reply in a buffer of the caller. The zero value is ready
// for Start, and Start makes it ready for another reply. No method allocates if
// the buffer has room for limit octets after what it holds; a Message is not
// safe for concurrent use.
//
//	m.Start(buf[:0], &query, 1232)
//	m.SetAA(true)
//	m.Reserve(reply.Len())
//	if !m.Append(Answer, query.Name, set, set.TTL) {
//		m.Truncate()
//	}
//	packet := m.Finish(&reply)
//
// A message is never longer than its limit, unless the header, the question and
// an OPT record without options are by themselves (282 octets at most).
type Message struct {
	buf      []byte // what the caller gave, then the message
	start    int    // where the message begins in buf
	limit    int    // octets of the message at most
	reserved int    // octets of them kept for OPT
	full     bool   // something did not fit since the last mark

	question struct{ length, names int } // of the message as Start left it
	hasName  bool                        // its name is not among names yet
	section  Section                     // that is being filled
	counts   [numSections]uint16         // of records

	flags uint16
	rcode RCode
	query *Query
	names suffixes
}

// mark is as much of a Message as is needed to go back to an earlier state.
type mark struct {
	length  int // of the message
	names   int
	section Section
	counts  [numSections]uint16
}

// maxMessage is the length of the longest message, as TCP has it.
const maxMessage = 65535

// Start begins a reply to q after whatever dst holds, of at most limit octets.
// dst must not share memory with the packet that q was parsed from, and q must
// not change until Finish.
// ID, opcode, RD and CD are those of q (RFC 4035, Section 3.1.6 for CD); the
// question, if q has one, is repeated in the client's letter case.
func (m *Message) Start(dst []byte, q *Query, limit int) {
	m.buf, m.start, m.limit = dst, len(dst), min(limit, maxMessage)
	m.reserved, m.full, m.rcode = 0, false, RCodeNoError
	m.names.n = 0
	m.section, m.counts = Answer, [numSections]uint16{}
	m.query = q

	m.flags = flagQR | uint16(q.Opcode&opcodeMask)<<opcodeShift
	if q.RD {
		m.flags |= flagRD
	}
	if q.CD {
		m.flags |= flagCD
	}
	m.buf = append(m.buf, make([]byte, headerLen)...)
	header := m.buf[m.start : m.start+headerLen] // all but this is written by Finish
	binary.BigEndian.PutUint16(header, q.ID)
	if q.HasQuestion {
		header[5] = 1
		m.buf = append(m.buf, q.Name...)
		m.buf = binary.BigEndian.AppendUint32(m.buf, uint32(q.Type)<<16|uint32(q.Class))
	}
	m.question.length, m.question.names = m.Len(), 0
	m.hasName = q.HasQuestion && len(q.Name) > 1
}

// remember makes the name of the question one that others can be compressed
// against. It waits until a name other than that is written: most replies have
// none.
func (m *Message) remember() {
	if !m.hasName {
		return
	}
	m.hasName = false
	name := m.buf[m.start+headerLen : m.start+m.question.length-fixedQuestion]
	var sp split
	m.names.split(nil, name, &sp)
	m.names.addAll(name, headerLen, &sp)
	m.question.names = m.names.n
}

// SetAA sets or clears the bit that says that the answer is authoritative.
func (m *Message) SetAA(on bool) { m.setFlag(flagAA, on) }

// SetTC sets or clears the bit that says that something was left out.
func (m *Message) SetTC(on bool) { m.setFlag(flagTC, on) }

// Truncated reports whether the bit is set that says that something was left out.
func (m *Message) Truncated() bool { return m.flags&flagTC != 0 }

func (m *Message) setFlag(flag uint16, on bool) {
	m.flags &^= flag
	if on {
		m.flags |= flag
	}
}

// SetRCode sets the response code. What does not fit the header goes into OPT;
// without one, Finish sends SERVFAIL instead of such a code.
func (m *Message) SetRCode(r RCode) { m.rcode = r }

// Reserve keeps n octets free for OPT from now on; see [Reply.Len].
func (m *Message) Reserve(n int) { m.reserved = n }

// Fits reports whether the OPT record e and n octets more find room.
func (m *Message) Fits(e *Reply, n int) bool { return m.Len()+e.Len()+n <= m.limit }

// Len returns the length of the message so far, in octets.
func (m *Message) Len() int { return len(m.buf) - m.start }

// Append adds all records of set, of class IN, under owner with a TTL of ttl
// seconds. If they do not fit, the message stays as it was and Append reports
// false. owner is a name in wire form. Sections must be filled in their order.
func (m *Message) Append(s Section, owner []byte, set *RRset, ttl uint32) bool {
	if _, names := namesIn(set.Type); names == 0 && m.isQuestion(owner) {
		return m.plainSet(s, set, ttl)
	}
	before := m.mark()
	m.enter(s)
	var name ownerRef
	for rest := set.data; len(rest) > 0; m.counts[s]++ {
		var rdata []byte
		rdata, rest = cutRData(rest)
		m.record(&name, owner, set.Type, ClassIN, ttl, rdata)
		if m.full {
			m.restore(before)
			return false
		}
	}
	return true
}

// AppendRecord adds one record as Append does.
func (m *Message) AppendRecord(s Section, owner []byte, t Type, ttl uint32, rdata []byte) bool {
	return m.AppendRecordClass(s, owner, t, ClassIN, ttl, rdata)
}

// AppendRecordClass adds one record of any class as Append does.
func (m *Message) AppendRecordClass(s Section, owner []byte, t Type, c Class, ttl uint32, rdata []byte) bool {
	if _, names := namesIn(t); names == 0 && m.isQuestion(owner) {
		return m.plainRecord(s, t, c, ttl, rdata)
	}
	before := m.mark()
	m.enter(s)
	var name ownerRef
	m.record(&name, owner, t, c, ttl, rdata)
	if m.full {
		m.restore(before)
		return false
	}
	m.counts[s]++
	return true
}

// Truncate drops all records, keeps the question and sets TC (RFC 2181, Section
// 9): a client that sees it asks again over TCP.
func (m *Message) Truncate() {
	m.restart()
	m.SetTC(true)
}

// Clear takes back what was added after Start: the records, AA, TC and the
// response code. What is reserved stays.
func (m *Message) Clear() {
	m.restart()
	m.flags &^= flagAA | flagTC
	m.rcode = RCodeNoError
}

// Finish ends the message and returns the buffer of Start with it appended. An
// OPT record is written if e is not nil; if it does not fit because too little
// was reserved, the message is truncated, and as a last resort e's options are
// left out.
//
// A reply of NOTAUTH to a signed query ends with a TSIG record that says that
// the key is unknown; it is truncated if that does not fit (RFC 8945, Section
// 5.3).
func (m *Message) Finish(e *Reply) []byte {
	if e != nil {
		m.finishOPT(e)
	} else if m.rcode > maxHeaderRCode {
		m.rcode = RCodeServFail
	}
	if m.rcode == RCodeNotAuth && m.query.TSIG.Key != nil {
		m.finishTSIG()
	}
	header := m.buf[m.start : m.start+headerLen]
	binary.BigEndian.PutUint16(header[2:], m.flags|uint16(m.rcode&maxHeaderRCode))
	for s, n := range m.counts {
		binary.BigEndian.PutUint16(header[6+2*s:], n)
	}
	return m.buf
}

// finishTSIG writes the last record of the reply to a signed query.
func (m *Message) finishTSIG() {
	if m.Len()+m.query.TSIG.replyLen() > m.limit {
		m.SetTC(true)
		return
	}
	m.buf = m.query.TSIG.appendReply(m.buf, m.query.ID)
	m.counts[Additional]++
}

// finishOPT writes e, the last record of the message but for TSIG.
func (m *Message) finishOPT(e *Reply) {
	n := e.Len()
	if m.Len()+n > m.limit && m.Len() > m.question.length {
		m.Truncate()
	}
	if m.Len()+n > m.limit {
		e, n = &Reply{UDPSize: e.UDPSize, DO: e.DO}, optLen
	}
	m.buf = e.append(m.buf, n, m.rcode)
	m.counts[Additional]++
}

// mark returns the present state.
func (m *Message) mark() mark {
	return mark{length: m.Len(), names: m.names.n, section: m.section, counts: m.counts}
}

// restore goes back to an earlier state.
func (m *Message) restore(to mark) {
	m.buf = m.buf[:m.start+to.length]
	m.names.n = max(to.names, m.question.names) // the mark may be older than remember
	m.section, m.counts = to.section, to.counts
	m.full = false
}

// restart goes back to the question.
func (m *Message) restart() { m.restore(mark{length: m.question.length}) }

// enter makes s the section that is being filled.
func (m *Message) enter(s Section) {
	if s < m.section || s >= numSections {
		panic("dnswire: sections of a message filled out of order")
	}
	m.section = s
}
