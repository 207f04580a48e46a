package zone

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// fieldKind is a way to write a part of RDATA.
type fieldKind uint8

const (
	ipv4       fieldKind = iota
	ipv6                 // RFC 4291, Section 2.2
	domain               // a domain name
	hostname             // a domain name that looks odd as an address
	uint8Num             // a number of 8 bits
	uint16Num            // of 16 bits
	uint32Num            // of 32 bits
	timeNum              // seconds, with or without units
	charString           // one character-string, its length first
	charRest             // one or more character-strings to the end
	caaTag               // letters and digits, their number first
	octetRest            // a string without a length, the last part
)

// field is one part of the RDATA of a type.
type field struct {
	kind fieldKind
	what string // for messages
}

// layouts are the types whose RDATA is read here, for speed and for messages
// that point at the very word. All others are read by miekg/dns; a test compares
// the two for these.
var layouts = map[dnswire.Type][]field{
	dnswire.TypeA:     {{ipv4, "address"}},
	dnswire.TypeAAAA:  {{ipv6, "address"}},
	dnswire.TypeNS:    {{hostname, "name server"}},
	dnswire.TypeCNAME: {{domain, "target"}},
	dnswire.TypeDNAME: {{domain, "target"}},
	dnswire.TypePTR:   {{domain, "name"}},
	dnswire.TypeMX:    {{uint16Num, "preference"}, {hostname, "mail server"}},
	dnswire.TypeSRV:   {{uint16Num, "priority"}, {uint16Num, "weight"}, {uint16Num, "port"}, {hostname, "target"}},
	dnswire.TypeTXT:   {{charRest, "text"}},
	typeSPF:           {{charRest, "text"}},
	typeX25:           {{charString, "address"}},
	dnswire.TypeHINFO: {{charString, "kind of machine"}, {charString, "system"}},
	dnswire.TypeRP:    {{domain, "mailbox"}, {domain, "name of the text"}},
	dnswire.TypeAFSDB: {{uint16Num, "subtype"}, {hostname, "host"}},
	dnswire.TypeNAPTR: {
		{uint16Num, "order"}, {uint16Num, "preference"}, {charString, "flags"},
		{charString, "service"}, {charString, "regular expression"}, {domain, "replacement"},
	},
	dnswire.TypeCAA: {{uint8Num, "flags"}, {caaTag, "tag"}, {octetRest, "value"}},
	dnswire.TypeSOA: {
		{domain, "primary server"}, {domain, "mailbox"}, {uint32Num, "serial"}, {timeNum, "refresh"},
		{timeNum, "retry"}, {timeNum, "expire"}, {timeNum, "minimum"},
	},
}

const (
	typeX25 dnswire.Type = 19
	typeSPF dnswire.Type = 99
)

// readRData reads the words of a record into rec.rdata, which is scratch memory.
func (r *reader) readRData(rec *record) bool {
	r.rdata = r.rdata[:0]
	ok := false
	layout, known := layouts[rec.typ]
	switch {
	case len(rec.words) > 0 && isGeneric(r.value(rec.words[0])) && !rec.words[0].quoted:
		ok = r.readGeneric(rec)
	case known:
		ok = r.readLayout(rec, layout)
	default:
		ok = r.readForeign(rec)
	}
	if ok && len(r.rdata) > math.MaxUint16 {
		r.wrong(rec.kind, "", "%s record of %d octets; there is room for 65535", rec.typ, len(r.rdata))
		return false
	}
	rec.rdata = r.rdata
	return ok
}

// readLayout reads RDATA part by part.
func (r *reader) readLayout(rec *record, layout []field) bool {
	words := rec.words
	for _, f := range layout {
		if len(words) == 0 {
			last := r.tokens[len(r.tokens)-1]
			r.wrong(last, rightField(f), "%s record without a %s", rec.typ, f.what)
			return false
		}
		if f.kind == charRest {
			return r.strings(f, words)
		}
		if !r.field(f, words[0]) {
			return false
		}
		words = words[1:]
	}
	if len(words) > 0 {
		r.wrong(words[0], "one value for each record", "%q is one word too many for %s", r.value(words[0]), rec.typ)
		return false
	}
	return true
}

// strings reads all words as character-strings.
func (r *reader) strings(f field, words []token) bool {
	for _, t := range words {
		if !r.string(f, t) {
			return false
		}
	}
	return true
}

func (r *reader) string(f field, t token) bool {
	rdata, err := appendString(r.rdata, r.value(t))
	r.rdata = rdata
	switch {
	case err == errLongString:
		r.wrong(t, "several strings in a row, each of at most 255", "%s of more than 255 octets", f.what)
	case err != nil:
		r.wrong(t, rightName(err), "bad %s, %v", f.what, err)
	}
	return err == nil
}

// field reads one part of RDATA that is one word.
func (r *reader) field(f field, t token) bool {
	text := r.value(t)
	switch f.kind {
	case charString:
		return r.string(f, t)
	case octetRest:
		rdata, err := appendOctets(r.rdata, text, math.MaxUint16)
		r.rdata = rdata
		if err != nil {
			r.wrong(t, rightName(err), "bad %s, %v", f.what, err)
		}
		return err == nil
	}
	if t.quoted && f.kind != caaTag { // Knot and NSD take a tag in quotes
		r.wrong(t, "the same without quotes", "%s in quotes", f.what)
		return false
	}
	if f.kind == domain || f.kind == hostname {
		return r.domain(f, t)
	}
	rdata, ok := appendField(r.rdata, f.kind, text)
	r.rdata = rdata
	if !ok {
		r.wrong(t, rightField(f), "bad %s %q", f.what, text)
	}
	return ok
}

// domain reads a domain name.
func (r *reader) domain(f field, t token) bool {
	rdata, err := appendName(r.rdata, r.value(t), r.origin)
	r.rdata = rdata
	if err != nil {
		r.wrong(t, rightName(err), "bad %s %q, %v", f.what, r.value(t), err)
		return false
	}
	if _, is := parseIPv4(r.value(t)); is && f.kind == hostname {
		r.fault(diag.Warning, t, "the name of a host, whose address stands in an A record",
			fmt.Sprintf("%s %q is read as a name", f.what, r.value(t)))
	}
	return true
}

// appendField appends what text stands for, or reports false.
func appendField(dst []byte, kind fieldKind, text []byte) ([]byte, bool) {
	switch kind {
	case ipv4:
		addr, ok := parseIPv4(text)
		return append(dst, addr[:]...), ok
	case ipv6:
		addr, err := netip.ParseAddr(string(text))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return dst, false
		}
		octets := addr.As16()
		return append(dst, octets[:]...), true
	case uint8Num:
		n, ok := number(text, math.MaxUint8)
		return append(dst, byte(n)), ok
	case uint16Num:
		n, ok := number(text, math.MaxUint16)
		return binary.BigEndian.AppendUint16(dst, uint16(n)), ok
	case uint32Num:
		n, ok := number(text, math.MaxUint32)
		return binary.BigEndian.AppendUint32(dst, uint32(n)), ok
	case timeNum:
		n, ok := period(text)
		return binary.BigEndian.AppendUint32(dst, n), ok
	case caaTag:
		if !isTag(text) {
			return dst, false
		}
		return append(append(dst, byte(len(text))), text...), true
	}
	return dst, false
}

// parseIPv4 reads four decimal numbers; a leading zero is refused, since it has
// meant octal to some.
func parseIPv4(text []byte) (addr [4]byte, ok bool) {
	part, digits, n := 0, 0, 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			if digits > 0 && n == 0 {
				return addr, false
			}
			if n = n*10 + int(c-'0'); n > 255 {
				return addr, false
			}
			digits++
		case c == '.' && digits > 0 && part < 3:
			addr[part] = byte(n)
			part, digits, n = part+1, 0, 0
		default:
			return addr, false
		}
	}
	addr[part] = byte(n)
	return addr, part == 3 && digits > 0
}

// isTag reports whether text is a property tag (RFC 8659, Section 4.1).
func isTag(text []byte) bool {
	if len(text) == 0 || len(text) > 255 {
		return false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// rightField says what would be right in the place of a part.
func rightField(f field) string {
	switch f.kind {
	case ipv4:
		return "an IPv4 address such as 192.0.2.1"
	case ipv6:
		return "an IPv6 address such as 2001:db8::1"
	case domain, hostname:
		return "a name, such as host or host.example.com."
	case uint8Num:
		return "a number from 0 to 255"
	case uint16Num:
		return "a number from 0 to 65535"
	case uint32Num:
		return "a number from 0 to 4294967295"
	case timeNum:
		return "seconds, such as 3600, or with units, such as 1h30m"
	case caaTag:
		return "letters and digits, such as issue"
	}
	return `text, in quotes if it has blanks`
}
