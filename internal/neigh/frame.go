package neigh

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Lengths of the frames, without the padding to 60 bytes that a device adds.
const (
	arpLen = 14 + 28
	naLen  = 14 + 40 + 32
)

const (
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// appendARP appends a gratuitous ARP request (RFC 5227, Section 1.1, there
// called an announcement): sender and target are the address itself.
//
//	 0 to ff:ff:ff:ff:ff:ff    6 from mac       12 type 0x0806
//	14 Ethernet 1  16 IPv4 0x0800  18 lengths 6, 4  20 request 1
//	22 sender mac  28 sender ip    32 target mac ff:ff:ff:ff:ff:ff  38 target ip
func appendARP(b []byte, mac net.HardwareAddr, ip netip.Addr) []byte {
	broadcast := [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	addr := ip.As4()
	b = append(append(b, broadcast[:]...), mac[:6]...)
	b = binary.BigEndian.AppendUint16(b, etherARP)
	b = append(b, 0, 1, 0x08, 0x00, 6, 4, 0, 1)
	b = append(append(b, mac[:6]...), addr[:]...)
	return append(append(b, broadcast[:]...), addr[:]...)
}

// allNodes is ff02::1 and the Ethernet address that it goes to (RFC 2464,
// Section 7).
var (
	allNodes    = netip.MustParseAddr("ff02::1").As16()
	allNodesMAC = [6]byte{0x33, 0x33, 0, 0, 0, 1}
)

// appendNA appends an unsolicited neighbour advertisement (RFC 4861, Section
// 7.2.6) from ip to all nodes: override set, solicited clear, with our link
// address.
//
//	 0 to 33:33:0:0:0:1   6 from mac   12 type 0x86dd
//	14 version 6  18 length 32  20 next header 58  21 hop limit 255  22 from  38 to
//	54 type 136  55 code 0  56 checksum  58 flags R S O  62 target
//	78 option 2 (target link address)  79 length 1 (8 bytes)  80 mac
func appendNA(b []byte, mac net.HardwareAddr, ip netip.Addr, router bool) []byte {
	start := len(b)
	addr := ip.As16()
	b = append(append(b, allNodesMAC[:]...), mac[:6]...)
	b = binary.BigEndian.AppendUint16(b, etherIPv6)
	b = append(b, 0x60, 0, 0, 0, 0, 32, 58, 255)
	b = append(append(b, addr[:]...), allNodes[:]...)
	flags := byte(0x20)
	if router {
		flags |= 0x80
	}
	b = append(b, 136, 0, 0, 0, flags, 0, 0, 0)
	b = append(b, addr[:]...)
	b = append(append(b, 2, 1), mac[:6]...)
	ip6 := b[start+14:]
	binary.BigEndian.PutUint16(ip6[42:], checksum(ip6[8:40], ip6[40:]))
	return b
}

// checksum is that of RFC 4443, Section 2.3: over the addresses, length and
// next header, and the message.
func checksum(addrs, msg []byte) uint16 {
	sum := uint32(len(msg)) + 58
	for _, part := range [2][]byte{addrs, msg} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
