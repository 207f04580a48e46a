package policy

import (
	"net/netip"
	"slices"

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

	judged []judgment // scratch, by node
}

// judgment is what the evaluator found about a node.
type judgment struct {
	verdict verdict
	share   uint16 // part of its clients that the node may have, as health.Entry.Share
	pick    int32  // the kid that is up, of the kinds that take the first
}

// Pick chooses for one query. It allocates nothing when in.Trace is nil and
// out was used before. in.Draw is asked only where two or more targets or
// addresses are to be drawn from.
func (p *Policy) Pick(in *Input, out *Choice) {
	out.Sites, out.Addrs = out.Sites[:0], out.Addrs[:0]
	out.Action, out.LastResort = NoData, false
	if len(out.judged) < len(p.nodes) {
		out.judged = make([]judgment, len(p.nodes))
	}
	w := walk{p: p, in: in, judged: out.judged}
	var class uint32
	class, out.Scope = p.class(in.Client)
	w.matching = p.classes[class]
	if in.Trace != nil {
		w.matching = w.traceClient(out.Scope)
	}
	w.run(out)
	if in.Trace != nil {
		w.traceChoice(out)
	}
}

// class returns the class of a client and the length of the prefix of its
// address that lies in the class.
func (p *Policy) class(client netip.Addr) (class uint32, bits uint8) {
	if p.table == nil || !client.IsValid() {
		return p.noPlace, 0
	}
	return p.table.Lookup(client)
}

// run judges the tree and follows it to what is chosen. When nothing is up it
// does so again in the manners of last resort, if all_down says serve: for the
// strict target alone if that is what ended the evaluation.
func (w *walk) run(out *Choice) {
	root := int32(0)
	for ; w.manner <= everything; w.manner++ {
		switch w.judge(root) {
		case up:
			w.choose(root, out)
			w.finish(out)
			return
		case stop:
			root = w.strict
		}
		if w.manner == byHealth {
			out.LastResort = true
			if out.Action = w.p.spec.AllDown.action(); out.Action != Addresses {
				return
			}
		}
		w.traceManner(root)
	}
	out.Action = NoData
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

// choose follows the judgments from a node that is up to the sites chosen and
// appends them with their addresses.
func (w *walk) choose(at int32, out *Choice) {
	n := &w.p.nodes[at]
	switch n.kind {
	case KindSite:
		out.Sites = append(out.Sites, n.site)
		out.Addrs = w.appendAddrs(out.Addrs, w.p.sites.At(n.site))
	case KindWeighted:
		w.choose(n.kids[w.draw(at)].node, out)
	default:
		w.choose(n.kids[w.judged[at].pick].node, out)
	}
}

// finish settles the action and the order of the addresses.
func (w *walk) finish(out *Choice) {
	out.Action = NoData
	if len(out.Addrs) == 0 {
		return
	}
	out.Action = Addresses
	if n := uint64(len(out.Addrs)); n > 1 {
		rotate(out.Addrs, int(w.in.Draw.Uint64N(n)))
	}
}

// rotate moves the first n elements behind the others.
func rotate(a []netip.Addr, n int) {
	slices.Reverse(a[:n])
	slices.Reverse(a[n:])
	slices.Reverse(a)
}
