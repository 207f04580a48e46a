package dnswire

import "encoding/binary"

// TruncateReply returns a reply without its records but for OPT and with TC set,
// in the memory of the reply: for one that turns out to be too long when it is
// sent. A message that is not well-formed becomes its header alone, one shorter
// than that nothing.
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
	for off := end; records > 0; records-- {
		rr, next := readRecord(reply, off)
		if next == 0 {
			break
		}
		if rr.typ == TypeOPT {
			binary.BigEndian.PutUint16(reply[10:], 1)
			return reply[:end+copy(reply[end:], reply[off:next])]
		}
		off = next
	}
	return reply[:end]
}
