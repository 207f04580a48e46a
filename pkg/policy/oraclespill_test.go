package policy

import (
	"math"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// spillOver lets sites that are over their capacity send the client on, until
// one has room or nobody else is left.
func (o oracle) spillOver(root child) oracleResult {
	for {
		o.several = new(bool)
		all, sites := o.serve(root)
		known, on := len(o.gone), false
		gone := slices.Clone(o.gone)
		for _, name := range sites {
			i, _ := o.sites.Find(name)
			e := o.health.At(o.sites.At(i).ID)
			keeps := math.Floor(float64(e.Share) * float64(65535-int(e.Spill)) / 65535)
			if e.Spill > 0 && !slices.Contains(gone, name) && !o.inGate("gate", name, keeps) {
				gone, on = append(gone, name), true
			}
		}
		senders := gone[known:]
		for _, r := range o.health.Refusals() {
			from, to := o.named(r.From), o.named(r.To)
			i, _ := o.sites.Find(from)
			below := math.Floor(float64(o.health.At(o.sites.At(i).ID).Share) * float64(r.Below) / 65535)
			if slices.Contains(senders, from) && !slices.Contains(gone, to) && o.inGate("gate", from, below) {
				on = on && !(*o.several && slices.Contains(sites, to))
				gone = append(gone, to)
			}
		}
		if !on {
			return o.compose(all, sites, false)
		}
		o.gone = gone
		if isUp, _ := o.up(root); !isUp {
			return o.compose(all, sites, false)
		}
	}
}

// named returns the site of a number.
func (o oracle) named(id health.ID) string {
	for _, s := range o.sites.Subjects() {
		if s.ID == id {
			return s.Site
		}
	}
	return ""
}
