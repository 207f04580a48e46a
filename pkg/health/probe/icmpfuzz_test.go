package probe

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Whatever comes back from the network: no panic; a reply is one only if the
// octets say so, read here by their offsets (RFC 792; RFC 4443, Section 4.2).
func FuzzEchoMatch(f *testing.F) {
	payload := bytes.Repeat([]byte{0xab, 0x01, 0x77, 0x90}, 6)
	wire := func(kind byte) []byte {
		b := []byte{kind, 0, 0, 0, 0x12, 0x34, 0x56, 0x78}
		return append(b, payload...)
	}
	header := append([]byte{0x45, 0, 0, 52, 0, 0, 0, 0, 64, 1}, make([]byte, 10)...)
	f.Add(wire(0), true, false)
	f.Add(wire(129), false, false)
	f.Add(wire(129), false, true)
	f.Add(append(header, wire(0)...), true, true)
	f.Add(append(bytes.Clone(header), 3, 1, 0, 0), true, true)
	f.Add([]byte{0x4f}, true, true)
	f.Add(wire(0)[:7], true, false)
	f.Add(append(wire(0), 1), true, false)
	f.Fuzz(func(t *testing.T, packet []byte, v4, raw bool) {
		e := echo{v4: v4, id: 0x1234, seq: 0x5678, payload: payload}
		data := packet
		if raw && v4 {
			data = withoutHeader(data)
		}
		match, err := e.match(bytes.Clone(data), raw)
		kind := byte(129)
		if v4 {
			kind = 0
		}
		ours := len(data) >= 8 && data[0] == kind && binary.BigEndian.Uint16(data[6:]) == 0x5678 && (!raw || binary.BigEndian.Uint16(data[4:]) == 0x1234)
		same := ours && bytes.Equal(data[8:], payload)
		if match != same || (err != nil) != (ours && !same) {
			t.Errorf("v4 %v, raw %v, %x: match %v, %v; ours %v, same payload %v", v4, raw, packet, match, err, ours, same)
		}
	})
}
