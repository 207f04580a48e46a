package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	descSiteShare = desc("site_share", "Part of its clients that a site may have, 0 to 1.", "site")
	descOverride  = desc("override", "Overrides in force: drained, draining, returning, forced up or forced down.",
		"policy", "site", "address", "state")
	descCapacity = desc("site_capacity", "Load that a site can take, in the unit of its reports; +Inf: no bound.", "site")
	descLoad     = desc("site_load", "Load of a site as last reported, NaN where that is not fresh.", "site")
	descHeld     = desc("site_held", "Whether a site has recovered and is held back by fail_back.", "site")
	descKept     = desc("site_kept", "Whether a guard keeps a site in although its checks fail.", "site")
)

// Override is an override in force.
type Override struct {
	Policy, Site, Address, State string // "" where it does not apply
}

// Overrides are what operators decided, and what it amounts to.
type Overrides struct {
	InForce []Override
	Sites   []SiteShare
}

// SiteShare is what of its clients a site may have.
type SiteShare struct {
	Site  string
	Share float64 // 0 to 1
	Held  bool    // recovered, and held back
	Kept  bool    // in by a guard

	Capacity float64 // +Inf: no bound
	Load     float64 // NaN: no fresh report
}

// SetOverrides replaces what is told about overrides. It keeps o.
func (m *Metrics) SetOverrides(o Overrides) { m.overrides.Store(&o) }

// SetStateOK tells whether overrides and states are kept on disk.
func (m *Metrics) SetStateOK(ok bool) { m.stateOK.Set(number(ok)) }

// overrideCollector makes the series of overrides from those set last.
type overrideCollector struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (c overrideCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descSiteShare
	ch <- descOverride
	ch <- descCapacity
	ch <- descLoad
	ch <- descHeld
	ch <- descKept
}

// Collect implements prometheus.Collector.
func (c overrideCollector) Collect(ch chan<- prometheus.Metric) {
	o := c.m.overrides.Load()
	if o == nil {
		return
	}
	for i := range o.Sites {
		st := &o.Sites[i]
		site := label(st.Site)
		ch <- prometheus.MustNewConstMetric(descSiteShare, prometheus.GaugeValue, st.Share, site)
		ch <- prometheus.MustNewConstMetric(descKept, prometheus.GaugeValue, number(st.Kept), site)
		ch <- prometheus.MustNewConstMetric(descHeld, prometheus.GaugeValue, number(st.Held), site)
		ch <- prometheus.MustNewConstMetric(descCapacity, prometheus.GaugeValue, st.Capacity, site)
		ch <- prometheus.MustNewConstMetric(descLoad, prometheus.GaugeValue, st.Load, site)
	}
	// A map, since a series that is there twice would fail the whole scrape.
	seen := map[Override]bool{}
	for _, v := range o.InForce {
		v = Override{label(v.Policy), label(v.Site), v.Address, v.State}
		if !seen[v] {
			seen[v] = true
			ch <- prometheus.MustNewConstMetric(descOverride, prometheus.GaugeValue, 1, v.Policy, v.Site, v.Address, v.State)
		}
	}
}
