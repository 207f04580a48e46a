package geo

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The two address spaces as numbers. All that is done once at load is written
// for both by way of the address constraint; what is done per query is
// written out for each.
type (
	addr4 uint32
	addr6 struct{ hi, lo uint64 }
)

// address is what the range code needs to know of an address space.
type address[A any] interface {
	comparable
	before(A) bool
	succ() A // the next address; of the last one, the first
	pred() A // the previous address; of the first one, the last
	netip() netip.Addr
}

func (a addr4) before(b addr4) bool { return a < b }
func (a addr4) succ() addr4         { return a + 1 }
func (a addr4) pred() addr4         { return a - 1 }

func (a addr4) netip() netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(a))))
}

func (a addr6) before(b addr6) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a addr6) succ() addr6 {
	lo, carry := bits.Add64(a.lo, 1, 0)
	return addr6{a.hi + carry, lo}
}

func (a addr6) pred() addr6 {
	lo, borrow := bits.Sub64(a.lo, 1, 0)
	return addr6{a.hi - borrow, lo}
}

func (a addr6) netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// addr4Of expects an IPv4 address, addr6Of an IPv6 one.
func addr4Of(a netip.Addr) addr4 {
	b := a.As4()
	return addr4(binary.BigEndian.Uint32(b[:]))
}

func addr6Of(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// common4 and common6 return the length of the prefix that two addresses
// share.
func common4(a, b addr4) int { return bits.LeadingZeros32(uint32(a ^ b)) }

func common6(a, b addr6) int {
	if a.hi != b.hi {
		return bits.LeadingZeros64(a.hi ^ b.hi)
	}
	return 64 + bits.LeadingZeros64(a.lo^b.lo)
}

// unmap returns p with an IPv4-mapped address as the IPv4 prefix that it
// means, and the host bits cleared. The result is invalid if p is.
func unmap(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return netip.Prefix{}
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			// ::ffff:0:0/95 and shorter lie in the IPv6 space, in which no
			// client is mapped.
			return p.Masked()
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// last4 and last6 return the last address of a prefix of the given length
// that begins at first.
func last4(first addr4, length int) addr4 {
	return first | addr4(uint64(1)<<(32-length)-1)
}

func last6(first addr6, length int) addr6 {
	if length >= 64 {
		// A shift by 64 gives 0, and 0 - 1 all ones: right for /64.
		return addr6{first.hi, first.lo | (uint64(1)<<(128-length) - 1)}
	}
	return addr6{first.hi | (uint64(1)<<(64-length) - 1), ^uint64(0)}
}
