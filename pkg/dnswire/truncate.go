package dnswire

import "encoding/binary"

// TruncateReply returns a reply without its records but for OPT and with TC set,
// in the memory of the reply: for one that turns out to be too long when it is
// sent, or must not be sent in full. Of the options those stay that a client
// needs for asking again, a cookie and the client subnet; whatever else may make a
// reply longer than its query it gets over TCP. A message that is not well-formed
// becomes its header alone, one shorter than that nothing.
func TruncateReply(reply []byte) []byte {
	if len(reply) < headerLen {
		return nil
	}
	questions := int(binary.BigEndian.Uint16(reply[4:]))
	records := 0
	for at := 6; at < headerLen; at += 2 {
		records += int(binary.BigEndian.Uint16(reply[at:]))
	}
	reply[2] |= flagTC >> 8
	clear(reply[4:headerLen])
	end := headerLen
	if questions == 1 {
		next, ok := skipName(reply, headerLen)
		if !ok || next+fixedQuestion > len(reply) {
			return reply[:headerLen]
		}
		end = next + fixedQuestion
		binary.BigEndian.PutUint16(reply[4:], 1)
	}
	var rr record
	for off := end; records > 0; records-- {
		next := readRecord(reply, off, &rr)
		if next == 0 {
			break
		}
		if rr.typ == TypeOPT {
			binary.BigEndian.PutUint16(reply[10:], 1)
			end += copy(reply[end:], reply[off:next])
			return pruneOPT(reply[:end], end-(next-off))
		}
		off = next
	}
	return reply[:end]
}

// pruneOPT shortens b, which ends with an OPT record at off, to the options that
// a truncated reply needs.
func pruneOPT(b []byte, off int) []byte {
	const (
		fixed = 1 + 2 + 2 + 4 + 2 // the root, type, size, flags, length of the options
		head  = 4                 // of an option: code and length
	)
	start := off + fixed
	if start > len(b) {
		return b // a name other than the root: not one that we make
	}
	kept := start
	for at := start; at+head <= len(b); {
		next := at + head + int(binary.BigEndian.Uint16(b[at+2:]))
		if next > len(b) {
			break
		}
		if code := binary.BigEndian.Uint16(b[at:]); code == optionCookie || code == optionECS {
			kept += copy(b[kept:], b[at:next])
		}
		at = next
	}
	binary.BigEndian.PutUint16(b[start-2:], uint16(kept-start))
	return b[:kept]
}
