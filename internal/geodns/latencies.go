package geodns

import (
	"encoding/json"
	"math/bits"
	"net/netip"
	"strconv"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// maxLatencies is how many of the last probes of each check are remembered;
// they cost 2 octets each.
const maxLatencies = 20

// latencies remembers how long the last probes took. The zero value has none.
type latencies struct {
	took [maxLatencies]latency
	n    uint8 // so many are filled
	next uint8 // where the next one goes
}

// latency is a time in microseconds, exact up to 2 ms and to a thousandth above
// that: 5 bits of exponent and 11 bits to be shifted by it.
type latency uint16

// failed stands in the place of the time of a probe that failed. Faults of our
// own are not remembered: they say nothing about the target.
const failed latency = 1<<16 - 1

const latencyBits = 11

func latencyOf(d time.Duration) latency {
	us := uint64(max(0, d.Microseconds()))
	shift := max(0, bits.Len64(us)-latencyBits)
	if shift > 31 {
		return failed - 1
	}
	return min(latency(shift<<latencyBits|int(us>>shift)), failed-1)
}

func (l latency) microseconds() uint64 {
	return uint64(l&(1<<latencyBits-1)) << (l >> latencyBits)
}

func (l *latencies) add(r health.Result) {
	switch r.Verdict {
	case health.NoVerdict:
		return
	case health.Pass:
		l.took[l.next] = latencyOf(r.Latency)
	default:
		l.took[l.next] = failed
	}
	l.next = (l.next + 1) % maxLatencies
	l.n = min(l.n+1, maxLatencies)
}

// recent are times, oldest first.
type recent []latency

// list returns what is remembered, oldest first.
func (l *latencies) list() recent {
	out := make(recent, 0, l.n)
	for i := range l.n {
		out = append(out, l.took[(l.next+maxLatencies-l.n+i)%maxLatencies])
	}
	return out
}

// MarshalJSON writes the list in milliseconds, with three digits and at most two
// decimals, null for a probe that failed.
func (r recent) MarshalJSON() ([]byte, error) {
	out := append(make([]byte, 0, 2+7*len(r)), '[')
	for i, l := range r {
		if i > 0 {
			out = append(out, ',')
		}
		if l == failed {
			out = append(out, "null"...)
			continue
		}
		us, unit := l.microseconds(), uint64(10)
		for us/unit >= 1000 {
			unit *= 10
		}
		us = (us + unit/2) / unit * unit
		out = strconv.AppendFloat(out, float64(us)/1000, 'f', -1, 64)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON has written, for a client.
func (r *recent) UnmarshalJSON(text []byte) error {
	var ms []*float64
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	*r = make(recent, len(ms))
	for i, v := range ms {
		if (*r)[i] = failed; v != nil {
			(*r)[i] = latencyOf(time.Duration(*v * float64(time.Millisecond)))
		}
	}
	return nil
}

// addRecent adds the times of the last probes to the state of sites, or none of
// them; it must run in the owner's goroutine.
func (c *checker) addRecent(sites []SiteStatus, all bool) {
	for _, site := range sites {
		for _, a := range site.Addresses {
			for i := range a.Checks {
				check := &a.Checks[i]
				check.RecentMS = recent{}
				addr, err := netip.ParseAddr(a.Address)
				if err != nil || !all {
					continue
				}
				if w := c.find(health.Key{Site: site.Name, Addr: addr, Check: check.Check}); w != nil {
					check.RecentMS = w.recent.list()
				}
			}
		}
	}
}

// remember counts a result and keeps its time; it must run in the owner's
// goroutine.
func (c *checker) remember(r keyedResult) {
	w := c.find(r.key)
	if w == nil {
		return
	}
	w.recent.add(r.res)
	if c.count != nil {
		c.count.ObserveCheck(w.series, r.key, r.res)
	}
}
