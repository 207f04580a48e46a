package vrrp

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Protocol is VRRP's IP protocol number (RFC 9568, Section 5.1.1.4).
const Protocol = 112

// Versions of the protocol that are spoken.
const (
	V2 = 2 // RFC 3768, IPv4 only
	V3 = 3 // RFC 9568, IPv4 and IPv6
)

// The priorities with a meaning of their own (RFC 9568, Section 5.2.4).
const (
	PriorityRelease = 0   // the Master gives up the virtual router
	PriorityOwner   = 255 // the router that owns the addresses
)

// MaxInterval is the longest interval that fits into an advertisement of
// version 3: 4095 centiseconds.
const MaxInterval = 4095 * centisecond

const (
	centisecond = 10 * time.Millisecond

	headerLen  = 8
	authLen    = 8   // version 2 always carries eight bytes of authentication data
	typeAdvert = 1   // the only type (RFC 9568, Section 5.2.2)
	maxAddrs   = 255 // the count is one byte
)

// Groups to which advertisements go (RFC 9568, Sections 5.1.1.2 and 5.1.2.2).
var (
	GroupV4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	GroupV6 = netip.MustParseAddr("ff02::12")
)

// AuthType is the kind of authentication in version 2 (RFC 2338, Section 5.3.6;
// withdrawn by RFC 3768 and still in wide use).
type AuthType uint8

// Authentication types.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1
	AuthAH   AuthType = 2
)

// Advert is one advertisement.
//
//	 0                   1                   2                   3
//	|ver|type=1|    VRID      |   priority    |  address count      |
//	v2: |auth type | interval in s | checksum                       |
//	v3: |0000| interval, 12 bits of 10 ms    | checksum             |
//	| addresses, 4 or 16 bytes each …                               |
//	v2: | 8 bytes of authentication data                            |
type Advert struct {
	Version  uint8
	VRID     uint8
	Priority uint8
	Interval time.Duration // v2: whole seconds; v3: multiples of 10 ms
	Auth     AuthType      // v2 only
	Pass     [authLen]byte // v2 with AuthPass: padded with zeros
	Form     ChecksumForm  // what the checksum covers; matters for v3 over IPv4
	VIPs     []netip.Addr  // in the order of the wire; may be empty

	Signed   bool   // has a trailer that was found right, see [HMAC]
	Sequence uint64 // of the trailer
}

// AppendAdvert appends the wire form of a to b and returns the extended slice.
// For version 3 over IPv4 the checksum covers what a.Form says; over IPv6 it
// always covers the pseudo-header (RFC 9568, Section 5.2.8). In version 2 it
// covers the message with its eight bytes of authentication data, as
// keepalived does it.
//
// a.Interval is rounded to what the version can say, at least one unit. Of
// a.VIPs those of src's family are written, at most 255.
func AppendAdvert(b []byte, a Advert, src, dst netip.Addr) []byte {
	start := len(b)
	b = append(b, a.Version<<4|typeAdvert, a.VRID, a.Priority, 0)
	if a.Version == V2 {
		b = append(b, byte(a.Auth), byte(WireInterval(V2, a.Interval)/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(WireInterval(V3, a.Interval)/centisecond))
	}
	b = append(b, 0, 0) // checksum
	count := 0
	for _, vip := range a.VIPs {
		if count == maxAddrs {
			break
		}
		if vip.Is4() == src.Is4() {
			b = append(b, vip.AsSlice()...)
			count++
		}
	}
	b[start+3] = byte(count)
	if a.Version == V2 {
		b = append(b, a.authData()...)
	}
	msg := b[start:]
	binary.BigEndian.PutUint16(msg[6:], ^sumMessage(msg, a.Version, a.Form, src, dst))
	return b
}

// authData returns the eight bytes that end an advertisement of version 2.
func (a *Advert) authData() []byte {
	if a.Auth != AuthPass {
		return make([]byte, authLen)
	}
	return a.Pass[:]
}

// WireInterval returns d as an advertisement of the version can say it: v2 in
// whole seconds from 1 to 255, v3 in hundredths from 0.01 to 40.95 s, rounded
// to the nearest, halves up.
func WireInterval(version uint8, d time.Duration) time.Duration {
	if version == V2 {
		return min(max(d.Round(time.Second), time.Second), 255*time.Second)
	}
	return min(max(d.Round(centisecond), centisecond), MaxInterval)
}

// PassData returns a password as it stands in an advertisement: cut at eight
// bytes, padded with zeros.
func PassData(password string) (data [8]byte) {
	copy(data[:], password)
	return data
}
