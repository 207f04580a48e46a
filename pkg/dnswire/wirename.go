package dnswire

import (
	"encoding/binary"
	"slices"
)

// Limits of RFC 1035, Section 2.3.4.
const (
	// MaxName is the length of the longest name in wire form, in octets.
	MaxName = 255
	// MaxLabel is the length of the longest label, in octets.
	MaxLabel = 63
)

// maxLabels is the number of labels of the longest chain of one-octet labels.
const maxLabels = (MaxName - 1) / 2

// folded maps each octet to itself, and capital letters of ASCII to small ones
// (RFC 4343, Section 3).
var folded = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}()

// AppendLower appends wire, a name in wire form, to dst with its ASCII letters
// in lower case and returns the extended slice. The two may not overlap unless
// dst ends where wire begins.
func AppendLower(dst, wire []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(wire))[:start+len(wire)]
	lower(dst[start:], wire)
	return dst
}

// lower puts wire, with its ASCII capital letters turned into small ones, into
// dst, which is as long: eight octets at a time, since it is the way of every
// question. The last eight overlap those before them.
func lower(dst, wire []byte) {
	const word = 8
	if len(wire) < word {
		for i, c := range wire {
			dst[i] = folded[c]
		}
		return
	}
	last := lowerWord(binary.LittleEndian.Uint64(wire[len(wire)-word:]))
	for at := 0; at+word < len(wire); at += word {
		binary.LittleEndian.PutUint64(dst[at:], lowerWord(binary.LittleEndian.Uint64(wire[at:])))
	}
	binary.LittleEndian.PutUint64(dst[len(dst)-word:], last)
}

// lowerWord turns the ASCII capital letters among eight octets into small ones.
func lowerWord(x uint64) uint64 {
	const (
		ones = 0x0101010101010101
		low7 = 0x7F * ones
		top  = 0x80 * ones
	)
	// The top bit of each octet that is from A on, or beyond Z; the sums stay
	// within their octets.
	fromA, beyondZ := x&low7+(0x80-'A')*ones, x&low7+(0x7F-'Z')*ones
	capital := (fromA ^ beyondZ) & ^x & top
	return x | capital>>2 // 0x20 apart
}

// NameLen returns the length in octets of the uncompressed name at the start of
// wire, its root byte included; what follows the name is not looked at. It
// reports false if there is no such name: cut off, a label or the name too
// long, or a compression pointer.
func NameLen(wire []byte) (n int, ok bool) {
	for n < len(wire) && n < MaxName {
		size := int(wire[n])
		switch {
		case size == 0:
			return n + 1, true
		case size > MaxLabel:
			return 0, false
		}
		n += 1 + size
	}
	return 0, false
}

// skipName returns the offset in packet after the name at off, which may be
// compressed. A pointer must point to before the name, as RFC 1035, Section
// 4.1.4 has it ("a prior occurrence"), and past the header, so no chain of them
// is endless; it is not followed, so the cost is the octets passed.
func skipName(packet []byte, off int) (next int, ok bool) {
	start := off
	for off < len(packet) && off-start < MaxName {
		size := int(packet[off])
		switch {
		case size == 0:
			return off + 1, true
		case size <= MaxLabel:
			off += 1 + size
		case size >= pointerBits && off+1 < len(packet):
			target := (size&^pointerBits)<<8 | int(packet[off+1])
			return off + 2, headerLen <= target && target < start
		default:
			return 0, false
		}
	}
	return 0, false
}

// equalFold reports whether a and b, two names in wire form or parts of such,
// are the same without regard to the case of ASCII letters.
func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if c != b[i] && folded[c] != folded[b[i]] {
			return false
		}
	}
	return true
}
