package dnswire

import "encoding/binary"

// headerLen is the length of the header in octets (RFC 1035, Section 4.1.1).
const headerLen = 12

// fixedQuestion is the length of what follows the name in a question: type and
// class.
const fixedQuestion = 4

// Bits of the second word of the header.
//
//	  15  14..11  10  9   8   7   6   5   4   3..0
//	+----+--------+--+---+---+---+---+---+---+-------+
//	| QR | opcode |AA| TC| RD| RA| Z | AD| CD| RCODE |
//	+----+--------+--+---+---+---+---+---+---+-------+
const (
	flagQR      = 1 << 15
	flagAA      = 1 << 10
	flagTC      = 1 << 9
	flagRD      = 1 << 8
	flagAD      = 1 << 5
	flagCD      = 1 << 4
	opcodeShift = 11
	opcodeMask  = 0xF
)

// Query is a parsed query; the zero value is ready for Parse. It is made to be
// reused: Parse overwrites all of it. Its slices point into the packet and into
// the Query itself, so neither the packet may change nor the Query be copied
// while they are used.
type Query struct {
	ID             uint16
	Opcode         Opcode
	TC, RD, AD, CD bool // bits of the header

	// HasQuestion reports whether there is a question; the four fields below
	// are zero without one.
	HasQuestion bool
	Name        []byte // wire form, in the letter case of the client
	Lower       []byte // the same in lower case
	Type        Type
	Class       Class

	EDNS EDNS
	TSIG TSIG

	lower, key [MaxName]byte // memory of Lower and of TSIG.Key
}

// Verdict says what is to be done about a packet.
type Verdict uint8

const (
	// Proceed means that the query is well-formed and its question is to be
	// answered, or that it asks for a cookie only (HasQuestion is false).
	Proceed Verdict = iota
	// Drop means silence: nobody is waiting for a reply.
	Drop
	// FormErr means that the packet is malformed.
	FormErr
	// NotImp means that the packet holds an opcode other than QUERY.
	NotImp
	// BadVers means that EDNS has a version other than 0 (RFC 6891, Section
	// 6.1.3).
	BadVers
	// BadKey means that the query is signed by a key that is not known
	// (RFC 8945, Section 5.2.1).
	BadKey
)

// RCode returns the code of the reply that the verdict alone asks for. It is
// NOERROR for Proceed and for Drop, which has none.
func (v Verdict) RCode() RCode {
	switch v {
	case FormErr:
		return RCodeFormErr
	case NotImp:
		return RCodeNotImp
	case BadVers:
		return RCodeBadVers
	case BadKey:
		return RCodeNotAuth
	}
	return RCodeNoError
}

// String returns the verdict in words of the log.
func (v Verdict) String() string {
	switch v {
	case Proceed:
		return "proceed"
	case Drop:
		return "drop"
	}
	return v.RCode().String()
}

// Parse reads one packet into q and returns what is to be done about it. It
// goes through all records; of those other than OPT and TSIG nothing but the form
// of the common types is looked at. Octets after the last record are overlooked,
// as BIND and NSD do.
//
// Packets shorter than a header, and replies, are dropped: an answer to them
// could only make two servers talk to each other for ever (RFC 8906, Section
// 4). For the verdicts that call for an error, ID, Opcode and the header's
// bits are set, HasQuestion is true if there was one question and it could be
// read, EDNS.Present is true if an OPT record was found, and TSIG is set for
// BadKey, so that the reply can carry all of it (RFC 6891, Section 7).
func (q *Query) Parse(packet []byte) Verdict {
	q.Name, q.Lower, q.Type, q.Class, q.HasQuestion = nil, nil, 0, 0, false
	q.EDNS = EDNS{}
	q.TSIG = TSIG{}
	if len(packet) < headerLen {
		return Drop
	}
	flags := binary.BigEndian.Uint16(packet[2:])
	q.ID = binary.BigEndian.Uint16(packet)
	q.Opcode = Opcode(flags >> opcodeShift & opcodeMask)
	q.TC = flags&flagTC != 0
	q.RD = flags&flagRD != 0
	q.AD = flags&flagAD != 0
	q.CD = flags&flagCD != 0
	if flags&flagQR != 0 {
		return Drop
	}
	verdict := q.parseBody(packet)
	if q.Opcode != OpcodeQuery {
		// What another opcode puts into the sections is not ours to judge; it
		// was read for what a reply should echo (RFC 8906, Section 8.1).
		return NotImp
	}
	return verdict
}

// parseBody reads the four sections.
func (q *Query) parseBody(packet []byte) Verdict {
	questions := binary.BigEndian.Uint16(packet[4:])
	others := int(binary.BigEndian.Uint16(packet[6:])) + int(binary.BigEndian.Uint16(packet[8:]))
	additional := int(binary.BigEndian.Uint16(packet[10:]))

	off := headerLen
	if questions > 1 {
		return FormErr // RFC 9619, Section 4
	}
	if questions == 1 {
		if off = q.parseQuestion(packet); off == 0 {
			return FormErr
		}
	}
	verdict := q.parseRecords(packet, off, others, additional)
	if verdict == Proceed && questions == 0 && !q.EDNS.HasCookie {
		return FormErr // RFC 7873, Section 5.4 allows this for cookies only
	}
	return verdict
}

// parseRecords reads the records of the answer and authority sections (others)
// and of the additional section, which begin at off.
func (q *Query) parseRecords(packet []byte, off, others, additional int) Verdict {
	edns, signed := Proceed, false
	var rr record
	for i := range others + additional {
		next := readRecord(packet, off, &rr)
		if next == 0 {
			return FormErr
		}
		switch rr.typ {
		case TypeOPT:
			// RFC 6891, Section 6.1.1: one OPT at most, of the root, in the
			// additional section.
			if i < others || q.EDNS.Present || !rr.ofRoot {
				return FormErr
			}
			if edns = q.EDNS.parse(&rr); edns == FormErr {
				return FormErr
			}
		case TypeTSIG:
			// RFC 8945, Section 5.1: one TSIG at most, the last record of the
			// additional section.
			key, ok := expandName(q.key[:0], packet, off)
			if !ok || i < others || i+1 != others+additional || !q.TSIG.parse(&rr, key) {
				return FormErr
			}
			signed = true
		default:
			if !saneRData(packet, &rr, next) {
				return FormErr
			}
		}
		off = next
	}
	if edns == Proceed && signed {
		return BadKey
	}
	return edns
}

// parseQuestion reads the question after the header and returns the offset
// after it, 0 if it is malformed. Nothing comes before its name that a
// compression pointer could stand for, so none is allowed.
func (q *Query) parseQuestion(packet []byte) (next int) {
	rest := packet[headerLen:]
	n, ok := NameLen(rest)
	if !ok || len(rest) < n+fixedQuestion {
		return 0
	}
	q.Name = rest[:n:n]
	q.Lower = AppendLower(q.lower[:0], q.Name)
	q.Type = Type(binary.BigEndian.Uint16(rest[n:]))
	q.Class = Class(binary.BigEndian.Uint16(rest[n+2:]))
	q.HasQuestion = true
	return headerLen + n + fixedQuestion
}

// record is what an OPT record says, and enough of any other to pass it. It is
// handed on by its address: copied just after it was written, it would have to
// wait until all of that is written.
type record struct {
	ofRoot bool // the owner is the root, not compressed
	typ    Type
	class  uint16
	ttl    uint32
	rdata  []byte
}

// readRecord reads the record at off into rr and returns the offset after it, 0
// if it is malformed or cut off. Its RDATA is not looked into.
func readRecord(packet []byte, off int, rr *record) (next int) {
	const fixedLen = 10 // type, class, TTL, length of RDATA
	body, ok := skipName(packet, off)
	if !ok || len(packet)-body < fixedLen {
		return 0
	}
	fixed := packet[body:]
	size := int(binary.BigEndian.Uint16(fixed[8:]))
	if len(fixed)-fixedLen < size {
		return 0
	}
	rr.ofRoot = packet[off] == 0
	rr.typ = Type(binary.BigEndian.Uint16(fixed))
	rr.class = binary.BigEndian.Uint16(fixed[2:])
	rr.ttl = binary.BigEndian.Uint32(fixed[4:])
	rr.rdata = fixed[fixedLen : fixedLen+size]
	return body + fixedLen + size
}
