package vrrp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// ChecksumForm says what the checksum of an advertisement of version 3 over
// IPv4 covers. RFC 5798 could be read both ways; keepalived adds the
// pseudo-header, RFC 9568, Section 5.2.8 and most routers do not. Both are
// accepted, and each peer is answered in the form that it uses.
type ChecksumForm uint8

const (
	// FormPseudo covers a pseudo-header with the real destination.
	FormPseudo ChecksumForm = iota
	// FormPlain covers the message alone.
	FormPlain
	// FormGroup covers a pseudo-header with the multicast group as destination
	// although the packet goes to one peer: keepalived before 1.3.6, and later
	// ones that have met such a peer.
	FormGroup
)

// String returns the form in words.
func (f ChecksumForm) String() string {
	switch f {
	case FormPseudo:
		return "pseudo-header"
	case FormPlain:
		return "plain"
	case FormGroup:
		return "pseudo-header with the group"
	}
	return fmt.Sprintf("ChecksumForm(%d)", uint8(f))
}

// sumMessage returns the ones' complement sum (RFC 1071) of msg as it stands
// and of what its version and form add. It is 0xffff over a message whose
// checksum is right.
func sumMessage(msg []byte, version uint8, form ChecksumForm, src, dst netip.Addr) uint16 {
	sum := addWords(0, msg)
	switch {
	case version == V2:
	case src.Is6():
		// The pseudo-header of RFC 8200, Section 8.1: next header in the last byte.
		sum = addPseudo(sum, src, dst, len(msg))
	case form == FormPseudo:
		sum = addPseudo(sum, src, dst, len(msg))
	case form == FormGroup:
		sum = addPseudo(sum, src, GroupV4, len(msg))
	}
	return fold(sum)
}

// addPseudo adds addresses, protocol and length; for the sum it does not
// matter that IPv4 and IPv6 order them differently.
func addPseudo(sum uint32, src, dst netip.Addr, length int) uint32 {
	sum = addAddr(addAddr(sum, src), dst)
	return sum + Protocol + uint32(length)
}

func addAddr(sum uint32, a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return addWords(sum, b[:])
	}
	b := a.As16()
	return addWords(sum, b[:])
}

// addWords adds b in words of 16 bits, an odd byte at the end as the high one.
// 32 bits cannot overflow: a message has at most 4096 bytes.
func addWords(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
