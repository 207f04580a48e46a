package policy

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// verdict is what the evaluator finds about a node.
type verdict uint8

const (
	down verdict = iota // nothing below it is up; the next one is tried
	up
	stop // a strict rule ended the whole evaluation
)

// manner is the way in which up is judged.
type manner uint8

const (
	byHealth     manner = iota // checks, force and drain
	ignoreChecks               // last resort: force down and drain are honoured
	everything                 // nothing is left even so: all are up
)

// walk is one evaluation. Judging needs no draw and visits each node at most
// once a manner; choosing then follows one path.
type walk struct {
	p        *Policy
	in       *Input
	matching bitset     // the rules that match the client
	judged   []judgment // by node; of a node judged in this manner alone
	manner   manner
	strict   int32  // target of the strict rule that ended the evaluation
	depth    int    // of the trace
	client   client // of the trace
}

// judge judges a node and what is below it, as far as that matters.
func (w *walk) judge(at int32) verdict {
	n := &w.p.nodes[at]
	step := w.traceEnter(n)
	var j judgment
	switch n.kind {
	case KindSite:
		j = w.judgeSite(w.p.sites.At(n.site))
	case KindFailover:
		j = w.judgeFailover(n)
	case KindWeighted:
		j = w.judgeWeighted(n)
	case KindGeo:
		j = w.judgeGeo(n)
	}
	w.judged[at] = j
	w.traceLeave(step, n, j)
	return j.verdict
}

// judgeFailover takes the first that is up.
func (w *walk) judgeFailover(n *node) judgment {
	for i := range n.kids {
		if v := w.judge(n.kids[i].node); v != down {
			return w.taken(n, i, v)
		}
	}
	return judgment{}
}

// judgeGeo takes the target of the first matching rule whose target is up. A
// strict rule whose target is down ends the evaluation; if a strict rule
// within the target did so already, that one stays.
func (w *walk) judgeGeo(n *node) judgment {
	for i := range n.kids {
		k := &n.kids[i]
		if !w.matching.has(int(k.rule)) {
			w.traceNoMatch(k)
			continue
		}
		step := w.traceMatch(k)
		v := w.judge(k.node)
		if v == down && k.strict {
			w.strict, v = k.node, stop
		}
		w.traceRule(step, k, v)
		if v != down {
			w.traceNotTried(n.kids[i+1:])
			return w.taken(n, i, v)
		}
	}
	return judgment{}
}

// taken is the judgment of a node that takes its i-th target.
func (w *walk) taken(n *node, i int, v verdict) judgment {
	return judgment{verdict: v, share: w.judged[n.kids[i].node].share, pick: int32(i)}
}

// judgeWeighted judges all targets, since each that is up takes part in the
// draw. The node may have as large a share of its clients as the best of those
// to be drawn.
func (w *walk) judgeWeighted(n *node) judgment {
	var best [2]uint16 // of targets with weight 0, of those with more
	v := down
	for i := range n.kids {
		k := &n.kids[i]
		switch w.judge(k.node) {
		case stop:
			return judgment{verdict: stop}
		case up:
			v = up
			group := min(k.weight, 1)
			best[group] = max(best[group], w.judged[k.node].share)
		}
	}
	if best[1] > 0 {
		return judgment{verdict: v, share: best[1]}
	}
	return judgment{verdict: v, share: best[0]}
}

// draw returns which kid of a weighted node that is up is chosen: with the
// probability weight/sum over those that are up. Targets of weight 0 take part,
// in equal shares, only if there is no other.
func (w *walk) draw(at int32) int {
	n := &w.p.nodes[at]
	all := w.lots(n)
	var sum uint64
	var count, last int
	for i := range n.kids {
		if lot := w.lot(&n.kids[i], all); lot > 0 {
			sum += lot
			count, last = count+1, i
		}
	}
	picked := last
	if count > 1 {
		picked = w.drawLot(n, all, w.in.Draw.Uint64N(sum))
	}
	w.traceDraw(n, all, sum, picked)
	return picked
}

// drawLot returns the kid whose lots hold the drawn number.
func (w *walk) drawLot(n *node, l lots, drawn uint64) int {
	var total uint64
	for i := range n.kids {
		if total += w.lot(&n.kids[i], l); drawn < total {
			return i
		}
	}
	panic("policy: drawn number beyond the sum of the weights")
}

// lots says how the lots of a draw are counted.
type lots struct {
	zero  bool // no target of weight above 0 is up: those of 0 have one lot each
	parts bool // some target may have only a part of its clients: lots are weight × share
}

// lots returns how the lots of a weighted node that is up are counted. Shares
// count only where one of those that take part has less than its full one, so
// that otherwise the lots are the weights themselves.
func (w *walk) lots(n *node) lots {
	l := lots{zero: true}
	for i := range n.kids {
		if n.kids[i].weight > 0 && w.judged[n.kids[i].node].verdict == up {
			l.zero = false
		}
	}
	for i := range n.kids {
		if w.lot(&n.kids[i], l) > 0 && w.judged[n.kids[i].node].share != health.FullShare {
			l.parts = true
		}
	}
	return l
}

// lot returns how many lots a kid has: none if it is down.
func (w *walk) lot(k *kid, l lots) uint64 {
	j := &w.judged[k.node]
	if j.verdict != up {
		return 0
	}
	lot := uint64(k.weight)
	if l.zero {
		lot = 1
	}
	if l.parts {
		lot *= uint64(j.share)
	}
	return lot
}

// judgeSite judges a site in the family asked.
func (w *walk) judgeSite(s *Site) judgment {
	site := w.in.Health.At(s.ID)
	if !w.siteMay(site) {
		return judgment{}
	}
	var share uint16
	listed := s.lists(w.in.Family)
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if listed && !w.in.Family.has(a.Addr) {
			continue
		}
		if e := w.in.Health.At(a.ID); w.addressMay(site, e) {
			share = max(share, e.Share)
		}
	}
	switch {
	case w.manner == everything:
		return judgment{verdict: up, share: health.FullShare}
	case share == 0:
		return judgment{}
	}
	return judgment{verdict: up, share: product(site.Share, share)}
}

// lists reports whether the site has an address of the family.
func (s *Site) lists(f Family) bool {
	for i := range s.Addrs {
		if f.has(s.Addrs[i].Addr) {
			return true
		}
	}
	return false
}

// siteMay reports whether a site may be served as far as its own entry says.
func (w *walk) siteMay(e health.Entry) bool {
	switch w.manner {
	case everything:
		return true
	case ignoreChecks:
		return e.Share > 0 && e.Forced != health.ForcedDown
	}
	return e.Share > 0 && e.Forced != health.ForcedDown && (e.Up || e.Forced == health.ForcedUp)
}

// addressMay reports whether an address may be served, given the entry of its
// site: a site that is forced up overrides the checks of its addresses.
func (w *walk) addressMay(site, e health.Entry) bool {
	if w.siteMay(e) {
		return true
	}
	return site.Forced == health.ForcedUp && e.Forced != health.ForcedDown && e.Share > 0
}

// product returns the share of a share, never 0 for two that are not.
func product(a, b uint16) uint16 {
	return uint16(max(1, uint32(a)*uint32(b)/health.FullShare))
}

// appendAddrs appends the addresses of a site of the family asked that may be
// served.
func (w *walk) appendAddrs(dst []netip.Addr, s *Site) []netip.Addr {
	site := w.in.Health.At(s.ID)
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if w.in.Family.has(a.Addr) && w.addressMay(site, w.in.Health.At(a.ID)) {
			dst = append(dst, a.Addr)
		}
	}
	return dst
}
