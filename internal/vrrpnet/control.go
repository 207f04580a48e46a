package vrrpnet

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// control is what the kernel says of a packet beside its bytes.
type control struct {
	index int
	ttl   uint8
	dst   netip.Addr
	wall  time.Duration // since 1970
}

func parseControl(oob []byte) (c control) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return c
	}
	for _, m := range msgs {
		d := m.Data
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(d) >= 16:
			c.wall = time.Duration(binary.NativeEndian.Uint64(d))*time.Second + time.Duration(binary.NativeEndian.Uint64(d[8:]))
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL && len(d) >= 4,
			m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(d) >= 4:
			c.ttl = uint8(binary.NativeEndian.Uint32(d))
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(d) >= 12:
			// struct in_pktinfo: index, our address, the header's destination.
			c.index, c.dst = int(binary.NativeEndian.Uint32(d)), netip.AddrFrom4([4]byte(d[8:]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(d) >= 20:
			c.dst, c.index = netip.AddrFrom16([16]byte(d)), int(binary.NativeEndian.Uint32(d[16:]))
		}
	}
	return c
}

// pktinfo4 is the control message IP_PKTINFO: interface, source, unused.
func pktinfo4(a netip.Addr, index int) []byte {
	raw := a.As4()
	b := cmsg(unix.IPPROTO_IP, unix.IP_PKTINFO, 12)
	data := b[unix.CmsgLen(0):]
	binary.NativeEndian.PutUint32(data, uint32(index))
	copy(data[4:], raw[:])
	return b
}

// pktinfo6 is the control message IPV6_PKTINFO: address and interface.
func pktinfo6(a netip.Addr, index int) []byte {
	raw := a.As16()
	b := cmsg(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, 20)
	data := b[unix.CmsgLen(0):]
	copy(data, raw[:])
	binary.NativeEndian.PutUint32(data[16:], uint32(index))
	return b
}

func cmsg(level, typ int32, n int) []byte {
	b := make([]byte, unix.CmsgSpace(n))
	if lenSize := unix.CmsgLen(0) - 8; lenSize == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(n)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(n)))
	}
	binary.NativeEndian.PutUint32(b[unix.CmsgLen(0)-8:], uint32(level))
	binary.NativeEndian.PutUint32(b[unix.CmsgLen(0)-4:], uint32(typ))
	return b
}
