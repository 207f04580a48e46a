package zone

import (
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// maxLoopShown bounds the names of a CNAME loop in a message.
const maxLoopShown = 8

// check looks at the zone as a whole when all its records are in.
func (l *loader) check() {
	b := l.build
	b.link()
	l.checkApex()
	for _, s := range b.zone.Steers {
		if above := b.zone.Node(s.Owner).rest().above; above != nil {
			l.add(diag.Warning, s.Pos, "", "STEER below "+above.Name.String()+", which sends everybody elsewhere, is never asked")
		}
	}
	aliases, renamed := map[*Node]*ref{}, map[*Node]*ref{}
	for i := range b.refs {
		ref := &b.refs[i]
		switch ref.typ {
		case dnswire.TypeCNAME:
			aliases[ref.node] = ref
		case dnswire.TypeDNAME:
			renamed[ref.node] = ref
		case dnswire.TypeNS, dnswire.TypeMX, dnswire.TypeSRV:
			l.checkTarget(ref)
		}
	}
	l.checkBelowDNAMEs(renamed)
	l.checkLoops(aliases)
}

// checkApex reports what every zone must have and this one lacks.
func (l *loader) checkApex() {
	b := l.build
	if l.swallowed || l.full {
		return
	}
	file := diag.Pos{File: l.opt.Display, Line: 1, Col: 1} // where a SOA is looked for
	origin := b.zone.Origin.String()
	if b.zone.SOA == nil && !b.brokenSOA {
		l.add(diag.Error, file, "such as: @ SOA ns1 hostmaster 1 3600 600 604800 300", "no SOA record for "+origin)
	}
	if b.zone.apex.Set(dnswire.TypeNS) == nil && !b.brokenNS {
		l.add(diag.Error, file, "such as: @ NS ns1", "no NS record for "+origin)
	}
}

// checkBelowDNAMEs reports owners of a DNAME with records below them, each once
// (RFC 6672, Section 2.4). BIND lets that pass, Knot and NSD do not; at a
// wildcard only Knot does not.
func (l *loader) checkBelowDNAMEs(renamed map[*Node]*ref) {
	if len(renamed) == 0 {
		return
	}
	for _, n := range l.build.zone.all() {
		owner := n.rest().above
		if owner == nil || renamed[owner] == nil || isWildcard(owner.Name) || n.set.Type == 0 && n.Steer() < 0 {
			continue
		}
		l.errorf(renamed[owner].at, "no names below it", "DNAME at %s, but %s has records", owner.Name, n.Name)
		delete(renamed, owner)
	}
}

// checkTarget looks at the host that an NS, MX or SRV record points to, as far
// as this zone knows it.
func (l *loader) checkTarget(ref *ref) {
	b := l.build
	b.lower = dnswire.AppendLower(b.lower[:0], ref.target)
	if b.broken || len(b.lower) == 1 || !b.inZone(b.lower) {
		return
	}
	atApex := ref.node == b.zone.apex
	if ref.typ == dnswire.TypeNS && !atApex && isWildcard(ref.node.Name) {
		return // at a wildcard; told before
	}
	target := dnswire.FormatName(ref.target)
	switch res := b.zone.Lookup(b.lower, dnswire.TypeA); res.Outcome {
	case CNAME:
		l.warnf(ref.at, "the name with the address itself (RFC 2181, Section 10.3)", "%s is a CNAME", target)
	case DNAME:
		l.warnf(ref.at, "a name with an address", "%s is below a DNAME", target)
	case Delegation:
		l.checkGlue(ref, res.Node, target)
	case NoData, NXDomain:
		if b.zone.Lookup(b.lower, dnswire.TypeAAAA).Outcome == Answer {
			return
		}
		if ref.typ == dnswire.TypeNS && atApex {
			// BIND and Knot refuse it, NSD does not.
			l.errorf(ref.at, "an A or AAAA record for it", "name server %s has no address", target)
			return
		}
		l.warnf(ref.at, "an A or AAAA record for it", "%s has no address", target)
	}
}

// checkGlue looks for the address of a name server that is at or below a cut:
// without it nobody finds the way to the zone below (RFC 9471, Section 3).
func (l *loader) checkGlue(ref *ref, below *Node, target string) {
	if ref.typ != dnswire.TypeNS {
		return // the zone below may know it
	}
	a, aaaa := l.build.zone.Glue(l.build.lower)
	if a != nil || aaaa != nil {
		return
	}
	what := "missing glue: name server %s of %s has no address here"
	if below != ref.node {
		what = "name server %s of %s is in another zone below, whose glue has no address for it"
	}
	l.warnf(ref.at, "an A or AAAA record for it", what, target, ref.node.Name)
}

// checkLoops reports each loop of CNAMEs within the zone once. Every alias has
// one target, so a walk that meets its own steps has found a loop.
func (l *loader) checkLoops(aliases map[*Node]*ref) {
	walks := map[*Node]int{} // the walk that was at a node
	for i := range l.build.refs {
		start := &l.build.refs[i]
		if start.typ != dnswire.TypeCNAME {
			continue
		}
		walk := i + 1
		n := start.node
		for n != nil && walks[n] == 0 && aliases[n] != nil {
			walks[n] = walk
			n = l.aliasTarget(aliases[n])
		}
		if n != nil && walks[n] == walk {
			l.warnf(start.at, "a name that is no alias at the end", "CNAME loop: %s", l.loopNames(n, aliases))
		}
	}
}

// aliasTarget returns the node that answers for the target of a CNAME, nil if
// the zone has none.
func (l *loader) aliasTarget(ref *ref) *Node {
	b := l.build
	b.lower = dnswire.AppendLower(b.lower[:0], ref.target)
	if !b.inZone(b.lower) {
		return nil
	}
	res := b.zone.Lookup(b.lower, dnswire.TypeA)
	if res.Outcome != CNAME {
		return nil
	}
	return res.Node
}

// loopNames returns the names of a loop from n around to n.
func (l *loader) loopNames(n *Node, aliases map[*Node]*ref) string {
	names := []string{n.Name.String()}
	for at := l.aliasTarget(aliases[n]); at != nil; at = l.aliasTarget(aliases[at]) {
		names = append(names, at.Name.String())
		if at == n {
			break
		}
		if len(names) > maxLoopShown {
			names = append(names, "…")
			break
		}
	}
	return strings.Join(names, ", ")
}
