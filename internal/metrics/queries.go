package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// queryTypes are the types that have a series of their own; all others are
// counted as "other", so that nobody outside can add series.
var queryTypes = map[uint16]string{
	1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
	35: "NAPTR", 39: "DNAME", 43: "DS", 48: "DNSKEY", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA",
}

// queryRCodes are the codes that have a series of their own.
var queryRCodes = map[uint16]string{
	0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 9: "NOTAUTH",
	16: "BADVERS", 23: "BADCOOKIE",
}

// The counters of a zone are a table of types and codes; index 0 of each is
// "other".
var (
	typeIndex, typeLabels   = indexOf(queryTypes)
	rcodeIndex, rcodeLabels = indexOf(queryRCodes)
)

// lookupSize bounds the numbers that have a series of their own; a table is
// cheaper than a map on the way of every query.
const lookupSize = 512

func indexOf(names map[uint16]string) (index [lookupSize]uint8, labels []string) {
	labels = []string{"other"}
	for n := range uint16(lookupSize) {
		if name, ok := names[n]; ok {
			index[n] = uint8(len(labels))
			labels = append(labels, name)
		}
	}
	return index, labels
}

func lookup(index *[lookupSize]uint8, n uint16) uint32 {
	if n >= lookupSize {
		return 0
	}
	return uint32(index[n])
}

// outside is the zone label of questions that no zone here holds.
const outside = ""

const (
	zonePrefix  = "zone\x00"
	udpKey      = "transport\x00udp"
	tcpKey      = "transport\x00tcp"
	droppedKey  = "dropped"
	rateDropKey = "rate\x00drop"
	rateSlipKey = "rate\x00slip"
)

// ZoneBase returns the number by which questions for a zone are counted.
func (c *Counters) ZoneBase(zone string) uint32 {
	return c.reserve(zonePrefix+label(zone), uint32(len(typeLabels)*len(rcodeLabels)))
}

// AnswerSlots returns the numbers by which answers of a policy with each of the
// given sites are counted, in their order.
func (c *Counters) AnswerSlots(policy string, sites []string) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	policy = label(policy)
	known := c.answers[policy]
	if known == nil {
		known = make(map[string]uint32, len(sites))
		c.answers[policy] = known
	}
	out := make([]uint32, len(sites))
	for i, site := range sites {
		site = label(site)
		slot, ok := known[site]
		if !ok {
			slot = c.add(1)
			known[site] = slot
		}
		out[i] = slot
	}
	return out
}

// label returns s as the value of a label, which must be UTF-8 and here holds
// no NUL.
func label(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Query counts one question that was answered; base is that of its zone.
func (c *Counters) Query(worker int, base uint32, qtype, rcode uint16, tcp bool) {
	c.Inc(worker, base+lookup(&typeIndex, qtype)*uint32(len(rcodeLabels))+lookup(&rcodeIndex, rcode))
	slot := slotUDP
	if tcp {
		slot = slotTCP
	}
	c.Inc(worker, slot)
}

// Dropped counts one packet that was met with silence.
func (c *Counters) Dropped(worker int) { c.Inc(worker, slotDropped) }

// RateDropped counts one answer that was left out because of its client's rate.
func (c *Counters) RateDropped(worker int) { c.Inc(worker, slotRateDrop) }

// RateSlipped counts one answer that was sent truncated because of its client's
// rate.
func (c *Counters) RateSlipped(worker int) { c.Inc(worker, slotRateSlip) }

// The first slots are fixed.
const (
	slotUDP uint32 = iota
	slotTCP
	slotDropped
	slotRateDrop
	slotRateSlip
)

func (c *Counters) reserveFixed() {
	for _, key := range []string{udpKey, tcpKey, droppedKey, rateDropKey, rateSlipKey} {
		c.reserve(key, 1)
	}
	c.ZoneBase(outside)
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("geodns_"+name, help, labels, nil)
}

// write writes the counters. Those of zones at zero are left out, which keeps a
// thousand zones small.
func (c *Counters) write(w *writer) {
	one := func(name, key, value string, slot uint32) {
		w.sample(name, float64(c.Sum(slot)), key, value)
	}
	w.family("geodns_queries_transport_total", "counter", "Questions answered, by transport.")
	one("geodns_queries_transport_total", "proto", "udp", slotUDP)
	one("geodns_queries_transport_total", "proto", "tcp", slotTCP)
	w.family("geodns_queries_dropped_total", "counter", "Packets met with silence: too short, or replies.")
	w.sample("geodns_queries_dropped_total", float64(c.Sum(slotDropped)))
	w.family("geodns_rate_limited_total", "counter", "Answers over UDP that were not sent as they are because of the rate of their client.")
	one("geodns_rate_limited_total", "action", "drop", slotRateDrop)
	one("geodns_rate_limited_total", "action", "slip", slotRateSlip)
	c.writeQueries(w)
	w.family("geodns_answers_total", "counter", "Answers made by a policy, by the first site chosen.")
	for _, a := range c.answered() {
		w.sample("geodns_answers_total", float64(c.Sum(a.slot)), "policy", a.policy, "site", a.site)
	}
}

func (c *Counters) writeQueries(w *writer) {
	w.family("geodns_queries_total", "counter", "Questions answered, by zone (empty: none here), type and response code.")
	slots := c.snapshot()
	for _, key := range slices.Sorted(maps.Keys(slots)) {
		slot := slots[key]
		zone, ok := strings.CutPrefix(key, zonePrefix)
		if !ok {
			continue
		}
		for t := range typeLabels {
			for r := range rcodeLabels {
				if n := c.Sum(slot + uint32(t*len(rcodeLabels)+r)); n > 0 {
					w.sample("geodns_queries_total", float64(n), "rcode", rcodeLabels[r], "type", typeLabels[t], "zone", zone)
				}
			}
		}
	}
}

// answerSlot is where the answers of a policy with a site are counted.
type answerSlot struct {
	policy, site string
	slot         uint32
}

func (c *Counters) answered() []answerSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []answerSlot
	for policy, sites := range c.answers {
		for site, slot := range sites {
			out = append(out, answerSlot{policy, site, slot})
		}
	}
	slices.SortFunc(out, func(a, b answerSlot) int {
		return cmp.Or(strings.Compare(a.policy, b.policy), strings.Compare(a.site, b.site))
	})
	return out
}

// snapshot returns the slots of all but answers by key.
func (c *Counters) snapshot() map[string]uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]uint32, len(c.known))
	for k, v := range c.known {
		out[k] = v
	}
	return out
}
