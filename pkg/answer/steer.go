package answer

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// steer answers at a node with a STEER record: what the sites carry by the
// policy, all else by the ordinary records of the node. It returns the name
// that a CNAME of the site chosen leads to, or nil.
func (r *Responder) steer(st *State, req *Request, z *Zone, owner []byte, res zone.Result, o *Outcome) (next []byte) {
	steer, carried := &z.Steers[res.Node.Steer()], z.carried(res.Node.Steer())
	t, set := r.query.Type, res.Set
	if t == dnswire.TypeANY {
		// RFC 8482, Section 4.1: one set; the ordinary ones come first,
		// since what they say does not depend on who asks.
		if set = ordinary(res.Node, carried); set == nil {
			t = dnswire.TypeA
		}
	}
	steered := isAddress(t) || carried.Has(t)
	if !steered && set != nil {
		r.append(dnswire.Answer, owner, set, set.TTL)
		r.addAddresses(z, set)
		return nil
	}
	c := r.pick(st, req, z, res.Node.Steer(), family(t))
	o.Steer, o.SteerZone, o.LastResort = res.Node.Steer(), z, c.LastResort
	alias := carried.alias(c.Sites)
	if len(c.Sites) > 0 && (steered || alias != nil) {
		o.Site = c.Sites[0] // a site answers for what sites carry
	}
	r.ede = steeredAway(c)
	ttl := steerTTL(steer, c.Horizon)
	switch {
	case c.Action == policy.ServFail:
		r.servfail(o)
	case c.Action == policy.Addresses && len(c.Addrs) > 0:
		r.appendAddrs(owner, t, ttl, c.Addrs)
	case c.Action == policy.Fallback && set != nil:
		// Clients should come back for a steered answer as soon as one is to
		// be had: never later than they would for a steered one.
		r.append(dnswire.Answer, owner, set, min(set.TTL, ttl))
	case alias != nil && c.Action == policy.NoData:
		if r.appendCNAME(owner, alias, ttl) && r.query.Type != dnswire.TypeCNAME && r.query.Type != dnswire.TypeANY {
			return alias.First()
		}
	case carried.Has(t) && c.Action == policy.NoData && r.appendRecords(z, owner, carried, c.Sites, t, ttl):
	default:
		r.negative(z, owner, min(z.NegativeTTL, ttl))
	}
	return nil
}

// steerTTL returns the TTL of a steered answer. Where the record gives a range,
// it is the time for which no check can change the answer, within the range.
func steerTTL(s *zone.Steer, horizon uint16) uint32 {
	if s.MinTTL == s.TTL || horizon == health.NoHorizon {
		return s.TTL
	}
	return min(max(uint32(horizon), s.MinTTL), s.TTL)
}

// pick asks the policy of a STEER record.
func (r *Responder) pick(st *State, req *Request, z *Zone, steer int, f policy.Family) *policy.Choice {
	in := &r.input // in the responder, because it escapes
	in.Client, in.Family, in.Health, in.Draw, in.Trace = r.client(req), f, st.Health.Load(), r.Draw, nil
	r.trace.into(in)
	p, c := z.Policies[steer], &r.choice
	p.Pick(in, c)
	r.trace.picked(p, c)
	if r.ecs.Source > 0 {
		// The scope of a chain is the longest of its links'.
		r.ecs.Scope = max(r.ecs.Scope, c.Scope)
	}
	return c
}

// appendCNAME appends the CNAME of a site and reports whether it fitted.
func (r *Responder) appendCNAME(owner []byte, alias *dnswire.RRset, ttl uint32) bool {
	if r.msg.AppendRecord(dnswire.Answer, owner, dnswire.TypeCNAME, ttl, alias.First()) {
		return true
	}
	r.msg.Truncate()
	return false
}

func isAddress(t dnswire.Type) bool { return t == dnswire.TypeA || t == dnswire.TypeAAAA }

// ordinary returns a set of the node that steering does not replace, or nil.
func ordinary(n *zone.Node, carried *Carried) *dnswire.RRset {
	for set := range n.Sets() {
		if !isAddress(set.Type) && !carried.Has(set.Type) {
			return set
		}
	}
	return nil
}

// family returns the family in which up is judged for a question's type.
func family(t dnswire.Type) policy.Family {
	switch t {
	case dnswire.TypeA:
		return policy.V4
	case dnswire.TypeAAAA:
		return policy.V6
	}
	return policy.Other
}

// appendAddrs appends an A or AAAA record for each address.
func (r *Responder) appendAddrs(owner []byte, t dnswire.Type, ttl uint32, addrs []netip.Addr) {
	for _, a := range addrs {
		var fits bool
		if t == dnswire.TypeA {
			b := a.As4()
			fits = r.msg.AppendRecord(dnswire.Answer, owner, t, ttl, b[:])
		} else {
			b := a.As16()
			fits = r.msg.AppendRecord(dnswire.Answer, owner, t, ttl, b[:])
		}
		if !fits {
			r.msg.Truncate()
			return
		}
	}
}

// servfail empties the reply: what was found on the way is no answer.
func (r *Responder) servfail(o *Outcome) {
	o.RCode = dnswire.RCodeServFail
	r.msg.Clear()
}
