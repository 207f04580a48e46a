package policy

import (
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
	byHealth     manner = iota // checks, force, drain and shares
	allThatWorks               // also what is held back, and what is open to a part of the clients only
	ignoreChecks               // last resort: force down and drain are honoured
	everything                 // nothing is left even so: all are up
)

// walk is one evaluation. Judging needs no draw and visits each node at most
// once a manner; choosing then follows one path, or several of an all.
type walk struct {
	p       *Policy
	in      *Input
	out     *Choice
	class   *class     // rules and orders of the client
	judged  []judgment // by node; of a node judged in this manner alone
	manner  manner
	lenient int      // above 0: below a target that is forced up, checks do not count
	barred  bool     // something was down only because it is held back, or open to other clients
	hashed  bool     // the choice depends on the client's network
	strict  int32    // target of the strict rule that ended the evaluation
	depth   int      // of the trace
	client  client   // of the trace
	forks   *forks   // of Odds: decides in place of draws among weighted targets
	reached []bool   // of Unreached: by rule
	settled *settled // what is remembered of sites; nil: nothing

	memo   *remembered // for the choice; nil: it is not to be remembered
	varies bool        // it may be another one for the next client of the class
}

// lastResort reports whether the manner is one in which all counts as up.
func (w *walk) lastResort() bool { return w.manner >= ignoreChecks }

// count returns how many candidates a node has for a class.
func (n *node) count(of *class) int {
	if n.kind == KindNearest {
		return len(of.orders[n.near])
	}
	return len(n.kids)
}

// candidate returns the kid that is tried j-th.
func (n *node) candidate(of *class, j int) int {
	if n.kind == KindNearest {
		return int(of.orders[n.near][j])
	}
	return j
}

// most returns how many addresses an all node answers at most.
func (n *node) most() int {
	if n.spec.Max > 0 {
		return n.spec.Max
	}
	return DefaultMax
}

// needs returns how many kids must be up. In a last resort any will do: there
// is nothing better to leave room for.
func (w *walk) needs(n *node) int {
	if w.lastResort() {
		return 1
	}
	return max(1, n.spec.MinHealthy)
}

// judge judges a node and what is below it, as far as that matters.
func (w *walk) judge(at int32) verdict {
	n := &w.p.nodes[at]
	step := w.traceEnter(n)
	var j judgment
	switch n.kind {
	case KindSite:
		w.varies = true // it is not settled
		j = w.judgeSite(n, w.p.sites.At(n.site))
	case KindFailover, KindNearest:
		j = w.judgeFirst(n)
	case KindWeighted, KindAll:
		j = w.judgeAll(n)
	case KindGeo:
		j = w.judgeGeo(n)
	}
	w.judged[at] = j
	w.traceLeave(step, n, j)
	return j.verdict
}

// kid judges one target of a node. The operator may have decided about it, in
// this policy alone.
func (w *walk) kid(n *node, i int) verdict {
	k := &n.kids[i]
	if k.target == noTarget || w.manner == everything || w.settled != nil && w.settled.calm {
		if w.settled != nil && k.site != noSite {
			if v, ok := w.quick(k.node, k.site); ok {
				return v
			}
		}
		return w.judge(k.node)
	}
	e := w.consult(k.target)
	if !w.mayBeServed(e, k.name) {
		w.judged[k.node] = judgment{}
		w.traceOverridden(n, i, e)
		return down
	}
	if e.Forced != health.ForcedUp {
		return w.judge(k.node)
	}
	w.lenient++
	v := w.judge(k.node)
	w.lenient--
	return v
}

// judgeFirst takes the first that is up. With a trickle some clients have the
// next one. The targets after the first are judged only where they count for
// min_healthy or the trickle; what is strict in them ends nothing, since the
// evaluation is not there.
func (w *walk) judgeFirst(n *node) judgment {
	first, second, healthy := -1, -1, 0
	need := w.needs(n)
	looking := false
	for j := range n.count(w.class) {
		i := n.candidate(w.class, j)
		switch v := w.kid(n, i); {
		case v == stop && first < 0:
			return judgment{verdict: stop, pick: int32(i)}
		case v == stop:
			looking = false
		case v == up && first < 0:
			first, healthy = i, 1
			looking = j+1 < n.count(w.class) && w.trickles(n)
		case v == up:
			healthy++
			if looking && second < 0 {
				second = i
			}
		}
		if first >= 0 && healthy >= need && (!looking || second >= 0) {
			break
		}
	}
	switch {
	case healthy < need:
		return judgment{}
	case second >= 0:
		return judgment{verdict: up, pick: int32(second), second: true}
	}
	return judgment{verdict: up, pick: int32(first)}
}

// trickles reports whether the client is one of those that a failover node
// sends to its second choice.
func (w *walk) trickles(n *node) bool {
	w.varies = w.varies || n.trickle > 0
	return n.trickle > 0 && !w.lastResort() && w.place16(forTrickle, n.name) < n.trickle
}

// judgeGeo takes the target of the first matching rule whose target is up. A
// strict rule whose target is down ends the evaluation; if a strict rule
// within the target did so already, that one stays.
func (w *walk) judgeGeo(n *node) judgment {
	for i := range n.kids {
		k := &n.kids[i]
		if !w.class.rules.has(int(k.rule)) {
			w.traceNoMatch(k)
			continue
		}
		if w.reached != nil {
			w.reached[k.rule] = true
		}
		step := w.traceMatch(k)
		v := w.kid(n, i)
		if v == down && k.strict {
			w.strict, v = k.node, stop
		}
		w.traceRule(step, k, v)
		if v != down {
			w.traceNotTried(n.kids[i+1:])
			return judgment{verdict: v, pick: int32(i)}
		}
	}
	return judgment{}
}

// judgeAll judges all targets, since each that is up may be served.
func (w *walk) judgeAll(n *node) judgment {
	healthy := 0
	for i := range n.kids {
		switch w.kid(n, i) {
		case stop:
			return judgment{verdict: stop, pick: int32(i)}
		case up:
			healthy++
		}
	}
	if healthy < w.needs(n) {
		return judgment{}
	}
	return judgment{verdict: up}
}
