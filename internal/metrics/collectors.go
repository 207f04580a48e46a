package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Sample is one value of a server's statistics.
type Sample struct {
	Name    string // without the prefix geodns_server_
	Help    string
	Counter bool // it only grows
	Value   float64
}

// AddServer adds the statistics of the server's sockets, read at each scrape.
// The names must not change from one call of stats to the next.
func (m *Metrics) AddServer(stats func() []Sample) {
	m.registry.MustRegister(&serverCollector{stats})
}

type serverCollector struct{ stats func() []Sample }

// Describe implements prometheus.Collector.
func (c *serverCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range c.stats() {
		ch <- desc("server_"+s.Name, s.Help)
	}
}

// Collect implements prometheus.Collector.
func (c *serverCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.stats() {
		kind := prometheus.GaugeValue
		if s.Counter {
			kind = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(desc("server_"+s.Name, s.Help), kind, s.Value)
	}
}
