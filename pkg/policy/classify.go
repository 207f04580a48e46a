package policy

import (
	"encoding/binary"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// class is what makes clients differ: which rules match them, and in which
// order each nearest policy has its targets. Of clients with one decision it
// is that of some of them, which comes to the same choices.
type class struct {
	rules  bitset
	orders [][]uint16 // by Policy.near: kids, the candidates alone
	hashed bool       // the decision asks for the client's network
}

// classing is a division of all clients into classes.
type classing struct {
	table   *geo.Table // address to class; nil if the client does not matter
	classes []class
	noPlace uint32  // class of a client without an address
	kinds   []class // the different sets of rules that match anybody, each with the orders of one of those
}

// lookup returns the number of the class of a client and the length of the
// prefix of its address that lies in the class.
func (c *classing) lookup(client netip.Addr) (n uint32, bits uint8) {
	if c.table != nil && client.IsValid() {
		return c.table.Lookup(client)
	}
	return c.noPlace, 0
}

// classify gives every address its class: rules and orders that lead to the
// same decision are not told apart. That makes the ranges of the table, and
// with them the scope of answers, as wide as is true.
//
// While a target of a policy is overridden, the same sites in the same order
// need not be the same decision any more: they may stand in two policies, of
// which one has the override. Where that can be, there is a finer division for
// that time.
func (c *Compiler) classify(p *Policy) {
	k := newClassifier(c, p, false)
	p.plain = k.run()
	if k.coarse {
		fine := newClassifier(c, p, true).run()
		p.fine = &fine
	}
}

// classifier hands out class numbers.
type classifier struct {
	c          *Compiler
	p          *Policy
	fine       bool
	out        classing
	byClient   map[string]uint32 // by matching rules and orders
	byDecision map[string]uint32 // by the canonical form of the decision
	fineOf     map[uint32]string // by class: its fine decision
	coarse     bool              // a class has several fine decisions
	kinds      map[string]bool   // sets of rules that were met
	scratch    []byte
	orders     [][]uint16
}

func newClassifier(c *Compiler, p *Policy, fine bool) *classifier {
	return &classifier{c: c, p: p, fine: fine, orders: make([][]uint16, len(p.near)),
		byClient: map[string]uint32{}, byDecision: map[string]uint32{}, fineOf: map[uint32]string{}, kinds: map[string]bool{}}
}

func (k *classifier) run() classing {
	k.out.noPlace = k.class(&geo.Place{}, nil)
	if k.p.conditional() {
		k.out.table = k.c.share(geo.Compile(k.c.index, k.p.cidrs, k.class))
	}
	return k.out
}

// class is the geo.Classifier of the policy.
func (k *classifier) class(place *geo.Place, cidrs []int) uint32 {
	k.note(client{place, cidrs})
	if n, ok := k.byClient[string(k.scratch)]; ok {
		return n
	}
	of := k.p.classOf(client{place, cidrs}, k.orders)
	if rules := string(k.scratch[:(len(k.p.rules)+7)/8]); !k.kinds[rules] && !k.fine {
		k.kinds[rules] = true
		k.out.kinds = append(k.out.kinds, of)
	}
	d := k.p.decide(&of, k.fine)
	of.hashed = d.hashed
	n, ok := k.byDecision[string(d.form)]
	if !ok {
		n = uint32(len(k.out.classes))
		k.byDecision[string(d.form)] = n
		k.out.classes = append(k.out.classes, of)
	}
	if !k.fine && len(k.p.targets) > 0 {
		fine := string(k.p.decide(&of, true).form)
		if !ok {
			k.fineOf[n] = fine
		}
		k.coarse = k.coarse || k.fineOf[n] != fine
	}
	k.byClient[string(k.scratch)] = n
	return n
}

// note writes down all that the tree can ask of a client.
func (k *classifier) note(c client) {
	k.scratch = append(k.scratch[:0], make([]byte, (len(k.p.rules)+7)/8)...)
	for i := range k.p.rules {
		if k.p.rules[i].matches(c) {
			k.scratch[i/8] |= 1 << (i % 8)
		}
	}
	if len(k.p.near) == 0 {
		return
	}
	at := k.c.distances.from(c.place)
	for i := range k.p.near {
		k.orders[i] = k.p.near[i].order(k.orders[i][:0], k.p.sites, at)
		for _, kid := range k.orders[i] {
			k.scratch = binary.BigEndian.AppendUint16(k.scratch, kid)
		}
	}
}

// classOf returns the class of a client, given its orders, which are copied.
func (p *Policy) classOf(c client, orders [][]uint16) class {
	of := class{rules: p.matching(c)}
	for _, o := range orders {
		of.orders = append(of.orders, append([]uint16(nil), o...))
	}
	return of
}

// matching returns the set of rules that match a client.
func (p *Policy) matching(c client) bitset {
	var out bitset
	for i := range p.rules {
		if p.rules[i].matches(c) {
			out = out.with(i)
		}
	}
	return out
}
