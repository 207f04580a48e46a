package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

var (
	descSiteUp    = desc("site_up", "Whether any address of a site is up.", "site")
	descAddressUp = desc("address_up", "Whether an address is up.", "site", "address")
)

// healthCollector makes the series of sites and addresses from the states that
// were set last, so that what is gone disappears by itself.
type healthCollector struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (c healthCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descSiteUp
	ch <- descAddressUp
}

// Collect implements prometheus.Collector.
func (c healthCollector) Collect(ch chan<- prometheus.Metric) {
	states := c.m.health.Load()
	if states == nil {
		return
	}
	gauge := func(d *prometheus.Desc, up bool, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, number(up), labels...)
	}
	// Maps, since a series that is there twice would fail the whole scrape.
	sites := map[string]bool{}
	addresses := map[[2]string]bool{}
	for _, s := range *states {
		sites[s.Site] = sites[s.Site] || s.Up
		addresses[[2]string{s.Site, s.Address}] = s.Up
	}
	for a, up := range addresses {
		gauge(descAddressUp, up, a[0], a[1])
	}
	for site, up := range sites {
		gauge(descSiteUp, up, site)
	}
}

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
