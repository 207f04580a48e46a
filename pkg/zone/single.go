package zone

import (
	"bytes"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// notForSites are types that say something about a zone or a name as such, so
// that they cannot depend on who asks, and what would be right.
var notForSites = map[dnswire.Type]string{
	dnswire.TypeA:      "addresses: […]",
	dnswire.TypeAAAA:   "addresses: […]",
	dnswire.TypeSOA:    "the zone file",
	dnswire.TypeNS:     "the zone file",
	dnswire.TypeDNAME:  "the zone file",
	dnswire.TypeDS:     "the zone file",
	dnswire.TypeSTEER:  "a policy in steering.yaml",
	dnswire.TypeRRSIG:  "",
	dnswire.TypeNSEC:   "",
	dnswire.TypeDNSKEY: "the zone file",
	dnswire.TypeNSEC3:  "",
	typeNSEC3PARAM:     "the zone file",
}

const typeNSEC3PARAM dnswire.Type = 51

// ParseRecord reads the type and data of a record as a master file has them,
// without owner, TTL and class: "MX 10 mail.example.com.". Names in it must be
// whole: there is no origin that they could be relative to. The RDATA is
// uncompressed. Of the findings, File is "" and Col counts within text.
func ParseRecord(text string) (t dnswire.Type, rdata []byte, list diag.List) {
	at := diag.Pos{Line: 1, Col: 1}
	if strings.ContainsAny(text, "\r\n") {
		list.Errorf(at, "an entry of the list for each record", "record of several lines")
		return 0, nil, list
	}
	t, rdata, list = parseSingle(text, "\x00")
	if list.HasErrors() {
		return 0, nil, list
	}
	if right, not := notForSites[t]; not {
		list.Errorf(at, right, "%s record cannot be a site's", t)
		return 0, nil, list
	}
	if _, other, more := parseSingle(text, "\x07another\x00"); more.HasErrors() || !bytes.Equal(rdata, other) {
		list.Errorf(at, "the whole name with a dot at its end", "%s record with a relative name", t)
		return 0, nil, list
	}
	return t, rdata, list
}

// parseSingle reads a record with names relative to origin.
func parseSingle(text string, origin dnswire.Name) (dnswire.Type, []byte, diag.List) {
	l := &loader{opt: Options{}.withDefaults(""), files: []source{{text: []byte(text)}}}
	l.build = newBuilder(origin, 0)
	r := newReader(l, 0, []byte(origin))
	if !r.next() || len(r.tokens) == 0 {
		if !l.list.HasErrors() {
			l.list.Errorf(diag.Pos{Line: 1, Col: 1}, "type and data, such as: MX 10 mail.example.com.", "empty record")
		}
		return 0, nil, l.list
	}
	var rec record
	if r.broken || !r.header(&rec, r.tokens) {
		return 0, nil, l.list
	}
	if rec.hasTTL {
		r.wrong(r.tokens[0], "leave it out: the TTL is that of the STEER record", "record with a TTL")
		return 0, nil, l.list
	}
	rec.value = r.place(rec.kind)
	if rec.typ != dnswire.TypeSTEER {
		r.readRData(&rec)
	}
	return rec.typ, slices.Clone(rec.rdata), l.list
}
