package answer

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// maxLinks bounds a chain of CNAME and DNAME records. BIND stops after 16.
const maxLinks = 16

// chain holds the names of the links followed so far, so that a loop ends.
type chain struct {
	lower [maxLinks + 1][dnswire.MaxName]byte // lower case, for look-ups
	exact [maxLinks + 1][dnswire.MaxName]byte // case as it stands in the records
	size  [maxLinks + 1]int
	n     int
	// dnames are the DNAME sets in the reply; a chain may use one repeatedly.
	dnames    [maxLinks + 2]*dnswire.RRset
	numDNAMEs int
}

// reset empties the chain, and lets go of the zone of the last reply.
func (c *chain) reset() {
	clear(c.dnames[:c.numDNAMEs])
	c.n, c.numDNAMEs = 0, 0
}

// isNew reports whether a DNAME set is not in the reply yet, and notes it.
func (c *chain) isNew(set *dnswire.RRset) bool {
	if slices.Contains(c.dnames[:c.numDNAMEs], set) {
		return false
	}
	c.dnames[c.numDNAMEs] = set
	c.numDNAMEs++
	return true
}

// add appends a name and reports whether it is a new one and fits.
func (c *chain) add(name []byte) bool {
	if c.n > maxLinks {
		return false
	}
	copy(c.exact[c.n][:], name)
	lower := dnswire.AppendLower(c.lower[c.n][:0], name)
	for i := range c.n {
		if string(c.lower[i][:c.size[i]]) == string(lower) {
			return false
		}
	}
	c.size[c.n] = len(name)
	c.n++
	return true
}

// last returns the newest name as it was written and in lower case.
func (c *chain) last() (exact, lower []byte) {
	i := c.n - 1
	return c.exact[i][:c.size[i]], c.lower[i][:c.size[i]]
}

// resolve is RFC 1034, Section 4.3.2 from step 2 on, with RFC 4592 and RFC
// 6672: it looks the name up, appends what the outcome calls for and starts
// again at the target of a CNAME or DNAME as long as a zone here holds it. res is
// what the look-up of the question has found.
func (r *Responder) resolve(st *State, req *Request, o *Outcome, res zone.Result) {
	z := o.Zone
	owner, lower := r.query.Name, r.query.Lower
	r.chain.reset()
	for {
		r.trace.lookup(z, lower, res)
		if r.chain.n == 0 {
			// RFC 1035, Section 4.1.1: AA belongs to the first owner name.
			r.msg.SetAA(res.Outcome != zone.Delegation)
			if res.Wildcard || res.Outcome == zone.Delegation {
				o.Covers = res.Node
			}
		}
		var next []byte
		switch res.Outcome {
		case zone.Answer:
			if res.Set.Type == dnswire.TypeDNAME && !res.Wildcard && !r.chain.isNew(res.Set) {
				return // it led here
			}
			r.append(dnswire.Answer, owner, res.Set, res.Set.TTL)
			r.addAddresses(z, res.Set)
			return
		case zone.NoData:
			if r.query.Type == dnswire.TypeANY && r.any(z, owner, res.Node) {
				return
			}
			r.negative(z, owner, z.NegativeTTL)
			return
		case zone.NXDomain:
			// RFC 6604, Section 3: the code speaks of the last name.
			o.RCode = dnswire.RCodeNXDomain
			r.negative(z, owner, z.NegativeTTL)
			return
		case zone.Delegation:
			r.referral(z, owner, res)
			return
		case zone.Steered:
			if next = r.steer(st, req, z, owner, res, o); next == nil {
				return
			}
		case zone.CNAME:
			if !r.append(dnswire.Answer, owner, res.Set, res.Set.TTL) || r.query.Type == dnswire.TypeANY {
				return
			}
			next = res.Set.First()
		case zone.DNAME:
			if next = r.dname(owner, res, o); next == nil || r.query.Type == dnswire.TypeCNAME {
				return // the CNAME is what was asked for
			}
		}
		if r.chain.n == 0 {
			r.chain.add(owner)
		}
		if !r.chain.add(next) {
			return // a loop, or too long: what was found so far
		}
		owner, lower = r.chain.last()
		following := st.Zones.Number(lower, r.query.Type)
		if following == zone.None {
			return // leads elsewhere; the resolver goes on there
		}
		z = st.Bound[following]
		res = z.Lookup(lower, r.query.Type)
	}
}

// append adds a set to the reply and sets TC if it does not fit; it reports
// whether it did. What comes after it must not be sent then.
func (r *Responder) append(s dnswire.Section, owner []byte, set *dnswire.RRset, ttl uint32) bool {
	if r.msg.Append(s, owner, set, ttl) {
		return true
	}
	r.msg.Truncate()
	return false
}

// any answers a question for all types with one set of the node (RFC 8482,
// Section 4.1): a subset, so that the reply is never larger than an ordinary one.
func (r *Responder) any(z *Zone, owner []byte, n *zone.Node) bool {
	for set := range n.Sets() {
		return r.append(dnswire.Answer, owner, set, set.TTL)
	}
	return false
}

// negative appends the zone's SOA with the TTL of a negative answer
// (RFC 2308, Section 3).
func (r *Responder) negative(z *Zone, owner []byte, ttl uint32) {
	if soa := z.RelativeSOA(); soa != nil && r.chain.n == 0 {
		// The owner is the question's name.
		if !r.msg.AppendRelative(dnswire.Authority, len(owner)-len(z.Origin), dnswire.TypeSOA, ttl, soa) {
			r.msg.Truncate()
		}
		return
	}
	r.append(dnswire.Authority, suffix(owner, z.Origin), z.SOA, ttl)
}

// suffix returns the end of name that is ancestor, in the letter case of name:
// it needs no memory and compresses to a pointer.
func suffix(name []byte, ancestor dnswire.Name) []byte {
	return name[len(name)-len(ancestor):]
}

// dname appends the DNAME and the CNAME that it implies (RFC 6672, Section
// 3.1) and returns the new name; nil ends the chain.
func (r *Responder) dname(owner []byte, res zone.Result, o *Outcome) []byte {
	from := suffix(owner, res.Node.Name)
	prefix := owner[:len(owner)-len(from)]
	if r.chain.isNew(res.Set) && !r.append(dnswire.Answer, from, res.Set, res.Set.TTL) {
		return nil
	}
	target := res.Set.First()
	if len(prefix)+len(target) > dnswire.MaxName {
		o.RCode = dnswire.RCodeYXDomain // RFC 6672, Section 2.2
		return nil
	}
	name := append(append(r.lower[:0], prefix...), target...)
	if !r.msg.AppendRecord(dnswire.Answer, owner, dnswire.TypeCNAME, res.Set.TTL, name) {
		r.msg.Truncate()
		return nil
	}
	return name
}
