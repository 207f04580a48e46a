package dnswire

import "strconv"

// Class is the class of a record or of a question.
type Class uint16

// Classes of RFC 1035, Section 3.2.4, RFC 2136, Section 1.3.
const (
	ClassIN   Class = 1
	ClassCH   Class = 3
	ClassHS   Class = 4
	ClassNONE Class = 254
	ClassANY  Class = 255
)

// String returns the mnemonic of c, or CLASS and its number if it has none
// (RFC 3597, Section 5).
func (c Class) String() string {
	switch c {
	case ClassIN:
		return "IN"
	case ClassCH:
		return "CH"
	case ClassHS:
		return "HS"
	case ClassNONE:
		return "NONE"
	case ClassANY:
		return "ANY"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// Opcode is the kind of a query, four bits of the header.
type Opcode uint8

// Opcodes of the IANA registry.
const (
	OpcodeQuery  Opcode = 0
	OpcodeIQuery Opcode = 1
	OpcodeStatus Opcode = 2
	OpcodeNotify Opcode = 4
	OpcodeUpdate Opcode = 5
	OpcodeDSO    Opcode = 6
)

// String returns the name of o as dig prints it, or OPCODE and its number.
func (o Opcode) String() string {
	switch o {
	case OpcodeQuery:
		return "QUERY"
	case OpcodeIQuery:
		return "IQUERY"
	case OpcodeStatus:
		return "STATUS"
	case OpcodeNotify:
		return "NOTIFY"
	case OpcodeUpdate:
		return "UPDATE"
	case OpcodeDSO:
		return "DSO"
	}
	return "OPCODE" + strconv.Itoa(int(o))
}

// RCode is the code that a reply carries: the four bits of the header and the
// eight bits that EDNS adds above them (RFC 6891, Section 6.1.3).
type RCode uint16

// Response codes of the IANA registry.
const (
	RCodeNoError   RCode = 0
	RCodeFormErr   RCode = 1
	RCodeServFail  RCode = 2
	RCodeNXDomain  RCode = 3
	RCodeNotImp    RCode = 4
	RCodeRefused   RCode = 5
	RCodeYXDomain  RCode = 6
	RCodeYXRRset   RCode = 7
	RCodeNXRRset   RCode = 8
	RCodeNotAuth   RCode = 9
	RCodeNotZone   RCode = 10
	RCodeBadVers   RCode = 16
	RCodeBadCookie RCode = 23
)

// maxHeaderRCode is the largest code that fits a message without EDNS.
const maxHeaderRCode = 0xF

// String returns the name of r as dig prints it, or RCODE and its number.
func (r RCode) String() string {
	switch r {
	case RCodeNoError:
		return "NOERROR"
	case RCodeFormErr:
		return "FORMERR"
	case RCodeServFail:
		return "SERVFAIL"
	case RCodeNXDomain:
		return "NXDOMAIN"
	case RCodeNotImp:
		return "NOTIMP"
	case RCodeRefused:
		return "REFUSED"
	case RCodeYXDomain:
		return "YXDOMAIN"
	case RCodeYXRRset:
		return "YXRRSET"
	case RCodeNXRRset:
		return "NXRRSET"
	case RCodeNotAuth:
		return "NOTAUTH"
	case RCodeNotZone:
		return "NOTZONE"
	case RCodeBadVers:
		return "BADVERS"
	case RCodeBadCookie:
		return "BADCOOKIE"
	}
	return "RCODE" + strconv.Itoa(int(r))
}
