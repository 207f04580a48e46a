package dnswire

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// FormatRData returns rdata, in uncompressed wire form, as it would stand in a
// master file. Types that have no form of their own, and RDATA that is not what
// its type asks for, come in that of RFC 3597, Section 5. It is for people and
// tests, not for the hot path.
func FormatRData(t Type, rdata []byte) string {
	if t == TypeSTEER {
		t = TypeTXT // the same character-strings
	}
	if _, known := dns.TypeToRR[uint16(t)]; !known || len(rdata) == 0 {
		return genericRData(rdata)
	}
	header := dns.RR_Header{Name: ".", Rrtype: uint16(t), Class: dns.ClassINET, Rdlength: uint16(len(rdata))}
	rr, end, err := dns.UnpackRRWithHeader(header, rdata, 0)
	if err != nil || end != len(rdata) {
		return genericRData(rdata)
	}
	return strings.TrimSpace(strings.TrimPrefix(rr.String(), rr.Header().String()))
}

func genericRData(rdata []byte) string {
	if len(rdata) == 0 {
		return `\# 0`
	}
	return fmt.Sprintf(`\# %d %s`, len(rdata), hex.EncodeToString(rdata))
}
