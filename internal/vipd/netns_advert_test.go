package vipd_test

import (
	bin "encoding/binary"
	"net/netip"
)

// forged is an advert to be put together byte by byte, right unless told
// otherwise.
type forged struct {
	version, typ, vrid, priority uint8
	interval                     uint16 // v2: seconds; v3: hundredths, with the reserved bits
	vips                         []netip.Addr
	count                        int // of addresses as told; negative: as many as there are
	auth                         uint8
	pass                         string
	noAuthData                   bool // v2 without its eight bytes
	trailing                     int  // bytes behind it
	sum                          string
}

// Checksums: of the version's own form (with v3 over IPv4: with pseudo-header),
// or as the name says.
const (
	sumRight  = ""
	sumZero   = "zero"
	sumPlain  = "plain"
	sumGroup  = "group"
	sumNoAuth = "no auth"
	sumWrong  = "wrong"
)

func (f forged) bytes(src, dst netip.Addr) []byte {
	count := f.count
	if count < 0 {
		count = len(f.vips)
	}
	b := []byte{f.version<<4 | f.typ, f.vrid, f.priority, byte(count), 0, 0, 0, 0}
	if f.version == 2 {
		b[4], b[5] = f.auth, byte(f.interval)
	} else {
		bin.BigEndian.PutUint16(b[4:], f.interval)
	}
	for _, v := range f.vips {
		b = append(b, v.AsSlice()...)
	}
	bare := len(b)
	if f.version == 2 && !f.noAuthData {
		var data [8]byte
		copy(data[:], f.pass)
		b = append(b, data[:]...)
	}
	sum := f.checksum(b, bare, src, dst)
	bin.BigEndian.PutUint16(b[6:], sum)
	return append(b, make([]byte, f.trailing)...)
}

func (f forged) checksum(b []byte, bare int, src, dst netip.Addr) uint16 {
	pseudo := func(dst netip.Addr) []byte {
		p := append(append([]byte(nil), src.AsSlice()...), dst.AsSlice()...)
		return bin.BigEndian.AppendUint16(append(p, 0, 112), uint16(len(b)))
	}
	plain := f.version == 2
	switch f.sum {
	case sumZero:
		return 0
	case sumPlain:
		plain = true
	case sumGroup:
		return ^onesSum(b, pseudo(netip.MustParseAddr("224.0.0.18")))
	case sumNoAuth:
		return ^onesSum(b[:bare])
	case sumWrong:
		return ^onesSum(b, pseudo(dst)) + 1
	}
	if plain {
		return ^onesSum(b)
	}
	return ^onesSum(b, pseudo(dst))
}

// formOf returns in which form the checksum of a version 3 advert is right.
func (h heardAdvert) formOf() string {
	for _, form := range []string{sumRight, sumPlain, sumGroup} {
		b := append([]byte(nil), h.data...)
		bin.BigEndian.PutUint16(b[6:], 0)
		want := forged{version: 3, sum: form}.checksum(b, len(b), h.src, h.dst)
		if bin.BigEndian.Uint16(h.data[6:]) == want {
			return form
		}
	}
	return sumWrong
}
