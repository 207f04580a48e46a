package simulate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/policy"
)

// sideOf takes a side of a case.
type sideOf func(Case) Side

func before(c Case) Side { return c.Before }
func after(c Case) Side  { return c.After }

// flows returns who goes from where to where between two sides of all cases.
func flows(pop *Population, cases []Case, family policy.Family, from, to sideOf) traffic {
	sum := traffic{}
	for _, c := range cases {
		a, b := from(c), to(c)
		t := &tally{slots: newSlots(Case{Before: a, After: b}), flows: traffic{}}
		here, there := t.odds(a, family), t.odds(b, family)
		for i := range pop.Countries {
			t.country(&pop.Countries[i], here, there)
		}
		for pair, part := range t.flows {
			sum[pair] += part * float64(len(c.Names))
		}
	}
	return sum
}

// LoadsOf returns the load of each site before the change, if so many queries
// are spread over the clients as they are, evenly over the names.
func LoadsOf(pop *Population, cases []Case, family policy.Family, queries float64) map[string]float64 {
	out, all := map[string]float64{}, 0.0
	for pair, part := range flows(pop, cases, family, before, before) {
		out[pair[0]] += part
		all += part
	}
	for site := range out {
		out[site] *= queries / max(all, 1e-300)
	}
	return out
}

// move returns the loads after clients have gone, each with its even part of the
// load of its site, and the sites to which clients come of whose load nothing is
// known.
func (t traffic) move(load map[string]float64) (out map[string]float64, unknown map[string]bool) {
	had := map[string]float64{}
	for pair, part := range t {
		had[pair[0]] += part
	}
	out, unknown = map[string]float64{}, map[string]bool{}
	for _, pair := range t.pairs() {
		known, ok := load[pair[0]]
		switch part := t[pair]; {
		case part <= least:
		case ok:
			out[pair[1]] += known * part / had[pair[0]]
		default:
			unknown[pair[1]] = true
		}
	}
	return out, unknown
}

// pairs returns the pairs in order, so that sums are the same each time.
func (t traffic) pairs() [][2]string {
	return slices.SortedFunc(maps.Keys(t), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
}

// leaving returns the load that leaves a site, by where it goes.
func (t traffic) leaving(site string, load float64) map[string]float64 {
	out, had := map[string]float64{}, 0.0
	for pair, part := range t {
		if pair[0] == site {
			had += part
			if pair[1] != site && part > least {
				out[pair[1]] = part
			}
		}
	}
	for to := range out {
		out[to] = round(out[to] * load / had)
	}
	return out
}
