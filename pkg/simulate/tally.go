package simulate

import (
	"cmp"
	"math"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// slots number the sites of both sides by name: the same site may have another
// number in another configuration. Slot 0 is nobody.
type slots struct {
	names []string
	of    map[string]int
}

func newSlots(c Case) *slots {
	s := &slots{names: []string{""}, of: map[string]int{"": 0}}
	for _, side := range []Side{c.Before, c.After} {
		if side.Policy == nil {
			continue
		}
		sites := side.Policy.Sites()
		for i := range int32(sites.Len()) {
			if name := sites.At(i).Name; s.of[name] == 0 {
				s.of[name] = len(s.names)
				s.names = append(s.names, name)
			}
		}
	}
	return s
}

// shares returns the parts that are not 0 by name, of a whole.
func (s *slots) shares(parts []float64, whole float64) Shares {
	out := Shares{}
	for i, part := range parts {
		if r := round(part / whole); r > 0 {
			out[s.names[i]] = r
		}
	}
	return out
}

// round leaves what is worth reading: a millionth.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// outlook is what one side has for a client: parts by slot.
type outlook struct {
	parts []slotPart
	last  float64
}

type slotPart struct {
	slot int
	part float64
}

// sideOdds asks one side, and turns its sites into slots once for each answer.
type sideOdds struct {
	odds  *policy.Odds // nil: nobody serves
	sites *policy.Sites
	slots *slots
	known map[*policy.Outlook]*outlook
}

var unsteered = &outlook{parts: []slotPart{{0, 1}}}

func (t *tally) odds(side Side, family policy.Family) *sideOdds {
	if side.Policy == nil {
		return &sideOdds{}
	}
	return &sideOdds{side.Policy.Odds(family, side.Health), side.Policy.Sites(), t.slots, map[*policy.Outlook]*outlook{}}
}

func (s *sideOdds) of(client netip.Addr) *outlook {
	if s.odds == nil {
		return unsteered
	}
	o := s.odds.Of(client)
	if known := s.known[o]; known != nil {
		return known
	}
	out := &outlook{last: o.LastResort}
	for _, p := range o.Parts {
		slot := 0
		if p.Site != policy.Nobody {
			slot = s.slots.of[s.sites.At(p.Site).Name]
		}
		out.parts = append(out.parts, slotPart{slot, p.Part})
	}
	s.known[o] = out
	return out
}

// row is what was counted for some clients.
type row struct {
	before, after []float64 // by slot
	moved         float64
	last          float64 // part for which all_down speaks after
}

func newRow(slots int) *row {
	return &row{before: make([]float64, slots), after: make([]float64, slots)}
}

func (r *row) add(o *row) {
	for i := range r.before {
		r.before[i] += o.before[i]
		r.after[i] += o.after[i]
	}
	r.moved += o.moved
	r.last += o.last
}

// traffic is parts of clients by the sites that serve them before and after.
type traffic map[[2]string]float64

// tally counts one case.
type tally struct {
	slots *slots
	flows traffic
	moves []slotPart // scratch: by slot, after less before
}

// country counts the clients of a country. Many have the same outlooks.
func (t *tally) country(c *Country, before, after *sideOdds) *row {
	weights := map[[2]*outlook]float64{}
	var order [][2]*outlook // so that sums are the same each time
	for _, client := range c.Clients {
		pair := [2]*outlook{before.of(client.Addr), after.of(client.Addr)}
		if _, met := weights[pair]; !met {
			order = append(order, pair)
		}
		weights[pair] += client.Weight
	}
	r := newRow(len(t.slots.names))
	for _, pair := range order {
		t.count(r, pair[0], pair[1], weights[pair])
	}
	return r
}

// count adds clients that have two outlooks. No more of them move than must:
// what a site loses goes to those that gain, by what they gain.
func (t *tally) count(r *row, before, after *outlook, weight float64) {
	for _, p := range before.parts {
		r.before[p.slot] += p.part * weight
	}
	for _, p := range after.parts {
		r.after[p.slot] += p.part * weight
	}
	r.last += after.last * weight
	gained := t.differ(before, after)
	r.moved += gained * weight
	for _, p := range before.parts {
		t.flows[t.pair(p.slot, p.slot)] += p.part * weight
	}
	for _, from := range t.moves {
		if from.part >= 0 {
			continue
		}
		t.flows[t.pair(from.slot, from.slot)] += from.part * weight
		for _, to := range t.moves {
			if to.part > 0 {
				t.flows[t.pair(from.slot, to.slot)] -= from.part * to.part / gained * weight
			}
		}
	}
}

// differ sets t.moves to what each slot gains, and returns the sum of the gains.
func (t *tally) differ(before, after *outlook) (gained float64) {
	t.moves = t.moves[:0]
	if before == after {
		return 0
	}
	add := func(slot int, part float64) {
		for i := range t.moves {
			if t.moves[i].slot == slot {
				t.moves[i].part += part
				return
			}
		}
		t.moves = append(t.moves, slotPart{slot, part})
	}
	for _, p := range before.parts {
		add(p.slot, -p.part)
	}
	for _, p := range after.parts {
		add(p.slot, p.part)
	}
	for i := range t.moves {
		if math.Abs(t.moves[i].part) < 1e-12 { // the same, summed in another order
			t.moves[i].part = 0
		}
		gained += max(0, t.moves[i].part)
	}
	return gained
}

func (t *tally) pair(from, to int) [2]string {
	return [2]string{t.slots.names[from], t.slots.names[to]}
}

func (t *tally) countryResult(c *Country, r *row) CountryResult {
	whole := max(c.Weight, 1e-300)
	return CountryResult{
		Country: c.Code, Continent: geo.ContinentOf(c.Code), Weight: round(c.Weight),
		Before: t.slots.shares(r.before, whole), After: t.slots.shares(r.after, whole), Moved: round(r.moved / whole),
	}
}

// biggestMove orders rows by how many clients move, then by how many there are.
func biggestMove(a, b CountryResult) int {
	return cmp.Or(cmp.Compare(b.Moved*b.Weight, a.Moved*a.Weight), cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Country, b.Country))
}
