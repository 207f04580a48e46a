package policy

import (
	"math"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// near is what one nearest policy needs to put its targets in order.
type near struct {
	spec   *Spec
	sites  []int32   // by kid
	factor []float64 // by kid: what its bias makes of a distance
	limit  int

	biased []float64 // scratch of order
}

// nearest returns the number of a nearest policy.
func (b *builder) nearest(spec *Spec, kids []kid) int32 {
	if i, ok := b.nearOf[spec]; ok {
		return i
	}
	n := near{spec: spec, limit: len(spec.Targets)}
	if spec.Limit > 0 {
		n.limit = min(n.limit, spec.Limit)
	}
	for i, t := range spec.Targets {
		if t.Spec.Kind != KindSite {
			b.once(t.Pos, "a site with a location", "nearest: %s is no site", t.Spec)
			continue
		}
		site := b.p.nodes[kids[i].node].site
		if b.p.sites.At(site).Location == nil {
			b.once(t.Pos, "give the site one, such as location: [50.11, 8.68]", "nearest: site %s has no location", t.Spec)
		}
		n.sites = append(n.sites, site)
		n.factor = append(n.factor, biasFactor(t.Bias))
	}
	i := int32(len(b.p.near))
	b.nearOf[spec] = i
	b.p.near = append(b.p.near, n)
	return i
}

// biasFactor returns what a distance is multiplied by: below 1 for a site that
// draws clients in, above 1 for one that repels them.
func biasFactor(bias int8) float64 {
	if bias >= 0 {
		return 1 - float64(bias)/100
	}
	return 1 / (1 + float64(bias)/100)
}

// order appends the candidates, the nearest first; those at one distance, and
// all if nobody knows where the place is, as they are listed.
func (n *near) order(dst []uint16, sites *Sites, at from) []uint16 {
	for i := range n.sites {
		dst = append(dst, uint16(i))
	}
	if at.known {
		n.biased = n.biased[:0]
		for i, site := range n.sites {
			n.biased = append(n.biased, at.to(sites, site)*n.factor[i])
		}
		sortStable(dst, n.biased)
	}
	return dst[:n.limit]
}

// few is up to how many elements inserting one by one is the quickest sort.
const few = 24

// sortStable sorts kids by their distances.
func sortStable(kids []uint16, distance []float64) {
	if len(kids) > few {
		slices.SortStableFunc(kids, func(a, b uint16) int {
			switch {
			case distance[a] < distance[b]:
				return -1
			case distance[a] > distance[b]:
				return 1
			}
			return 0
		})
		return
	}
	for i := 1; i < len(kids); i++ {
		k, j := kids[i], i
		for ; j > 0 && distance[k] < distance[kids[j-1]]; j-- {
			kids[j] = kids[j-1]
		}
		kids[j] = k
	}
}

// whereIs returns the coordinates of a place: its own, else the middle of its
// country.
func whereIs(p *geo.Place) (lat, lon float64, ok bool) {
	if p.HasLocation {
		return p.Lat, p.Lon, true
	}
	return geo.CountryMiddle(p.Country)
}

// maxRemembered bounds how many distances a Compiler remembers: 64 MiB of
// them. Beyond, they are computed again for each policy.
const maxRemembered = 8 << 20

// distances remembers how far each site is from each place that was asked
// about. 50 policies ask about the same 200,000 places. What belongs to a place
// lies in a row, because that is what is asked for together.
type distances struct {
	sites  *Sites
	points map[[2]float64][]float64 // by place: kilometres by site; NaN if not yet asked
	left   int                      // how many more may be remembered
	free   []float64                // memory for rows
}

func newDistances(sites *Sites) *distances {
	return &distances{sites: sites, points: map[[2]float64][]float64{}, left: maxRemembered}
}

// from is a place that distances are asked from.
type from struct {
	row      []float64 // by site; nil: nothing is remembered
	lat, lon float64
	known    bool // whether anybody knows where it is
}

// from returns where a place is, for [near.order].
func (d *distances) from(p *geo.Place) from {
	var f from
	if f.lat, f.lon, f.known = whereIs(p); !f.known {
		return f
	}
	at := [2]float64{f.lat, f.lon}
	row, ok := d.points[at]
	if !ok {
		row = d.newRow()
		d.points[at] = row
	}
	f.row = row
	return f
}

// newRow returns a row of unknown distances; nil if there are too many.
func (d *distances) newRow() []float64 {
	n := d.sites.Len()
	if n == 0 || n > d.left {
		return nil
	}
	if len(d.free) < n {
		const rows = 1024
		d.free = make([]float64, rows*n)
		for i := range d.free {
			d.free[i] = math.NaN()
		}
	}
	row := d.free[:n:n]
	d.free, d.left = d.free[n:], d.left-n
	return row
}

// placeOf returns where a place is without remembering it.
func placeOf(p *geo.Place) from {
	var f from
	f.lat, f.lon, f.known = whereIs(p)
	return f
}

// to returns the distance to a site in kilometres.
func (f *from) to(sites *Sites, site int32) float64 {
	if f.row != nil && !math.IsNaN(f.row[site]) {
		return f.row[site]
	}
	l := sites.At(site).Location
	km := geo.Distance(f.lat, f.lon, l.Lat, l.Lon)
	if f.row != nil {
		f.row[site] = km
	}
	return km
}
