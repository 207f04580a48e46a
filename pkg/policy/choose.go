package policy

import (
	"net/netip"
	"slices"
)

// choose follows the judgments from a node that is up to the sites chosen and
// appends them with their addresses.
func (w *walk) choose(at int32) {
	n := &w.p.nodes[at]
	switch n.kind {
	case KindSite:
		w.chooseSite(n, w.judged[at].lenient)
	case KindWeighted:
		picked := w.draw(at)
		w.tell(at, picked)
		w.choose(n.kids[picked].node)
	case KindAll:
		w.tell(at, -1)
		w.chooseAll(n)
	default:
		w.tell(at, int(w.judged[at].pick))
		w.choose(n.kids[w.judged[at].pick].node)
	}
}

// chooseSite appends a site and those of its addresses of the family asked
// that are up.
func (w *walk) chooseSite(n *node, lenient bool) {
	out, s := w.out, w.p.sites.At(n.site)
	w.tellSite(n, lenient)
	out.Sites = append(out.Sites, n.site)
	site := w.in.Health.At(s.ID)
	whole := w.settled != nil && w.settled.at(n.site, w.in.Family).standing == whole
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if !w.in.Family.has(a.Addr) || !whole && !w.addressUp(s, site, w.in.Health.At(a.ID), lenient) {
			continue
		}
		out.Addrs = append(out.Addrs, a.Addr)
		out.from = append(out.from, origin{n.site, a.number})
	}
}

// origin says where an address of a Choice comes from.
type origin struct {
	site   int32
	number int32 // of the address among all
}

// chooseAll chooses all targets of a node that are up. Each address stands
// once; of more than the node's max a uniform random subset is left.
func (w *walk) chooseAll(n *node) {
	out := w.out
	out.several, w.varies = true, true
	begin := len(out.Addrs)
	w.tellWithin(1)
	for i := range n.kids {
		if w.judged[n.kids[i].node].verdict == up {
			w.choose(n.kids[i].node)
		}
	}
	w.tellWithin(-1)
	out.dropTwice(begin, w.p.sites.addrs)
	w.subset(begin, n)
}

// subset leaves a uniform random subset of the addresses from begin on: the
// first steps of a Fisher-Yates shuffle.
func (w *walk) subset(begin int, n *node) {
	out, most := w.out, n.most()
	addrs, from := out.Addrs[begin:], out.from[begin:]
	if len(addrs) <= most {
		return
	}
	w.traceSubset(n, len(addrs))
	for i := range most {
		j := i + int(w.in.Draw.Uint64N(uint64(len(addrs)-i)))
		addrs[i], addrs[j] = addrs[j], addrs[i]
		from[i], from[j] = from[j], from[i]
	}
	out.Addrs, out.from = out.Addrs[:begin+most], out.from[:begin+most]
}

// dropTwice drops addresses from begin on that stood before among them, of
// many that can be.
func (c *Choice) dropTwice(begin, many int) {
	c.mark(many)
	kept := begin
	for i := begin; i < len(c.Addrs); i++ {
		if c.seen[c.from[i].number] == c.stamp {
			continue
		}
		c.seen[c.from[i].number] = c.stamp
		c.Addrs[kept], c.from[kept] = c.Addrs[i], c.from[i]
		kept++
	}
	c.Addrs, c.from = c.Addrs[:kept], c.from[:kept]
}

// mark begins a set of numbers below many.
func (c *Choice) mark(many int) {
	if len(c.seen) < many {
		c.seen, c.stamp = make([]uint32, many), 0
	}
	if c.stamp++; c.stamp == 0 { // after 2^32 sets
		clear(c.seen)
		c.stamp = 1
	}
}

// finish settles the action, the sites and the order of the addresses.
func (w *walk) finish() {
	out := w.out
	out.Action = NoData
	if out.several {
		out.dropSites(w.p.sites.Len())
	}
	w.remember()
	out.complete(w.in.Draw)
}

// complete settles the action, and rotates the addresses.
func (c *Choice) complete(draw Draw) {
	if len(c.Addrs) == 0 {
		return
	}
	c.Action = Addresses
	if n := uint64(len(c.Addrs)); n > 1 {
		rotate(c.Addrs, int(draw.Uint64N(n)))
	}
}

// dropSites leaves each site once, and where there are addresses only those
// that have one among them.
func (c *Choice) dropSites(many int) {
	c.mark(many)
	for _, s := range c.Sites {
		if len(c.Addrs) == 0 {
			c.seen[s] = c.stamp
		}
	}
	for i := range c.from {
		c.seen[c.from[i].site] = c.stamp
	}
	kept := c.Sites[:0]
	for _, s := range c.Sites {
		if c.seen[s] == c.stamp {
			kept = append(kept, s)
			c.seen[s] = 0
		}
	}
	c.Sites = kept
}

// rotate moves the first n elements behind the others.
func rotate(a []netip.Addr, n int) {
	slices.Reverse(a[:n])
	slices.Reverse(a[n:])
	slices.Reverse(a)
}
