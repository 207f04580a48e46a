package packets

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Bits of the header's second word.
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
	flagRA = 1 << 7
	flagZ  = 1 << 6
	flagAD = 1 << 5
	flagCD = 1 << 4
)

// Sections, as places in the header's counts.
const (
	question = iota
	answer
	authority
	additional
)

// msg is a packet in the making. Its methods return a changed copy, so that one
// may be the start of many; counts go by what was added until count says
// otherwise.
type msg struct {
	flags  uint16
	counts [4]uint16
	body   []byte
}

// ask is an ordinary query, without RD, for a name in text form.
func ask(name string, t dnswire.Type) msg { return askWire(wire(name), t, dnswire.ClassIN) }

// askWire is a query for any octets in the place of a name.
func askWire(name []byte, t dnswire.Type, c dnswire.Class) msg {
	m := msg{counts: [4]uint16{1}}
	m.body = append(m.body, name...)
	m.body = binary.BigEndian.AppendUint16(m.body, uint16(t))
	m.body = binary.BigEndian.AppendUint16(m.body, uint16(c))
	return m
}

// soa is the query that RFC 8906 tests with.
func soa() msg { return ask("example.com", dnswire.TypeSOA) }

// www is the query that most other cases vary.
func www() msg { return ask("www.example.com", dnswire.TypeA) }

// with sets bits of the header.
func (m msg) with(flags uint16) msg {
	m.flags |= flags
	return m
}

func (m msg) opcode(op int) msg { return m.with(uint16(op) << 11) }

// count overwrites what the header says of a section.
func (m msg) count(section, n int) msg {
	m.counts[section] = uint16(n)
	return m
}

// tail adds octets that no count knows of.
func (m msg) tail(octets ...byte) msg {
	m.body = append(slices.Clip(m.body), octets...)
	return m
}

// record adds a record to a section; sections must be filled in order.
func (m msg) record(section int, owner []byte, t dnswire.Type, class uint16, ttl uint32, rdata []byte) msg {
	m.counts[section]++
	b := append(slices.Clip(m.body), owner...)
	b = binary.BigEndian.AppendUint16(b, uint16(t))
	b = binary.BigEndian.AppendUint16(b, class)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
	m.body = append(b, rdata...)
	return m
}

// edns adds an OPT record of version 0 with options made by opt.
func (m msg) edns(size uint16, options ...[]byte) msg { return m.ednsTTL(size, 0, options...) }

// do is edns with the DO bit.
func (m msg) do(size uint16, options ...[]byte) msg { return m.ednsTTL(size, 1<<15, options...) }

// ednsTTL is edns with any extended code, version and flags.
func (m msg) ednsTTL(size uint16, ttl uint32, options ...[]byte) msg {
	return m.record(additional, root, dnswire.TypeOPT, size, ttl, slices.Concat(options...))
}

// bytes returns the packet with its first two octets free for the ID.
func (m msg) bytes() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 2, 12+len(m.body)), m.flags)
	for _, n := range m.counts {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return append(b, m.body...)
}

var root = []byte{0}

// wire returns the wire form of a name with its letter case. Its labels may
// hold anything but dots.
func wire(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// labels returns n labels of size octets each, without a root.
func labels(n, size int) []byte {
	label := append([]byte{byte(size)}, strings.Repeat("x", size)...)
	return slices.Repeat(label, n)
}

// opt returns one EDNS option.
func opt(code uint16, data ...byte) []byte { return optLen(code, len(data), data...) }

// optLen is opt with any length given.
func optLen(code uint16, size int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	return append(b, data...)
}

// Options by name.
const (
	optNSID      = 3
	optECS       = 8
	optExpire    = 9
	optCookie    = 10
	optKeepAlive = 11
	optPadding   = 12
	optChain     = 13
	optKeyTag    = 14
	optEDE       = 15
)

// ecs returns a client subnet option.
func ecs(family uint16, source, scope byte, addr ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, family)
	return opt(optECS, append(append(b, source, scope), addr...)...)
}

// clientCookie is the client part of all cookies here.
var clientCookie = [8]byte{'c', 'o', 'o', 'k', 'i', 'e', '0', '1'}

// cookie returns a cookie option: the client's, and then what is given.
func cookie(server ...byte) []byte {
	return opt(optCookie, append(slices.Clip(clientCookie[:]), server...)...)
}
