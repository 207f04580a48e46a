package metrics

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

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

// checkTable holds the series of all checks: one for each pair of site and
// check. It is replaced when the checks change.
type checkTable struct {
	labels []*health.Key // whose sites and checks they are
	series []checkSeries // guarded by Metrics.mu
}

type checkLabels struct{ site, check string }

// SetChecks makes the series of exactly the given checks, which come with a
// number each, from 0 without gaps; those that were there before go on. It
// returns the numbers of their series for [Metrics.ObserveCheck]. It keeps keys.
func (m *Metrics) SetChecks(keys []*health.Key) []int32 {
	next := &checkTable{}
	numbers := make(map[checkLabels]int32, len(keys))
	there := make(map[health.Key]bool, len(keys))
	out := make([]int32, len(keys))
	for i, k := range keys {
		labels := checkLabels{k.Site, k.Check}
		n, known := numbers[labels]
		if !known {
			n = int32(len(next.labels))
			numbers[labels] = n
			next.labels = append(next.labels, k)
		}
		out[i] = n
		there[*k] = true
	}
	next.labels = slices.Clip(next.labels)
	next.series = make([]checkSeries, len(next.labels))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range m.checks.labels {
		if n, stays := numbers[checkLabels{k.Site, k.Check}]; stays {
			s := m.checks.series[i]
			maps.DeleteFunc(s.warnings, func(k health.Key, _ bool) bool { return !there[k] })
			next.series[n] = s
		}
	}
	m.checks = next
	return out
}

// ObserveCheck counts one probe for a series.
func (m *Metrics) ObserveCheck(series int32, k health.Key, r health.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks.series[series].observe(k, r)
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

// checkStep is how many series are copied at a time, so that a slow scrape holds
// up no result.
const checkStep = 256

// writeChecks writes the series of checks that have been probed.
func (m *Metrics) writeChecks(w *writer) {
	m.mu.Lock()
	t := m.checks
	m.mu.Unlock()
	each := func(name, kind, help string, write func(k *health.Key, s *checkSeries, warned int)) {
		w.family(name, kind, help)
		var copied [checkStep]checkSeries
		var warned [checkStep]int
		for begin := 0; begin < len(t.series); begin += checkStep {
			m.mu.Lock()
			n := copy(copied[:], t.series[begin:])
			for i := range copied[:n] {
				warned[i] = len(copied[i].warnings)
			}
			m.mu.Unlock()
			for i := range copied[:n] {
				if copied[i].probes() > 0 {
					write(t.labels[begin+i], &copied[i], warned[i])
				}
			}
		}
	}
	each(probes, "counter", "Probes made, by result: pass, fail or no_verdict (a fault of our own).", func(k *health.Key, s *checkSeries, _ int) {
		for verdict, name := range verdictNames {
			if n := s.results[verdict]; n > 0 {
				w.sample(probes, float64(n), "check", k.Check, "result", name, "site", k.Site)
			}
		}
	})
	each(duration, "histogram", "How long probes took, from connect to the last byte read or the failure.", func(k *health.Key, s *checkSeries, _ int) {
		s.writeDurations(w, k)
	})
	each(warnings, "gauge", "Addresses whose last probe warned of something that will fail soon, such as a certificate.", func(k *health.Key, _ *checkSeries, warned int) {
		w.sample(warnings, float64(warned), "check", k.Check, "site", k.Site)
	})
}

// The names of the families.
const (
	probes   = "geodns_checks_total"
	duration = "geodns_check_duration_seconds"
	warnings = "geodns_check_warnings"
)

// verdictNames are the values of the label result, by verdict.
var verdictNames = [...]string{health.NoVerdict: "no_verdict", health.Pass: "pass", health.Fail: "fail"}

func (s *checkSeries) probes() (n uint64) {
	for _, r := range s.results {
		n += r
	}
	return n
}

func (s *checkSeries) writeDurations(w *writer, k *health.Key) {
	n := uint64(0)
	for i, count := range s.buckets {
		n += uint64(count)
		end := "+Inf"
		if i < len(durationBuckets) {
			end = bucketEnds[i]
		}
		w.sample(duration+"_bucket", float64(n), "check", k.Check, "site", k.Site, "le", end)
	}
	w.sample(duration+"_sum", s.sum.Seconds(), "check", k.Check, "site", k.Site)
	w.sample(duration+"_count", float64(n), "check", k.Check, "site", k.Site)
}

// bucketEnds are the durationBuckets in seconds, as text.
var bucketEnds = func() (ends [len(durationBuckets)]string) {
	for i, d := range durationBuckets {
		ends[i] = strconv.FormatFloat(d.Seconds(), 'g', -1, 64)
	}
	return ends
}()
