package simulate

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// Client stands for a part of all clients.
type Client struct {
	Addr   netip.Addr
	Weight float64
}

// Population is a set of clients by country. It never changes once it is made.
type Population struct {
	Countries []Country // in the order of their codes
	Notes     []string  // what could not be represented
}

// Country is the clients of one country.
type Country struct {
	Code    string // ISO 3166-1 alpha-2; "" for clients of no known country
	Weight  float64
	Clients []Client // their weights sum to Weight
}

// leastOfCountry is how many clients a country has at least: shares in its row
// are then right to a few percent.
const leastOfCountry = 24

// seed makes each sample of the same databases the same.
const seed = 0x67656f646e73

// Sample returns about n clients that stand for the IPv4 addresses of all
// countries in the databases: of each country so many as its part of the
// addresses, evenly spread over them and at random within each stretch.
// Addresses of no known country are left out, unless that is all there is.
func Sample(ix *geo.Index, n int) *Population { return sample(ix, n, nil) }

// sample is Sample with the weights of the countries given; nil: by addresses.
func sample(ix *geo.Index, n int, weights map[string]float64) *Population {
	sizes := map[string]uint64{}
	for r, country := range ranges4(ix) {
		sizes[country] += size(r)
	}
	if len(sizes) > 1 || weights != nil {
		delete(sizes, "")
	}
	p := newStrata(sizes, n, weights)
	for r, country := range ranges4(ix) {
		if s := p.of[country]; s != nil {
			s.take(r)
		}
	}
	return p.population()
}

// strata are the countries while they are sampled.
type strata struct {
	of    map[string]*stratum
	notes []string
}

// stratum is one country: its addresses in order are cut into as many equal
// stretches as it gets clients, and each stretch gives one at random.
type stratum struct {
	Country
	many    int
	stretch float64 // addresses
	gone    uint64  // addresses passed
	next    float64 // place of the next client among them
	rand    *rand.Rand
}

func newStrata(sizes map[string]uint64, n int, weights map[string]float64) *strata {
	p := &strata{of: map[string]*stratum{}}
	var all float64
	weight := func(code string) float64 {
		if weights != nil {
			return weights[code]
		}
		return float64(sizes[code])
	}
	for code := range sizes {
		all += weight(code)
	}
	for code, size := range sizes {
		w := weight(code) / max(all, 1e-300)
		if w <= 0 {
			continue
		}
		many := min(max(int(w*float64(n)), leastOfCountry), int(min(size, 1<<30)))
		s := &stratum{Country: Country{Code: code, Weight: w}, many: many, stretch: float64(size) / float64(many)}
		s.rand = rand.New(rand.NewPCG(seed, uint64(binary.BigEndian.Uint16(append([]byte(code), 0, 0)))))
		s.next = s.rand.Float64() * s.stretch
		p.of[code] = s
	}
	for code := range weights {
		if sizes[code] == 0 && weights[code] > 0 {
			p.notes = append(p.notes, "no database has addresses of "+code+": its clients are left out")
		}
	}
	slices.Sort(p.notes)
	return p
}

// take takes the clients that fall into a range.
func (s *stratum) take(r geo.CountryRange) {
	end := s.gone + size(r)
	for uint64(s.next) < end && len(s.Clients) < s.many {
		offset := uint64(s.next) - s.gone
		s.Clients = append(s.Clients, Client{address(r.First + uint32(offset)), s.Weight / float64(s.many)})
		n := float64(len(s.Clients))
		s.next = max(s.next, (n+s.rand.Float64())*s.stretch)
	}
	s.gone = end
}

func (p *strata) population() *Population {
	out := &Population{Notes: p.notes}
	for _, s := range p.of {
		out.Countries = append(out.Countries, s.Country)
	}
	slices.SortFunc(out.Countries, func(a, b Country) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// ranges4 yields the IPv4 ranges where clients can be: not networks for
// multicast and special uses, which a database may fill too.
func ranges4(ix *geo.Index) iter.Seq2[geo.CountryRange, string] {
	const last = 224<<24 - 1
	return func(yield func(geo.CountryRange, string) bool) {
		for r, country := range ix.Countries4() {
			if r.First > last {
				return
			}
			r.Last = min(r.Last, last)
			if !yield(r, country) {
				return
			}
		}
	}
}

func size(r geo.CountryRange) uint64 { return uint64(r.Last) - uint64(r.First) + 1 }

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}
