// Package metrics owns what Prometheus can scrape of geodns, in a registry of
// its own.
//
// It decides nothing: the runtime tells it what happened, and what is so at a
// scrape.
// Label values come from the configuration alone, never from the network. The
// entry points are [New] and [Metrics.Handler].
//
//	geodns_queries_total{zone,type,rcode}             questions answered
//	geodns_queries_transport_total{proto}             the same by udp and tcp
//	geodns_queries_dropped_total                      packets met with silence
//	geodns_rate_limited_total{action}                 answers dropped, or truncated (slip), by rate limiting
//	geodns_answers_total{policy,site}                 answers made by a policy
//	geodns_checks_total{site,check,result}            probes: pass, fail, no_verdict
//	geodns_check_duration_seconds{site,check}         how long they took
//	geodns_check_warnings{site,check}                 addresses whose last probe warned
//	geodns_site_up{site}, geodns_address_up{site,address}
//	geodns_site_share{site}, geodns_override{policy,site,address,state}
//	geodns_site_capacity{site}, geodns_site_load{site}
//	geodns_site_held{site}, geodns_site_kept{site}, geodns_guard_refused_total
//	geodns_state_ok                                   overrides and states are kept
//	geodns_config_ok                                  the last load was good
//	geodns_config_last_reload_success_timestamp_seconds
//	geodns_config_last_reload_age_seconds             time since the last good load
//	geodns_geo_database_build_timestamp_seconds{database}
//	geodns_server_*                                   sockets and connections
//	geodns_build_info{version,goversion}
package metrics

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is everything that can be scraped. It is safe for concurrent use.
type Metrics struct {
	// Counters are what serving threads add to.
	*Counters
	// GuardRefused counts what operators asked for and a guard forbade.
	GuardRefused prometheus.Counter

	registry  *prometheus.Registry
	configOK  prometheus.Gauge
	stateOK   prometheus.Gauge
	databases *prometheus.GaugeVec

	mu       sync.Mutex
	loadedAt time.Time
	checks   *checkTable
	health   func() Health // nil: nobody to ask
}

// New returns metrics for serving threads 0 to workers-1.
func New(workers int, version string) *Metrics {
	m := &Metrics{
		Counters: newCounters(workers),
		registry: prometheus.NewRegistry(),
		configOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geodns_config_ok", Help: "Whether the last load of the files was good; if not, older ones are served."}),
		GuardRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "geodns_guard_refused_total", Help: "Drains and forces that were refused because of a guard."}),
		stateOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geodns_state_ok", Help: "Whether what an earlier run kept could be read, and overrides and states can be kept."}),
		databases: gaugeVec("geo_database_build_timestamp_seconds", "When the data of a geo database were put together.", "database"),
		checks:    &checkTable{},
	}
	m.reserveFixed()
	info := gaugeVec("build_info", "Constant 1, with the version.", "version", "goversion")
	info.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.configOK, m.stateOK, m.GuardRefused, m.databases, info,
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

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "geodns_" + name, Help: help}, labels)
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
