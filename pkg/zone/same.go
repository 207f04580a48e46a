package zone

import (
	"bytes"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// namesIn returns where in RDATA of a type names stand, as far as it matters for
// the comparison of two records (RFC 4034, Section 6.2); none if from is to.
func namesIn(t dnswire.Type, rdata []byte) (from, to int) {
	from, to = 0, len(rdata)
	switch t {
	case dnswire.TypeNS, dnswire.TypeCNAME, dnswire.TypeDNAME, dnswire.TypePTR, dnswire.TypeRP,
		dnswire.TypeMB, dnswire.TypeMG, dnswire.TypeMR, dnswire.TypeMINFO:
	case dnswire.TypeMX, dnswire.TypeAFSDB, dnswire.TypeKX, dnswire.TypeRT:
		from = 2
	case dnswire.TypeSRV:
		from = 6
	case dnswire.TypeSOA:
		to -= 20
	default:
		to = 0
	}
	if from > to {
		return 0, 0
	}
	return from, to
}

// sameRData reports whether two RDATA of a type are the same record.
func sameRData(t dnswire.Type, a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	from, to := namesIn(t, a)
	return from < to && foldedRData(t, a) == foldedRData(t, b)
}

// foldedRData returns RDATA with the names in it in lower case.
func foldedRData(t dnswire.Type, rdata []byte) string {
	from, to := namesIn(t, rdata)
	folded := append(make([]byte, 0, len(rdata)), rdata[:from]...)
	folded = dnswire.AppendLower(folded, rdata[from:to])
	return string(append(folded, rdata[to:]...))
}
