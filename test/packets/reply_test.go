package packets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// reply is a reply as this test reads it: with code of its own, so that a
// mistake in the server's is not repeated here.
type reply struct {
	raw      []byte
	flags    uint16
	rcode    dnswire.RCode // with the bits of OPT
	counts   [4]int
	question []byte // as it stands in the packet
	records  []rr
	opt      *rr
	options  []option
}

type rr struct {
	section int
	owner   string // wire form, decompressed
	typ     dnswire.Type
	class   uint16
	ttl     uint32
	rdata   []byte
}

type option struct {
	code uint16
	data []byte
}

var (
	errCut      = errors.New("cut off")
	errTrailing = errors.New("octets after the last record")
)

// readReply parses a reply completely; trailing octets are an error.
func readReply(p []byte) (*reply, error) {
	if len(p) < 12 {
		return nil, fmt.Errorf("%d octets", len(p))
	}
	r := &reply{raw: p, flags: binary.BigEndian.Uint16(p[2:])}
	r.rcode = dnswire.RCode(r.flags & 15)
	for i := range r.counts {
		r.counts[i] = int(binary.BigEndian.Uint16(p[4+2*i:]))
	}
	off := 12
	for range r.counts[question] {
		_, next, err := readName(p, off)
		if err != nil || len(p) < next+4 {
			return nil, errCut
		}
		off = next + 4
	}
	r.question = p[12:off]
	for section := answer; section <= additional; section++ {
		for range r.counts[section] {
			rec, next, err := readRR(p, off)
			if err != nil {
				return nil, err
			}
			rec.section = section
			r.records = append(r.records, rec)
			off = next
		}
	}
	if off != len(p) {
		return nil, errTrailing
	}
	return r, r.readOPT()
}

// readName returns the name at off, decompressed, and the offset after it.
func readName(p []byte, off int) (name []byte, next int, err error) {
	for hops := 0; ; {
		if off >= len(p) {
			return nil, 0, errCut
		}
		switch n := int(p[off]); {
		case n == 0:
			if next == 0 {
				next = off + 1
			}
			return append(name, 0), next, nil
		case n < 64:
			if off+1+n > len(p) {
				return nil, 0, errCut
			}
			name = append(name, p[off:off+1+n]...)
			off += 1 + n
		case n >= 0xc0 && off+1 < len(p):
			if next == 0 {
				next = off + 2
			}
			off = (n&63)<<8 | int(p[off+1])
			if hops++; hops > 127 {
				return nil, 0, errors.New("loop of pointers")
			}
		default:
			return nil, 0, fmt.Errorf("label type %#x", n)
		}
	}
}

func readRR(p []byte, off int) (rr, int, error) {
	name, off, err := readName(p, off)
	if err != nil {
		return rr{}, 0, err
	}
	if len(p) < off+10 {
		return rr{}, 0, errCut
	}
	r := rr{
		owner: string(name),
		typ:   dnswire.Type(binary.BigEndian.Uint16(p[off:])),
		class: binary.BigEndian.Uint16(p[off+2:]),
		ttl:   binary.BigEndian.Uint32(p[off+4:]),
	}
	end := off + 10 + int(binary.BigEndian.Uint16(p[off+8:]))
	if len(p) < end {
		return rr{}, 0, errCut
	}
	r.rdata = p[off+10 : end]
	return r, end, nil
}

// readOPT finds the OPT record and its options.
func (r *reply) readOPT() error {
	for i := range r.records {
		rec := &r.records[i]
		if rec.typ != dnswire.TypeOPT {
			continue
		}
		if r.opt != nil || rec.section != additional || rec.owner != "\x00" {
			return errors.New("an OPT record too many, in a wrong section or not of the root")
		}
		r.opt = rec
		r.rcode |= dnswire.RCode(rec.ttl >> 24 << 4)
		for d := rec.rdata; len(d) > 0; {
			if len(d) < 4 || len(d) < 4+int(binary.BigEndian.Uint16(d[2:])) {
				return errors.New("an EDNS option cut off")
			}
			end := 4 + int(binary.BigEndian.Uint16(d[2:]))
			r.options = append(r.options, option{binary.BigEndian.Uint16(d), d[4:end]})
			d = d[end:]
		}
	}
	return nil
}

// option returns the data of an option; ok is false without it.
func (r *reply) option(code uint16) (data []byte, ok bool) {
	i := slices.IndexFunc(r.options, func(o option) bool { return o.code == code })
	if i < 0 {
		return nil, false
	}
	return r.options[i].data, true
}

// String tells a reply in one line, without what differs from one sending to
// the next.
func (r *reply) String() string {
	if r == nil {
		return "silence"
	}
	var b bytes.Buffer
	fmt.Fprint(&b, r.rcode)
	for _, f := range []struct {
		bit  uint16
		name string
	}{{flagAA, "aa"}, {flagTC, "tc"}, {flagRD, "rd"}, {flagRA, "ra"}, {flagZ, "z"}, {flagAD, "ad"}, {flagCD, "cd"}} {
		if r.flags&f.bit != 0 {
			b.WriteString(" " + f.name)
		}
	}
	fmt.Fprintf(&b, " qd=%d an=%d ns=%d ar=%d size=%d", r.counts[0], r.counts[1], r.counts[2], r.counts[3], len(r.raw))
	if r.opt != nil {
		fmt.Fprintf(&b, " opt(size %d, ttl %08x", r.opt.class, r.opt.ttl)
		for _, o := range r.options {
			fmt.Fprintf(&b, ", %d: %d octets", o.code, len(o.data))
		}
		b.WriteString(")")
	}
	return b.String()
}
