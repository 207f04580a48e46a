package dnswire

import "encoding/binary"

// TSIG is what the signature of a query says (RFC 8945, Section 4.2), as far as
// a reply that refuses it has to repeat it. No key is known here, so no
// signature is ever checked: whoever signs is told that the key is unknown,
// because an unsigned answer would be no use to him.
type TSIG struct {
	Key       []byte  // name of the key, wire form, not compressed; nil: not signed
	Algorithm []byte  // name of the algorithm, in the packet
	Signed    [8]byte // time of the signature and how far it may be off
}

const (
	tsigSignedLen = 8 // time signed, fudge
	tsigAfterLen  = 6 // original ID, error, length of other data
	tsigBadKey    = 17
)

// parse reads a TSIG record and reports whether it is well-formed. key is the
// name of its owner. Its TTL, which should be 0, is overlooked, as BIND does.
func (s *TSIG) parse(rr *record, key []byte) bool {
	if Class(rr.class) != ClassANY {
		return false
	}
	n, ok := NameLen(rr.rdata)
	if !ok {
		return false
	}
	rest := rr.rdata[n:]
	if len(rest) < tsigSignedLen+2 {
		return false
	}
	mac := int(binary.BigEndian.Uint16(rest[tsigSignedLen:]))
	after := rest[tsigSignedLen+2:]
	if len(after) < mac+tsigAfterLen {
		return false
	}
	after = after[mac:]
	if len(after) != tsigAfterLen+int(binary.BigEndian.Uint16(after[tsigAfterLen-2:])) {
		return false
	}
	s.Key, s.Algorithm, s.Signed = key, rr.rdata[:n:n], [tsigSignedLen]byte(rest)
	return true
}

// replyLen returns the length in octets of what appendReply appends.
func (s *TSIG) replyLen() int {
	const fixedLen = 10
	return len(s.Key) + fixedLen + len(s.Algorithm) + tsigSignedLen + 2 + tsigAfterLen
}

// appendReply appends the TSIG record that tells the sender of the query id
// that his key is unknown. It is not signed (RFC 8945, Section 5.3.2).
func (s *TSIG) appendReply(b []byte, id uint16) []byte {
	b = append(b, s.Key...)
	b = binary.BigEndian.AppendUint16(b, uint16(TypeTSIG))
	b = binary.BigEndian.AppendUint16(b, uint16(ClassANY))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Algorithm)+tsigSignedLen+2+tsigAfterLen))
	b = append(b, s.Algorithm...)
	b = append(b, s.Signed[:]...)
	b = binary.BigEndian.AppendUint16(b, 0) // no signature
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, tsigBadKey)
	return binary.BigEndian.AppendUint16(b, 0)
}

// expandName appends the name at off in packet, which skipName has passed, to
// dst without compression; ok is false if it is too long or leads nowhere. Each
// pointer must point to before the one that led to it, so the chain ends.
func expandName(dst, packet []byte, off int) (name []byte, ok bool) {
	start := len(dst)
	for limit := off; off < len(packet); {
		size := int(packet[off])
		switch {
		case size == 0:
			return append(dst, 0), len(dst)-start < MaxName
		case size <= MaxLabel:
			end := off + 1 + size
			if end > len(packet) || len(dst)-start+1+size >= MaxName {
				return nil, false
			}
			dst = append(dst, packet[off:end]...)
			off = end
		case size >= pointerBits && off+1 < len(packet):
			target := (size&^pointerBits)<<8 | int(packet[off+1])
			if target >= limit || target < headerLen {
				return nil, false
			}
			off, limit = target, target
		default:
			return nil, false
		}
	}
	return nil, false
}
