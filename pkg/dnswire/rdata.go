package dnswire

// saneRData reports whether the RDATA of a record in a query, which ends at end
// in packet, has the form of its type, for the common types of RFC 1035 and for
// AAAA. Nothing is done with it; but a packet with a record that cannot be is
// malformed, as BIND has it too.
func saneRData(packet []byte, rr *record, end int) bool {
	start := end - len(rr.rdata)
	switch rr.typ {
	case TypeA:
		return Class(rr.class) != ClassIN || len(rr.rdata) == 4
	case TypeAAAA:
		return Class(rr.class) != ClassIN || len(rr.rdata) == 16
	case TypeTXT:
		return saneStrings(rr.rdata)
	}
	skip, names := namesIn(rr.typ)
	if names == 0 {
		return true
	}
	if len(rr.rdata) < skip {
		return false
	}
	off := start + skip
	for range names {
		next, ok := skipName(packet[:end], off)
		if !ok {
			return false
		}
		off = next
	}
	const soaNumbers = 20
	if rr.typ == TypeSOA {
		off += soaNumbers
	}
	return off == end
}

// saneStrings reports whether b is one or more character-strings (RFC 1035,
// Section 3.3).
func saneStrings(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for len(b) > 0 {
		size := 1 + int(b[0])
		if len(b) < size {
			return false
		}
		b = b[size:]
	}
	return true
}
