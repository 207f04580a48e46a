package answer

import (
	"bytes"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// referral appends the NS set at a zone cut and the glue for it. Glue below
// the cut is needed to follow the referral, so TC is set if it does not fit
// (RFC 9471, Section 3.1); sibling glue is left out silently (Section 3.2).
func (r *Responder) referral(z *Zone, owner []byte, res zone.Result) {
	if !r.append(dnswire.Authority, suffix(owner, res.Node.Name), res.Set, res.Set.TTL) {
		return
	}
	for _, inDomain := range []bool{true, false} {
		for target := range res.Set.All() {
			if isBelow(r.lowered(target), res.Node.Name) != inDomain {
				continue
			}
			if fits := r.glue(z, target); !fits && inDomain {
				r.msg.SetTC(true)
				return
			}
		}
	}
}

// addAddresses appends, as far as they fit, the addresses of the names that
// the records of set point to (RFC 1034, Section 4.3.2, step 6).
func (r *Responder) addAddresses(z *Zone, set *dnswire.RRset) {
	offset, ok := targetOffset(set.Type)
	if !ok {
		return
	}
	// Records may point to the same host. Of a set of many, the first few are
	// remembered: it costs no square of work, and has no room for all addresses.
	var done [16][]byte
	n := 0
	for rdata := range set.All() {
		if len(rdata) <= offset {
			continue
		}
		target := rdata[offset:]
		if slices.ContainsFunc(done[:n], func(d []byte) bool { return bytes.Equal(d, target) }) {
			continue
		}
		if !r.glue(z, target) {
			return
		}
		if n < len(done) {
			done[n] = target
			n++
		}
	}
}

// targetOffset returns where in the RDATA of a type the name of a host stands
// whose addresses help whoever asked.
func targetOffset(t dnswire.Type) (int, bool) {
	switch t {
	case dnswire.TypeNS:
		return 0, true
	case dnswire.TypeMX:
		return 2, true
	case dnswire.TypeSRV:
		return 6, true
	}
	return 0, false
}

// glue appends the address sets that the zone holds at target and reports
// whether both fitted.
func (r *Responder) glue(z *Zone, target []byte) bool {
	a, aaaa := z.Glue(r.lowered(target))
	fits := true
	for _, set := range [...]*dnswire.RRset{a, aaaa} {
		if set != nil && !r.msg.Append(dnswire.Additional, target, set, set.TTL) {
			fits = false
		}
	}
	return fits
}

// lowered returns name in lower case, in memory that the next call reuses.
func (r *Responder) lowered(name []byte) []byte {
	return dnswire.AppendLower(r.lower[:0], name)
}

// isBelow reports whether name, in lower case, is at or below ancestor.
func isBelow(name []byte, ancestor dnswire.Name) bool {
	at := len(name) - len(ancestor)
	if at < 0 || string(name[at:]) != string(ancestor) {
		return false
	}
	// The end must begin at a label, not within one.
	for i := 0; i <= at; i += int(name[i]) + 1 {
		if i == at {
			return true
		}
	}
	return false
}
