package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// The series of checks are kept as plain numbers and made into metrics at a
// scrape: a histogram of the library costs some 2 KiB for each pair of site and
// check, of which there may be tens of thousands.

// durationBuckets are the upper ends of the buckets of the histogram.
var durationBuckets = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
}

// checkSeries counts the probes of one check of one site.
type checkSeries struct {
	results  [3]uint64                        // by verdict
	buckets  [len(durationBuckets) + 1]uint32 // not cumulative; at two a second full after 68 years
	sum      time.Duration
	warnings map[health.Key]bool // addresses whose last probe warned; nil: none
}

var (
	descChecks = prometheus.NewDesc("geodns_checks_total",
		"Probes made, by result: pass, fail or no_verdict (a fault of our own).", []string{"site", "check", "result"}, nil)
	descDurations = prometheus.NewDesc("geodns_check_duration_seconds",
		"How long probes took, from connect to the last byte read or the failure.", []string{"site", "check"}, nil)
	descWarnings = prometheus.NewDesc("geodns_check_warnings",
		"Addresses whose last probe warned of something that will fail soon, such as a certificate.", []string{"site", "check"}, nil)
)

// ObserveCheck counts one probe. The late result of a check that [Metrics.Forget]
// has dropped does not bring its series back.
func (m *Metrics) ObserveCheck(k health.Key, r health.Result) {
	labels := checkLabels{k.Site, k.Check}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.probed[labels]
	if s == nil {
		if m.kept != nil && !m.kept[labels] {
			return
		}
		s = &checkSeries{}
		m.probed[labels] = s
	}
	s.observe(k, r)
}

func (s *checkSeries) observe(k health.Key, r health.Result) {
	s.results[min(int(r.Verdict), len(s.results)-1)]++
	i := 0
	for i < len(durationBuckets) && r.Latency > durationBuckets[i] {
		i++
	}
	s.buckets[i]++
	s.sum += r.Latency
	switch {
	case r.Warning == "":
		delete(s.warnings, k)
	case s.warnings == nil:
		s.warnings = map[health.Key]bool{k: true}
	default:
		s.warnings[k] = true
	}
}

// Forget drops the series of checks that are gone: it keeps those of the given
// keys, and from now on takes results of no others.
func (m *Metrics) Forget(keep []health.Key) {
	kept := make(map[checkLabels]bool, len(keep))
	there := make(map[health.Key]bool, len(keep))
	for _, k := range keep {
		kept[checkLabels{k.Site, k.Check}] = true
		there[k] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = kept
	for labels, s := range m.probed {
		if !kept[labels] {
			delete(m.probed, labels)
		}
		for k := range s.warnings {
			if !there[k] {
				delete(s.warnings, k)
			}
		}
	}
}

// checkCollector makes the series of checks.
type checkCollector struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (c checkCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descChecks
	ch <- descDurations
	ch <- descWarnings
}

// Collect implements prometheus.Collector. It copies first, so that a slow
// scrape holds up no result.
func (c checkCollector) Collect(ch chan<- prometheus.Metric) {
	type row struct {
		labels   checkLabels
		series   checkSeries
		warnings int
	}
	c.m.mu.Lock()
	rows := make([]row, 0, len(c.m.probed))
	for labels, s := range c.m.probed {
		rows = append(rows, row{labels, *s, len(s.warnings)})
	}
	c.m.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		site, check := label(r.labels.site), label(r.labels.check)
		r.series.collect(ch, site, check)
		ch <- prometheus.MustNewConstMetric(descWarnings, prometheus.GaugeValue, float64(r.warnings), site, check)
	}
}

func (s *checkSeries) collect(ch chan<- prometheus.Metric, site, check string) {
	for verdict, name := range map[health.Verdict]string{health.Pass: "pass", health.Fail: "fail", health.NoVerdict: "no_verdict"} {
		if n := s.results[verdict]; n > 0 {
			ch <- prometheus.MustNewConstMetric(descChecks, prometheus.CounterValue, float64(n), site, check, name)
		}
	}
	buckets := make(map[float64]uint64, len(durationBuckets))
	n := uint64(0)
	for i, end := range durationBuckets {
		n += uint64(s.buckets[i])
		buckets[end.Seconds()] = n
	}
	n += uint64(s.buckets[len(durationBuckets)])
	ch <- prometheus.MustNewConstHistogram(descDurations, n, s.sum.Seconds(), buckets, site, check)
}
