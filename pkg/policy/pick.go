package policy

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Family is the kind of address that a query asks for.
type Family uint8

// The families. A site that lists no address of the family asked is judged by
// its others, and Other by all.
const (
	V4    Family = iota // A
	V6                  // AAAA
	Other               // any other type
)

// String returns "IPv4", "IPv6" or "other".
func (f Family) String() string {
	switch f {
	case V4:
		return "IPv4"
	case V6:
		return "IPv6"
	}
	return "other"
}

// has reports whether a is an address of the family.
func (f Family) has(a netip.Addr) bool {
	switch f {
	case V4:
		return a.Is4()
	case V6:
		return a.Is6()
	}
	return false
}

// Draw is a source of random numbers. A *rand.Rand of math/rand/v2 is one.
type Draw interface {
	// Uint64N returns a uniform number in [0, n); n is never 0.
	Uint64N(n uint64) uint64
}

// Input is what one choice depends on.
type Input struct {
	Client netip.Addr       // invalid: a client without a place
	Family Family           // what is asked for
	Health *health.Snapshot // by the numbers of the policy's Sites; nil: all is up
	Draw   Draw             // required
	Trace  *Trace           // filled if not nil
}

// Action says what kind of answer was chosen.
type Action uint8

// The actions.
const (
	Addresses Action = iota // those in Choice.Addrs
	NoData                  // no record of the family; Choice.Sites says whose, if anybody's
	Fallback                // the ordinary records at the name
	ServFail                // the error SERVFAIL
)

// String returns "addresses", "nodata", "fallback" or "servfail".
func (a Action) String() string {
	switch a {
	case Addresses:
		return "addresses"
	case NoData:
		return "nodata"
	case Fallback:
		return "fallback"
	case ServFail:
		return "servfail"
	}
	return "unknown"
}

// Choice is what Pick chose. Its zero value is ready for use; used again, it
// saves allocations. The slices belong to it and hold until the next Pick.
type Choice struct {
	Action     Action
	Sites      []int32      // indices into Sites of those chosen, in order
	Addrs      []netip.Addr // to be answered, in order; empty unless Action is Addresses
	Scope      uint8        // length of the client's prefix for which the decision holds; 0: for all
	LastResort bool         // nothing was up; all_down spoke
	Horizon    uint16       // seconds for which no check can change the choice, as health.Entry has it

	judged  []judgment // scratch, by node
	from    []origin   // of Addrs, before they are rotated; empty if they were remembered
	several bool       // an all policy was chosen from
	seen    []uint32   // scratch: numbers that are in the set that stamp names
	stamp   uint32
	hashIn  []byte // scratch
	settled settled
	spill   spill
}

// judgment is what the evaluator found about a node.
type judgment struct {
	verdict verdict
	lenient bool  // of a site: up whatever its checks say
	second  bool  // the trickle has the second choice for the client
	pick    int32 // the kid that is taken, of the kinds that take one
}

// Pick chooses for one query. It allocates nothing when in.Trace is nil and
// out was used before. in.Draw is asked only where two or more targets or
// addresses are to be drawn from.
func (p *Policy) Pick(in *Input, out *Choice) {
	s, div := out.settled.of(in.Health, p.sites), &p.plain
	if !s.calm {
		div = p.division(in.Health)
	}
	n, bits := div.lookup(in.Client)
	w := walk{p: p, in: in, out: out, class: &div.classes[n]}
	if in.Trace != nil {
		w.trace(bits)
		return
	}
	if s.memo != nil && s.steady && !p.draws() {
		w.memo = s.memo.place(p, n, in.Family)
		if out.recall(w.memo, w.class, bits, in) {
			return
		}
	}
	w.pick(bits)
}

// draws reports whether a choice is mostly drawn, so that it is not worth
// looking whether it was remembered.
func (p *Policy) draws() bool {
	k := p.nodes[0].kind
	return k == KindWeighted || k == KindAll
}

// division returns the classes of clients that count in a state of health.
func (p *Policy) division(snap *health.Snapshot) *classing {
	if p.fine != nil && p.touched(snap) {
		return p.fine
	}
	return &p.plain
}

// pick is Pick for a client of a class, which holds for a prefix of its address
// of so many bits.
func (w *walk) pick(bits uint8) {
	out := w.out
	out.Sites, out.Addrs, out.from = out.Sites[:0], out.Addrs[:0], out.from[:0]
	out.Action, out.LastResort, out.several = NoData, false, false
	out.Horizon = health.NoHorizon
	if len(out.judged) < len(w.p.nodes) {
		out.judged = make([]judgment, len(w.p.nodes))
	}
	w.judged, w.hashed = out.judged, w.class.hashed
	w.run()
	out.Scope = bits
	if w.hashed {
		out.Scope = max(bits, blockBits(w.in.Client))
	}
}

// run decides and completes the answer.
func (w *walk) run() {
	w.out.spill.gone = w.out.spill.gone[:0]
	if w.decide() {
		w.finish()
	}
}

// decide judges the tree and follows it to what is chosen, and reports whether
// that is for sites to answer. When nothing is up it
// does so again in the other manners: with what works but is held back or open
// to other clients, since it is better than what does not; and, if all_down
// says serve, those of last resort, then for the strict target alone if that
// is what ended the evaluation.
func (w *walk) decide() bool {
	if w.in.Trace == nil { // an account goes through everything
		w.settled = w.out.settled.of(w.in.Health, w.p.sites)
	}
	root, done := w.try(0)
	if done && w.in.Health.Spilling() {
		w.spillOver()
	}
	if !done && w.barred {
		w.manner = allThatWorks
		w.traceManner(0)
		root, done = w.try(0)
	}
	if done {
		return true
	}
	w.out.LastResort = true
	if w.out.Action = w.p.spec.AllDown.action(); w.out.Action != Addresses {
		return false
	}
	for w.manner = ignoreChecks; w.manner <= everything; w.manner++ {
		w.traceManner(root)
		if root, done = w.try(root); done {
			return true
		}
	}
	w.out.Action = NoData
	return false
}

// try judges from a root and chooses if it is up. Otherwise it returns the
// root to go on with.
func (w *walk) try(root int32) (next int32, done bool) {
	switch w.judge(root) {
	case up:
		w.follow(root)
		return root, true
	case stop:
		w.tellStrict()
		return w.strict, false
	}
	return root, false
}

// action returns what is answered instead of a last resort, or Addresses.
func (a AllDown) action() Action {
	switch a {
	case ServeFallback:
		return Fallback
	case ServeNoData:
		return NoData
	case ServeServFail:
		return ServFail
	}
	return Addresses
}
