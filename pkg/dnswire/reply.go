package dnswire

import "encoding/binary"

// Reply is what the OPT record of a reply says (RFC 6891). It must only be sent
// to a client whose query had one. The zero value has no options.
type Reply struct {
	UDPSize uint16 // octets that the server takes itself
	DO      bool   // copied from the query (RFC 3225, Section 3)

	NSID []byte // identity of the server (RFC 5001); nil: none
	// ECS is the client subnet of the query with Scope filled in (RFC 7871,
	// Section 7.2.1); nil: none.
	ECS    *ECS
	Cookie []byte // client cookie, then server cookie (RFC 7873); nil: none

	// KeepAlive says that IdleTimeout is to be told, on TCP only (RFC 7828,
	// Section 3.3.2): for how long an idle connection is kept, in units of 100
	// milliseconds. 0 asks the client to close it now.
	KeepAlive   bool
	IdleTimeout uint16

	EDE *EDE // why the answer is what it is; nil: none

	// ReportAgent is the name, in wire form, below which resolvers report what is
	// wrong with our answers (RFC 9567); nil: nobody is to be told.
	ReportAgent Name
}

// EDE is an extended DNS error (RFC 8914).
type EDE struct {
	Code EDECode
	Text string // for people, UTF-8; may be empty
}

// Len returns the octets that the option takes in a reply.
func (e *EDE) Len() int { return optionLen + edeFixedLen + len(e.Text) }

// EDECode is the INFO-CODE of an extended DNS error.
type EDECode uint16

// Extended errors that an authoritative server has a use for (RFC 8914, Section
// 4).
const (
	EDEOther            EDECode = 0
	EDEStaleAnswer      EDECode = 3
	EDENotReady         EDECode = 14
	EDEProhibited       EDECode = 18
	EDENotAuthoritative EDECode = 20
	EDENotSupported     EDECode = 21
	EDEInvalidData      EDECode = 24
)

const (
	optLen       = 11 // OPT without options
	optionLen    = 4  // code and length
	ecsFixedLen  = 4
	keepAliveLen = 2
	edeFixedLen  = 2
)

// Len returns the length in octets of the OPT record that e becomes.
func (e *Reply) Len() int {
	n := optLen
	if len(e.NSID) > 0 {
		n += optionLen + len(e.NSID)
	}
	if e.ECS != nil {
		n += optionLen + ecsFixedLen + prefixOctets(e.ECS.Source)
	}
	if len(e.Cookie) > 0 {
		n += optionLen + len(e.Cookie)
	}
	if e.KeepAlive {
		n += optionLen + keepAliveLen
	}
	if e.EDE != nil {
		n += e.EDE.Len()
	}
	if len(e.ReportAgent) > 0 {
		n += optionLen + len(e.ReportAgent)
	}
	return n
}

// append appends the OPT record, of size octets and with the upper bits of r, to
// b.
func (e *Reply) append(b []byte, size int, r RCode) []byte {
	ttl := uint32(r>>4) << optRCodeShift
	if e.DO {
		ttl |= optDO
	}
	b = append(b, 0) // the root
	b = binary.BigEndian.AppendUint64(b, uint64(TypeOPT)<<48|uint64(e.UDPSize)<<32|uint64(ttl))
	b = binary.BigEndian.AppendUint16(b, uint16(size-optLen))
	if size == optLen {
		return b
	}
	if len(e.NSID) > 0 {
		b = append(appendOption(b, optionNSID, len(e.NSID)), e.NSID...)
	}
	if e.ECS != nil {
		b = e.ECS.append(b)
	}
	if len(e.Cookie) > 0 {
		b = append(appendOption(b, optionCookie, len(e.Cookie)), e.Cookie...)
	}
	if e.KeepAlive {
		b = appendOption(b, optionKeepAlive, keepAliveLen)
		b = binary.BigEndian.AppendUint16(b, e.IdleTimeout)
	}
	if e.EDE != nil {
		b = appendOption(b, optionEDE, edeFixedLen+len(e.EDE.Text))
		b = binary.BigEndian.AppendUint16(b, uint16(e.EDE.Code))
		b = append(b, e.EDE.Text...)
	}
	if len(e.ReportAgent) > 0 {
		b = append(appendOption(b, optionReport, len(e.ReportAgent)), e.ReportAgent...)
	}
	return b
}

// append appends the client subnet option to b.
func (s *ECS) append(b []byte) []byte {
	b = appendOption(b, optionECS, ecsFixedLen+prefixOctets(s.Source))
	b = binary.BigEndian.AppendUint16(b, s.Family)
	b = append(b, s.Source, s.Scope)
	// An address of the other family would be a mistake of the caller; the
	// octets stay within the array whatever Source says.
	var addr [32]byte
	if a := s.Addr; a.Is4() && s.Family == familyIPv4 {
		ip := a.As4()
		copy(addr[:], ip[:])
	} else if a.IsValid() {
		ip := a.As16()
		copy(addr[:], ip[:])
	}
	return append(b, addr[:prefixOctets(s.Source)]...)
}

func appendOption(b []byte, code uint16, size int) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	return binary.BigEndian.AppendUint16(b, uint16(size))
}
