package geodns

import (
	"encoding/json"
	"math"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// maxLatencies is how many of the last probes of each check are remembered;
// they cost 4 octets each.
const maxLatencies = 20

// latencies remembers how long the last probes took. The zero value has none.
type latencies struct {
	ms   [maxLatencies]float32 // failed for one that did not pass
	n    uint8                 // so many are filled
	next uint8                 // where the next one goes
}

// failed stands in the place of the time of a probe that failed. Faults of our
// own are not remembered: they say nothing about the target.
const failed = -1

func (l *latencies) add(r health.Result) {
	switch r.Verdict {
	case health.NoVerdict:
		return
	case health.Pass:
		l.ms[l.next] = float32(r.Latency.Microseconds()) / 1000
	default:
		l.ms[l.next] = failed
	}
	l.next = (l.next + 1) % maxLatencies
	l.n = min(l.n+1, maxLatencies)
}

// recent are times in milliseconds, oldest first, null for a probe that
// failed.
type recent []float32

// list returns what is remembered, oldest first.
func (l *latencies) list() recent {
	out := make(recent, 0, l.n)
	for i := range l.n {
		out = append(out, l.ms[(l.next+maxLatencies-l.n+i)%maxLatencies])
	}
	return out
}

// MarshalJSON writes the list with two decimals.
func (r recent) MarshalJSON() ([]byte, error) {
	out := make([]*float64, len(r))
	for i, ms := range r {
		if ms != failed {
			v := math.Round(float64(ms)*100) / 100
			out[i] = &v
		}
	}
	return json.Marshal(out)
}

// addRecent adds the times of the last probes to the state of sites; it must
// run in the owner's goroutine.
func (c *checker) addRecent(sites []SiteStatus) {
	for _, site := range sites {
		for _, a := range site.Addresses {
			for i := range a.Checks {
				check := &a.Checks[i]
				check.RecentMS = recent{}
				addr, err := netip.ParseAddr(a.Address)
				if err != nil {
					continue
				}
				if w := c.watches[health.Key{Site: site.Name, Addr: addr, Check: check.Check}]; w != nil {
					check.RecentMS = w.recent.list()
				}
			}
		}
	}
}

// remember keeps the time of a result; it must run in the owner's goroutine.
func (c *checker) remember(r keyedResult) {
	if w := c.watches[r.key]; w != nil {
		w.recent.add(r.res)
	}
}

// memory returns what is remembered of the probes of a watch, nil or not.
func (s *scheduled) memory() latencies {
	if s == nil {
		return latencies{}
	}
	return s.recent
}
