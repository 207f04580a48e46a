package policy

import "net/netip"

// memo remembers what was chosen in one snapshot for classes of clients, where
// that is the same for each client of a class and nothing is drawn: one site,
// with at most as many addresses as fit. Most answers by place are that, and
// remembered they cost one cache line in place of a walk through the tree.
//
// It is safe for the reasons given at settled, to which it belongs. A class
// stands for its policy: it is an element of one.
type memo [memoSize]remembered

const (
	memoSize  = 256 // of 64 octets each
	memoAddrs = 2
	// memoAfter is how often one snapshot is asked before a memo is made: a
	// Choice for a few questions does without.
	memoAfter = 32
)

// remembered is one choice. Its addresses are in the order of before they are
// rotated.
type remembered struct {
	class   *class // nil: nothing is remembered here
	site    int32
	horizon uint16
	family  Family
	count   uint8
	addrs   [memoAddrs]netip.Addr
}

// place returns where the choice for the n-th class of a policy is remembered.
// Two that share a place displace each other.
func (m *memo) place(p *Policy, n uint32, f Family) *remembered {
	return &m[(p.salt+3*n+uint32(f))%memoSize]
}

// recall takes over what is remembered for a class, with a prefix of so many
// bits, and reports whether anything is.
func (c *Choice) recall(r *remembered, of *class, bits uint8, in *Input) bool {
	if r.class != of || r.family != in.Family {
		return false
	}
	c.Action, c.LastResort, c.Horizon, c.Scope = NoData, false, r.horizon, bits
	c.Sites = append(c.Sites[:0], r.site)
	c.Addrs, c.from = append(c.Addrs[:0], r.addrs[:r.count]...), c.from[:0]
	c.complete(in.Draw)
	return true
}

// remember keeps what was chosen, before addresses are rotated.
func (w *walk) remember() {
	out := w.out
	if w.memo == nil || w.hashed || w.varies || w.manner != byHealth || len(out.Sites) != 1 || len(out.Addrs) > memoAddrs {
		return
	}
	*w.memo = remembered{class: w.class, site: out.Sites[0], horizon: out.Horizon, family: w.in.Family, count: uint8(len(out.Addrs))}
	copy(w.memo.addrs[:], out.Addrs)
}
