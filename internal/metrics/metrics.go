// Package metrics owns what Prometheus can scrape of geodns, in a registry of
// its own.
//
// It decides nothing and asks nobody: the runtime tells it what happened.
// Label values come from the configuration alone, never from the network. The
// entry points are [New] and [Metrics.Handler].
//
//	geodns_queries_total{zone,type,rcode}             questions answered
//	geodns_queries_transport_total{proto}             the same by udp and tcp
//	geodns_queries_dropped_total                      packets met with silence
//	geodns_answers_total{policy,site}                 answers made by a policy
//	geodns_checks_total{site,check,result}            probes: pass, fail, no_verdict
//	geodns_check_duration_seconds{site,check}         how long they took
//	geodns_site_up{site}, geodns_address_up{site,address}
//	geodns_site_share{site}, geodns_override{policy,site,address,state}
//	geodns_state_ok                                   overrides and states are kept
//	geodns_config_ok                                  the last load was good
//	geodns_config_last_reload_success_timestamp_seconds
//	geodns_config_last_reload_age_seconds             time since the last good load
//	geodns_geo_database_build_timestamp_seconds{database}
//	geodns_server_*                                   sockets and connections
//	geodns_build_info{version,goversion}
package metrics

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Metrics is everything that can be scraped. It is safe for concurrent use.
type Metrics struct {
	// Counters are what serving threads add to.
	*Counters

	registry  *prometheus.Registry
	checks    *prometheus.CounterVec
	durations *prometheus.HistogramVec
	health    atomic.Pointer[[]AddressHealth]
	overrides atomic.Pointer[Overrides]
	configOK  prometheus.Gauge
	stateOK   prometheus.Gauge
	databases *prometheus.GaugeVec

	mu       sync.Mutex
	loadedAt time.Time
	probed   map[checkLabels]bool // series that exist
	kept     map[checkLabels]bool // series that may exist; nil for any
}

type checkLabels struct{ site, check string }

// New returns metrics for serving threads 0 to workers-1.
func New(workers int, version string) *Metrics {
	m := &Metrics{
		Counters: newCounters(workers),
		registry: prometheus.NewRegistry(),
		checks:   counterVec("checks_total", "Probes made, by result: pass, fail or no_verdict (a fault of our own).", "site", "check", "result"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "geodns_check_duration_seconds", Help: "How long probes took, from connect to the last byte read or the failure.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"site", "check"}),
		configOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geodns_config_ok", Help: "Whether the last load of the files was good; if not, older ones are served."}),
		stateOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geodns_state_ok", Help: "Whether what an earlier run kept could be read, and overrides and states can be kept."}),
		databases: gaugeVec("geo_database_build_timestamp_seconds", "When the data of a geo database were put together.", "database"),
		probed:    map[checkLabels]bool{},
	}
	m.reserveFixed()
	info := gaugeVec("build_info", "Constant 1, with the version.", "version", "goversion")
	info.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.Counters, m.checks, m.durations, healthCollector{m}, overrideCollector{m}, m.configOK, m.stateOK, m.databases, info,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "geodns_config_last_reload_success_timestamp_seconds", Help: "When the files were last loaded well.",
		}, func() float64 { return float64(m.lastLoad().UnixNano()) / 1e9 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "geodns_config_last_reload_age_seconds", Help: "Time since the files were last loaded well.",
		}, func() float64 { return time.Since(m.lastLoad()).Seconds() }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "geodns_" + name, Help: help}, labels)
}

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "geodns_" + name, Help: help}, labels)
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// ObserveCheck counts one probe. The late result of a check that [Metrics.Forget]
// has dropped does not bring its series back.
func (m *Metrics) ObserveCheck(k health.Key, r health.Result) {
	labels := checkLabels{k.Site, k.Check}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept != nil && !m.kept[labels] {
		return
	}
	m.probed[labels] = true
	result := "no_verdict"
	switch r.Verdict {
	case health.Pass:
		result = "pass"
	case health.Fail:
		result = "fail"
	}
	m.checks.WithLabelValues(k.Site, k.Check, result).Inc()
	m.durations.WithLabelValues(k.Site, k.Check).Observe(r.Latency.Seconds())
}

// AddressHealth is the state of an address.
type AddressHealth struct {
	Site, Address string
	Up            bool
}

// SetHealth replaces the states of all addresses in one step; a site is up if
// any of its addresses is. It keeps states.
func (m *Metrics) SetHealth(states []AddressHealth) { m.health.Store(&states) }

// Forget drops the series of checks that are gone: it keeps those of the given
// keys, and from now on takes results of no others.
func (m *Metrics) Forget(keep []health.Key) {
	kept := make(map[checkLabels]bool, len(keep))
	for _, k := range keep {
		kept[checkLabels{k.Site, k.Check}] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = kept
	for labels := range m.probed {
		if !kept[labels] {
			match := prometheus.Labels{"site": labels.site, "check": labels.check}
			m.checks.DeletePartialMatch(match)
			m.durations.DeletePartialMatch(match)
			delete(m.probed, labels)
		}
	}
}

// SetDatabases tells which geo databases are in use and when they were built.
func (m *Metrics) SetDatabases(built map[string]time.Time) {
	m.databases.Reset()
	for name, t := range built {
		m.databases.WithLabelValues(name).Set(float64(t.Unix()))
	}
}

// SetLoad tells how the last load of the files went.
func (m *Metrics) SetLoad(ok bool, at time.Time) {
	m.configOK.Set(number(ok))
	if ok {
		m.mu.Lock()
		m.loadedAt = at
		m.mu.Unlock()
	}
}

func (m *Metrics) lastLoad() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loadedAt
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
