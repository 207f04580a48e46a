package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Part is how likely a site is to serve a client.
type Part struct {
	Site int32 // index into Sites, or [Nobody]
	Part float64
}

// Nobody is the Part.Site of answers that name no site.
const Nobody int32 = -1

// Outlook is what a client may expect of many queries: its parts are sorted by
// site and sum to 1. Of an answer with addresses of several sites each address
// counts the same, and a site that was chosen without an address of the family
// counts as if it had one.
type Outlook struct {
	Parts      []Part
	LastResort float64 // part of the answers in which all_down spoke
}

// Of returns the part of a site.
func (o *Outlook) Of(site int32) float64 {
	for _, p := range o.Parts {
		if p.Site == site {
			return p.Part
		}
	}
	return 0
}

// Bounds of what is tried for one client.
const (
	maxOutcomes   = 512 // of the draws, gone through one by one
	drawnOutcomes = 512 // of more, so many are drawn, if the class is remembered
	drawnForOne   = 16  // and so many for a client whose network is hashed
)

// Odds says how likely each site is to serve a client, for one family and one
// state of health. It asks [Policy.Pick] for each outcome that its draws among
// weighted targets may have; where those are very many, or an all policy
// leaves out random addresses, it draws, always the same. What holds for a
// whole class of clients is remembered, so that many clients cost little. It
// is for one goroutine.
type Odds struct {
	p     *Policy
	in    Input
	out   Choice
	by    *classing
	known map[*class]*Outlook

	paths forks
	draw  countedDraw
	sum   []float64 // by site; the last is nobody
	last  float64
}

// Odds returns the odds of the policy for a family in a state of health.
func (p *Policy) Odds(family Family, snap *health.Snapshot) *Odds {
	o := &Odds{p: p, known: map[*class]*Outlook{}, by: p.division(snap), sum: make([]float64, p.sites.Len()+1)}
	o.in = Input{Family: family, Health: snap, Draw: &o.draw}
	return o
}

// Of returns the outlook of a client. It must not be changed.
func (o *Odds) Of(client netip.Addr) *Outlook {
	o.in.Client = client
	n, _ := o.by.lookup(client)
	of := &o.by.classes[n]
	if known := o.known[of]; known != nil {
		return known
	}
	hashed := o.explore(of)
	out := o.outlook()
	if !hashed {
		o.known[of] = out
	}
	return out
}

// explore goes through the outcomes, and reports whether they depend on the
// client's network.
func (o *Odds) explore(of *class) (hashed bool) {
	o.paths = forks{}
	clear(o.sum)
	o.last = 0
	for range maxOutcomes {
		depends, certain := o.try(of, &o.paths)
		if hashed = hashed || depends; !certain {
			break
		}
		o.note(o.paths.probability())
		if !o.paths.next() {
			return hashed
		}
	}
	clear(o.sum)
	o.last = 0
	o.draw.rand = rand.New(rand.NewPCG(1, 2))
	n := drawnOutcomes
	if hashed {
		n = drawnForOne
	}
	for range n {
		o.try(of, nil)
		o.note(1 / float64(n))
	}
	o.draw.rand = nil
	return hashed
}

// try makes one choice. It is certain if nothing but the order of the addresses
// was left to chance.
func (o *Odds) try(of *class, paths *forks) (hashed, certain bool) {
	o.draw.asked = 0
	w := walk{p: o.p, in: &o.in, out: &o.out, class: of, forks: paths}
	w.pick(0)
	rotated := 0
	if len(o.out.Addrs) > 1 {
		rotated = 1
	}
	return w.hashed, o.draw.asked == rotated
}

// note adds the choice with its probability.
func (o *Odds) note(probability float64) {
	out := &o.out
	if out.LastResort {
		o.last += probability
	}
	switch {
	case len(out.Addrs) > 0:
		for _, from := range out.from {
			o.sum[from.site] += probability / float64(len(out.from))
		}
	case out.Action == NoData && len(out.Sites) > 0:
		for _, s := range out.Sites {
			o.sum[s] += probability / float64(len(out.Sites))
		}
	default:
		o.sum[len(o.sum)-1] += probability
	}
}

func (o *Odds) outlook() *Outlook {
	out := &Outlook{LastResort: o.last}
	nobody := len(o.sum) - 1
	if o.sum[nobody] > 0 {
		out.Parts = append(out.Parts, Part{Nobody, o.sum[nobody]})
	}
	for i, part := range o.sum[:nobody] {
		if part > 0 {
			out.Parts = append(out.Parts, Part{int32(i), part})
		}
	}
	return out
}

// countedDraw notes how often it was asked. Without a source it says 0.
type countedDraw struct {
	asked int
	rand  *rand.Rand
}

func (d *countedDraw) Uint64N(n uint64) uint64 {
	d.asked++
	if d.rand == nil {
		return 0
	}
	return d.rand.Uint64N(n)
}

// forks is a way through the draws among weighted targets: which target was
// taken at each, and what else there was.
type forks struct {
	taken []fork
	depth int
}

type fork struct {
	at    int
	ways  []int     // the kids that have a lot
	parts []float64 // their probabilities
}

// begin starts a choice along the way.
func (f *forks) begin() { f.depth = 0 }

// take returns the kid at the next draw of the way.
func (w *walk) take(n *node, zero bool, sum uint64) int {
	f := w.forks
	if f.depth == len(f.taken) {
		var next fork
		for i := range n.kids {
			if lot := w.lot(&n.kids[i], zero); lot > 0 {
				next.ways = append(next.ways, i)
				next.parts = append(next.parts, float64(lot)/float64(sum))
			}
		}
		f.taken = append(f.taken, next)
	}
	at := &f.taken[f.depth]
	f.depth++
	return at.ways[at.at]
}

// probability is that of the whole way.
func (f *forks) probability() float64 {
	p := 1.0
	for i := range f.taken {
		p *= f.taken[i].parts[f.taken[i].at]
	}
	return p
}

// next goes on to the next way, and reports whether there is one.
func (f *forks) next() bool {
	f.begin()
	for n := len(f.taken); n > 0; n-- {
		at := &f.taken[n-1]
		if at.at++; at.at < len(at.ways) {
			f.taken = slices.Delete(f.taken, n, len(f.taken))
			return true
		}
	}
	f.taken = f.taken[:0]
	return false
}
