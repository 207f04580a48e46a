package vrrpnet

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzPacket feeds bytes of the network, and control messages, to what reads
// them: nothing may panic, and Data is never more than was received.
func FuzzPacket(f *testing.F) {
	header := []byte{0x45, class, 0, 40, 0, 1, 0, 0, 255, 112, 0, 0, 10, 0, 0, 1, 224, 0, 0, 18}
	f.Add(append(header, 0x21, 51, 150, 1), pktinfo4(v4a, 2))
	f.Add([]byte{0x31, 51, 150, 1}, pktinfo6(v6a, 2))
	f.Fuzz(func(t *testing.T, b, oob []byte) {
		for _, d := range []*descriptor{{raw: true}, {raw: true, is6: true}, {index: 2}} {
			for _, from := range []unix.Sockaddr{&unix.SockaddrInet4{}, &unix.SockaddrInet6{}, nil} {
				if p, ok := d.packet(b, oob, from); ok && len(p.Data) > len(b) {
					t.Errorf("%d bytes of %d", len(p.Data), len(b))
				}
			}
		}
		MessageVRID(b)
	})
}
