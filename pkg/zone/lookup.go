package zone

import "github.com/geodns-vipd/geodns/pkg/dnswire"

// Outcome says how a name and a type are answered.
type Outcome uint8

const (
	// NXDomain: the name does not exist and no wildcard stands in for it.
	NXDomain Outcome = iota
	// Answer: Result.Set is the answer.
	Answer
	// NoData: the name exists, without records of the type.
	NoData
	// Delegation: the name is at or below a zone cut; Result.Set are its NS
	// records.
	Delegation
	// CNAME: the name is an alias; Result.Set is the CNAME.
	CNAME
	// DNAME: the name is below the owner of a DNAME; Result.Set is the DNAME.
	DNAME
	// Steered: a policy answers; Result.Set is the ordinary set of the type at
	// the name, or nil.
	Steered
)

var outcomeNames = [...]string{"NXDOMAIN", "answer", "NODATA", "delegation", "CNAME", "DNAME", "steered"}

// String returns the outcome in the words of the trade.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

// Result is what a look-up found. It has four fields, so that the compiler keeps
// it in registers; of more, each return writes them to memory and waits to have
// them back.
type Result struct {
	Match
	// Node is the node that matched: the name's own, the wildcard's, that of the
	// zone cut or of the owner of the DNAME; nil for NXDomain.
	Node *Node
	// Set is the answer, the CNAME, the DNAME or the NS set at the cut; nil
	// otherwise, and for a steered name without records of the type.
	Set *dnswire.RRset
	// Encloser is the offset in the name of the closest encloser: the longest
	// ancestor that exists, 0 if that is the name itself. For Delegation and
	// DNAME it is the offset of Node's name.
	Encloser int
}

// Match is how a name matched.
type Match struct {
	Outcome Outcome
	// Wildcard is true if Node is a wildcard that stands in for the name (RFC
	// 4592, Section 3.3.1).
	Wildcard bool
}

// Lookup finds what answers a question for name, an uncompressed wire-form name
// in lower case at or below the origin, and type t. It follows RFC 1034,
// Section 4.3.2, step 3, with RFC 4592 for wildcards, RFC 6672 for DNAME and RFC
// 4035, Section 3.1.4.1 for DS: at a zone cut DS is the parent's. It makes no
// garbage and one or two look-ups by hash for most names, never more than
// eight, whatever the size of the zone.
//
// For type ANY, Set is nil and the outcome NoData unless something else than
// data is at the name; the caller chooses among Node.Sets.
func (z *Zone) Lookup(name []byte, t dnswire.Type) Result {
	return z.lookup(name, t, z.find(name))
}

// LookupFound is Lookup of a name of which an [Ahead] has found f, with z the zone
// of that number.
func (z *Zone) LookupFound(name []byte, t dnswire.Type, f Found) Result {
	n := f.node
	if n != nil && string(n.Name) != string(name) {
		n = z.find(name) // another name has the same hash
	}
	return z.lookup(name, t, n)
}

// lookup is Lookup with the node of the name, nil if it has none.
func (z *Zone) lookup(name []byte, t dnswire.Type, n *Node) Result {
	if n != nil {
		switch more := n.more; {
		case more == nil:
			return n.data(t)
		case more.above != nil:
			return more.above.redirect(name)
		default:
			return n.answer(t)
		}
	}
	encloser, at := z.encloser(name)
	if encloser == nil {
		return Result{} // not in the zone; a caller's mistake
	}
	switch more := encloser.rest(); {
	case more.above != nil:
		return more.above.redirect(name)
	case more.role != plain:
		return encloser.redirect(name)
	case more.wild != nil:
		r := more.wild.data(t)
		r.Wildcard = true
		r.Encloser = at
		return r
	}
	return Result{Encloser: at}
}

// Glue returns the address sets at the name, also below a zone cut, or those of
// the wildcard that stands in for it, as Knot and NSD do; nil if there are none.
// A steered name has none: who may have which address is for its policy to say.
// The name is as for Lookup, but may be outside the zone.
func (z *Zone) Glue(name []byte) (a, aaaa *dnswire.RRset) {
	n := z.find(name)
	if n == nil {
		if n = z.wildcard(name); n == nil {
			return nil, nil
		}
	}
	if more := n.rest(); more.steer > 0 && more.above == nil {
		return nil, nil
	}
	return n.Set(dnswire.TypeA), n.Set(dnswire.TypeAAAA)
}

// wildcard returns the wildcard that stands in for a name that does not exist,
// also below a zone cut; nil if there is none or a DNAME renames the name.
func (z *Zone) wildcard(name []byte) *Node {
	at := len(name) - len(z.Origin)
	if at <= 0 || string(name[at:]) != string(z.Origin) {
		return nil
	}
	encloser, _ := z.encloser(name)
	if encloser == nil {
		return nil
	}
	more := encloser.rest()
	if more.role == dnameHere || more.above != nil && more.above.rest().role == dnameHere {
		return nil
	}
	return more.wild
}

// answer is the part of the look-up at a node that matched.
func (n *Node) answer(t dnswire.Type) Result {
	if n.rest().role == cut && t != dnswire.TypeDS {
		return Result{Match: Match{Outcome: Delegation}, Node: n, Set: n.Set(dnswire.TypeNS)}
	}
	return n.data(t)
}

// data is the answer by the records of a node, whatever it is to others.
func (n *Node) data(t dnswire.Type) Result {
	set := n.Set(t)
	if n.more != nil && n.more.steer > 0 {
		return Result{Match: Match{Outcome: Steered}, Node: n, Set: set}
	}
	if set != nil {
		return Result{Match: Match{Outcome: Answer}, Node: n, Set: set}
	}
	if alias := n.Set(dnswire.TypeCNAME); alias != nil {
		return Result{Match: Match{Outcome: CNAME}, Node: n, Set: alias}
	}
	return Result{Match: Match{Outcome: NoData}, Node: n}
}

// redirect is the answer for a name below n, a zone cut or owner of a DNAME.
func (n *Node) redirect(name []byte) Result {
	r := Result{Match: Match{Outcome: DNAME}, Node: n, Encloser: len(name) - len(n.Name)}
	if n.rest().role == cut {
		r.Outcome = Delegation
		r.Set = n.Set(dnswire.TypeNS)
	} else {
		r.Set = n.Set(dnswire.TypeDNAME)
	}
	return r
}

// maxLabels is the number of labels of the longest name, 127.
const maxLabels = (dnswire.MaxName - 1) / 2

// encloser returns the closest encloser of name, which does not exist itself,
// and its offset in name (RFC 4592, Section 3.3.1). Since every ancestor of a
// name that exists has a node, those that exist are found by halving, and a
// name of 127 labels costs seven look-ups and not 127.
func (z *Zone) encloser(name []byte) (*Node, int) {
	apex := len(name) - len(z.Origin)
	if apex <= 0 {
		return nil, 0
	}
	// Most names that do not exist are one label below one that does.
	if at := 1 + int(name[0]); at <= apex {
		if n := z.find(name[at:]); n != nil {
			return n, at
		}
	}
	var starts [maxLabels]uint8 // of the labels below the apex, first to last
	labels := 0
	for at := 0; at < apex && labels < maxLabels; at += 1 + int(name[at]) {
		starts[labels] = uint8(at)
		labels++
	}
	// The first two are known not to exist, and nothing is deeper than depth;
	// the apex, which is after the last, exists.
	found, at := z.apex, apex
	low, high := min(max(2, labels-z.depth), labels), labels
	for low < high {
		mid := (low + high) / 2
		start := int(starts[mid])
		if n := z.find(name[start:]); n != nil {
			found, at, high = n, start, mid
		} else {
			low = mid + 1
		}
	}
	return found, at
}
