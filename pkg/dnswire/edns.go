package dnswire

import (
	"encoding/binary"
	"net/netip"
)

// Codes of EDNS options (IANA registry).
const (
	optionNSID      = 3
	optionECS       = 8
	optionCookie    = 10
	optionKeepAlive = 11
	optionEDE       = 15
	optionReport    = 18
)

// Bits of what would be the TTL of an OPT record (RFC 6891, Section 6.1.3).
const (
	optVersionShift = 16
	optRCodeShift   = 24
	optDO           = 1 << 15
)

// minUDPSize is the smallest UDP message that every requestor takes.
const minUDPSize = 512

// Families of addresses in a client subnet (IANA address family numbers).
const (
	familyNone = 0
	familyIPv4 = 1
	familyIPv6 = 2
)

// EDNS is what the OPT record of a query says (RFC 6891). Options that are not
// named here are ignored; of an option given twice the first one counts, but both
// must be well-formed, as with BIND.
type EDNS struct {
	Present bool
	Version uint8
	UDPSize uint16 // octets, at least 512
	DO      bool   // DNSSEC records are wanted

	NSID      bool // the server's identity is wanted (RFC 5001)
	KeepAlive bool // the idle time of the connection is wanted (RFC 7828)

	HasECS bool
	ECS    ECS

	HasCookie    bool // RFC 7873
	ClientCookie [8]byte
	ServerCookie []byte // nil or 8 to 32 octets of the packet
}

// ECS is an EDNS client subnet (RFC 7871, Section 6).
type ECS struct {
	Family uint16     // 0 none, 1 IPv4, 2 IPv6
	Source uint8      // length of the client's prefix in bits
	Scope  uint8      // length of the prefix that the reply holds for; 0 in a query
	Addr   netip.Addr // of the family, zero beyond Source bits; invalid for family 0
}

// parse reads an OPT record. On FormErr, only what stands in the fixed part of
// the record is set.
func (e *EDNS) parse(rr *record) Verdict {
	e.Present = true
	e.UDPSize = max(rr.class, minUDPSize) // RFC 6891, Section 6.2.3
	e.Version = uint8(rr.ttl >> optVersionShift)
	e.DO = rr.ttl&optDO != 0
	if e.Version != 0 {
		return BadVers // the form of its options is anyone's guess
	}
	if len(rr.rdata) == 0 {
		return Proceed
	}
	fixed := *e
	for rest := rr.rdata; len(rest) > 0; {
		if len(rest) < 4 {
			*e = fixed
			return FormErr
		}
		code, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[4:]
		if len(rest) < size || !e.parseOption(code, rest[:size:size]) {
			*e = fixed
			return FormErr
		}
		rest = rest[size:]
	}
	return Proceed
}

// parseOption reads one option and reports whether it is well-formed.
func (e *EDNS) parseOption(code uint16, data []byte) bool {
	switch code {
	case optionNSID:
		e.NSID = true // RFC 5001, Section 2.1: any data is ignored
	case optionKeepAlive:
		e.KeepAlive = true
	case optionECS:
		ecs, ok := parseECS(data)
		if ok && !e.HasECS {
			e.HasECS, e.ECS = true, ecs
		}
		return ok
	case optionCookie:
		return e.parseCookie(data)
	}
	return true
}

// parseCookie reads a client cookie and perhaps a server cookie; the lengths
// are those of RFC 7873, Section 4, any other is malformed (Section 5.2.2).
func (e *EDNS) parseCookie(data []byte) bool {
	const client = len(e.ClientCookie)
	if n := len(data); n != client && (n < client+8 || n > client+32) {
		return false
	}
	if e.HasCookie {
		return true
	}
	e.HasCookie = true
	e.ClientCookie = [client]byte(data)
	if len(data) > client {
		e.ServerCookie = data[client:]
	}
	return true
}

// parseECS reads a client subnet as a query may carry it and reports whether it
// is well-formed: as many octets of address as Source asks for, none of its bits
// beyond Source set, and no scope (RFC 7871, Sections 6 and 7.1.2).
func parseECS(data []byte) (ecs ECS, ok bool) {
	if len(data) < 4 {
		return ECS{}, false
	}
	ecs = ECS{Family: binary.BigEndian.Uint16(data), Source: data[2]}
	bits, ok := familyBits(ecs.Family)
	addr := data[4:]
	if !ok || data[3] != 0 || int(ecs.Source) > bits || len(addr) != prefixOctets(ecs.Source) {
		return ECS{}, false
	}
	if spare := ecs.Source % 8; spare != 0 && addr[len(addr)-1]<<spare != 0 {
		return ECS{}, false
	}
	var b [16]byte
	copy(b[:], addr)
	switch ecs.Family {
	case familyIPv4:
		ecs.Addr = netip.AddrFrom4([4]byte(b[:]))
	case familyIPv6:
		ecs.Addr = netip.AddrFrom16(b)
	}
	return ecs, true
}

// PeekSubnet returns the address of the client subnet that an OPT record begins
// with; false if rest, what follows the question, begins with anything else. Only
// Parse says whether all of it is well-formed.
func PeekSubnet(rest []byte) (netip.Addr, bool) {
	const opt = uint32(TypeOPT) // after the root's octet
	if len(rest) < optLen+optionLen || binary.BigEndian.Uint32(rest)>>8 != opt || binary.BigEndian.Uint16(rest[optLen:]) != optionECS {
		return netip.Addr{}, false
	}
	size, data := int(binary.BigEndian.Uint16(rest[optLen+2:])), rest[optLen+optionLen:]
	if size > len(data) {
		return netip.Addr{}, false
	}
	ecs, ok := parseECS(data[:size])
	return ecs.Addr, ok
}

// familyBits returns the length of an address of the family in bits. Family 0,
// with no address at all, says that there is none to be told.
func familyBits(family uint16) (bits int, known bool) {
	switch family {
	case familyNone:
		return 0, true
	case familyIPv4:
		return 32, true
	case familyIPv6:
		return 128, true
	}
	return 0, false
}

// prefixOctets returns how many octets hold a prefix of so many bits.
func prefixOctets(bits uint8) int { return (int(bits) + 7) / 8 }
