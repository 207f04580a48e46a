package netlink

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"golang.org/x/sys/unix"
)

// batch is a row of netlink messages that go to the kernel in one call.
//
//	| length 4 | type 2 | flags 2 | sequence 4 | port 4 | body, attributes … |
//	attribute: | length 2 | type 2 | value | padding to 4 |
type batch struct {
	b      []byte
	starts []int // where each message begins
}

func (m *batch) reset() { m.b, m.starts = m.b[:0], m.starts[:0] }

// begin starts a message; body is its fixed part.
func (m *batch) begin(typ, flags uint16, body ...byte) {
	m.starts = append(m.starts, len(m.b))
	m.b = append(m.b, 0, 0, 0, 0)
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	m.b = binary.NativeEndian.AppendUint16(m.b, flags|unix.NLM_F_REQUEST)
	m.b = append(m.b, 0, 0, 0, 0, 0, 0, 0, 0)
	m.b = append(m.b, body...)
	m.pad()
}

// end fills in the length of the last message.
func (m *batch) end() {
	start := m.starts[len(m.starts)-1]
	binary.NativeEndian.PutUint32(m.b[start:], uint32(len(m.b)-start))
}

func (m *batch) pad() {
	for len(m.b)%unix.NLMSG_ALIGNTO != 0 {
		m.b = append(m.b, 0)
	}
}

// attr appends an attribute.
func (m *batch) attr(typ uint16, value []byte) {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(unix.SizeofRtAttr+len(value)))
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	m.b = append(m.b, value...)
	m.pad()
}

func (m *batch) attr8(typ uint16, v uint8) { m.attr(typ, []byte{v}) }

func (m *batch) attr32(typ uint16, v uint32) {
	var raw [4]byte
	binary.NativeEndian.PutUint32(raw[:], v)
	m.attr(typ, raw[:])
}

func (m *batch) attrText(typ uint16, s string) { m.attr(typ, append([]byte(s), 0)) }

func (m *batch) attrAddr(typ uint16, a netip.Addr) {
	if a.Is4() {
		raw := a.As4()
		m.attr(typ, raw[:])
		return
	}
	raw := a.As16()
	m.attr(typ, raw[:])
}

// nest starts an attribute that holds others; finish it with [batch.unnest].
func (m *batch) nest(typ uint16) (start int) {
	start = len(m.b)
	m.attr(typ, nil)
	return start
}

func (m *batch) unnest(start int) {
	binary.NativeEndian.PutUint16(m.b[start:], uint16(len(m.b)-start))
}

// family returns AF_INET or AF_INET6.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// attributes iterates over the attributes in b, by type without the flag of
// nesting. One whose length does not fit ends it.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			n := int(binary.NativeEndian.Uint16(b))
			typ := binary.NativeEndian.Uint16(b[2:]) &^ unix.NLA_F_NESTED
			if n < unix.SizeofRtAttr || n > len(b) || !yield(typ, b[unix.SizeofRtAttr:n]) {
				return
			}
			b = b[min((n+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
		}
	}
}

// nested returns the value of an attribute inside another's value, nil if it
// is not there.
func nested(v []byte, want uint16) []byte {
	for typ, value := range attributes(v) {
		if typ == want {
			return value
		}
	}
	return nil
}

// uint32At returns the number at an offset, 0 where the value is too short.
func uint32At(v []byte, off int) uint32 {
	if len(v) < off+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(v[off:])
}
