package zone

import (
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// mayStand reports whether the first record of a type may stand at a node beside
// what is there already.
func (r *reader) mayStand(n *Node, rec *record) bool {
	apex := n == r.build.zone.apex
	switch rec.typ {
	case dnswire.TypeSOA:
		if !apex {
			r.wrong(rec.kind, "one SOA, at "+r.build.zone.Origin.String(), "SOA record at %s, which is not the origin", n.Name)
			r.build.brokenSOA = true
			return false
		}
	case dnswire.TypeCNAME:
		return r.mayAlias(n, rec)
	case dnswire.TypeNS, dnswire.TypeDNAME:
		if n.Steer() >= 0 && !(apex && rec.typ == dnswire.TypeNS) {
			r.clash(n, rec, rec.typ.String(), "STEER")
			return false
		}
		r.oddPlace(n, rec, apex)
	case dnswire.TypeDS:
		if apex {
			r.doubtful(rec.kind, "it belongs into the zone above", "DS record at the origin is never asked for here")
		}
	}
	if n.Set(dnswire.TypeCNAME) != nil && !besideCNAME(rec.typ) {
		r.clash(n, rec, rec.typ.String(), "CNAME")
		return false
	}
	return true
}

// mayAlias reports whether a CNAME may stand at a node.
func (r *reader) mayAlias(n *Node, rec *record) bool {
	for s := range n.Sets() {
		if !besideCNAME(s.Type) {
			r.clash(n, rec, "CNAME", s.Type.String())
			return false
		}
	}
	if n.Steer() >= 0 {
		r.clash(n, rec, "CNAME", "STEER")
		return false
	}
	return true
}

// besideCNAME reports whether records of type t may share a name with a CNAME
// (RFC 4035, Section 2.5).
func besideCNAME(t dnswire.Type) bool {
	return t == dnswire.TypeRRSIG || t == dnswire.TypeNSEC
}

func (r *reader) clash(n *Node, rec *record, what, beside string) {
	right := "a steered name is answered here and not elsewhere"
	if what == "CNAME" || beside == "CNAME" {
		right = "a CNAME stands alone at its name (RFC 1034, Section 3.6.2)"
	}
	r.wrong(rec.kind, right, "%s beside %s at %s", what, beside, n.Name)
}

// oddPlace warns of NS and DNAME records that do not do what one might think.
func (r *reader) oddPlace(n *Node, rec *record, apex bool) {
	other := dnswire.TypeNS + dnswire.TypeDNAME - rec.typ
	switch {
	case isWildcard(n.Name) && rec.typ == dnswire.TypeDNAME:
		r.doubtful(rec.kind, "a name without *", "DNAME record at a wildcard renames only what is below the asterisk itself")
	case isWildcard(n.Name):
		r.doubtful(rec.kind, "a name without *", "NS record at a wildcard delegates only the asterisk itself")
	case !apex && n.Set(other) != nil:
		r.doubtful(rec.kind, "one of the two", "NS beside DNAME at %s: the delegation counts", n.Name)
	}
}

// isSecond reports, as an error, a further record of a type of which a name has
// one only.
func (r *reader) isSecond(rec *record) bool {
	switch rec.typ {
	case dnswire.TypeSOA, dnswire.TypeCNAME, dnswire.TypeDNAME:
		r.wrong(rec.kind, "one only", "second %s record at %s", rec.typ, r.build.last.Name)
		return true
	}
	return false
}

// insertSteer puts a STEER record into the zone.
func (r *reader) insertSteer(rec *record, text string) {
	n := r.ownerNode(rec)
	if n == nil {
		return
	}
	z := r.build.zone
	for _, t := range []dnswire.Type{dnswire.TypeCNAME, dnswire.TypeDNAME, dnswire.TypeNS} {
		if n.Set(t) != nil && !(t == dnswire.TypeNS && n == z.apex) {
			r.clash(n, rec, "STEER", t.String())
			return
		}
	}
	if n.Steer() >= 0 {
		r.wrong(rec.kind, "one only; a policy can hold others", "second STEER record at %s, the first is in line %d", n.Name, z.Steers[n.Steer()].Pos.Line)
		return
	}
	n.grown().steer = len(z.Steers) + 1
	steer := Steer{Owner: n.Name, TTL: rec.ttl, MinTTL: rec.ttl, Text: text, Pos: r.pos(rec.value)}
	if rec.ranged.end > 0 {
		steer.MinTTL = rec.minTTL
	}
	z.Steers = append(z.Steers, steer)
	r.count(rec)
}
