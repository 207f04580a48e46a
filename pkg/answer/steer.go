package answer

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// steer answers at a node with a STEER record: addresses by the policy, other
// types by the ordinary records of the node.
func (r *Responder) steer(st *State, req Request, z *Zone, owner []byte, res zone.Result, o *Outcome) {
	q := &r.query
	steer := &z.Steers[res.Node.Steer()]
	t, set := q.Type, res.Set
	if t == dnswire.TypeANY {
		// RFC 8482, Section 4.1: one set; the ordinary ones come first,
		// since what they say does not depend on who asks.
		if set = ordinary(res.Node); set == nil {
			t = dnswire.TypeA
		}
	}
	if t != dnswire.TypeA && t != dnswire.TypeAAAA && set != nil {
		r.append(dnswire.Answer, owner, set, set.TTL)
		r.addAddresses(z, set)
		return
	}
	in := &r.input // in the responder, because it escapes
	*in = policy.Input{Client: r.client(req), Family: family(t), Health: st.Health.Load(), Draw: r.Draw}
	r.trace.into(in)
	p, c := z.Policies[res.Node.Steer()], &r.choice
	p.Pick(in, c)
	r.trace.picked(p, c)
	if r.ecs.Source > 0 {
		// The scope of a chain is the longest of its links'.
		r.ecs.Scope = max(r.ecs.Scope, c.Scope)
	}
	o.Steer, o.SteerZone, o.LastResort = res.Node.Steer(), z, c.LastResort
	if len(c.Sites) > 0 && in.Family != policy.Other {
		o.Site = c.Sites[0] // a site answers for addresses alone
	}
	switch {
	case c.Action == policy.ServFail:
		r.servfail(o)
	case c.Action == policy.Addresses && len(c.Addrs) > 0:
		r.appendAddrs(owner, t, steer.TTL, c.Addrs)
	case c.Action == policy.Fallback && set != nil:
		// Clients should come back for a steered answer as soon as one is to
		// be had: never later than they would for a steered one.
		r.append(dnswire.Answer, owner, set, min(set.TTL, steer.TTL))
	default:
		r.negative(z, owner, min(z.NegativeTTL, steer.TTL))
	}
}

// ordinary returns a set of the node that steering does not replace, or nil.
func ordinary(n *zone.Node) *dnswire.RRset {
	for set := range n.Sets() {
		if set.Type != dnswire.TypeA && set.Type != dnswire.TypeAAAA {
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
