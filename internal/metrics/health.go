package metrics

import "net/netip"

// Health is the state of all sites at a scrape.
type Health struct {
	Sites     []SiteHealth    // each once
	Addresses []AddressHealth // each once
	InForce   []Override
}

// SiteHealth is the state of a site.
type SiteHealth struct {
	Site  string
	Up    bool    // any of its addresses is up
	Share float64 // part of its clients that it may have, 0 to 1
	Held  bool    // recovered, and held back
	Kept  bool    // in by a guard

	Capacity float64 // +Inf: no bound
	Load     float64 // NaN: no fresh report
}

// AddressHealth is the state of an address of a site.
type AddressHealth struct {
	Site    string
	Address netip.Addr
	Up      bool
}

// Override is an override in force.
type Override struct {
	Policy, Site, Address, State string // "" where it does not apply
}

// AddHealth sets who is asked at each scrape for the state of the sites, which
// is not held twice that way, and not made into text at every change.
func (m *Metrics) AddHealth(source func() Health) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health = source
}

// SetStateOK tells whether overrides and states are kept on disk.
func (m *Metrics) SetStateOK(ok bool) { m.stateOK.Set(number(ok)) }

func (h Health) write(w *writer) {
	sites := func(name, help string, value func(*SiteHealth) float64) {
		w.family(name, "gauge", help)
		for i := range h.Sites {
			w.sample(name, value(&h.Sites[i]), "site", h.Sites[i].Site)
		}
	}
	w.family("geodns_address_up", "gauge", "Whether an address is up.")
	for _, a := range h.Addresses {
		w.sample("geodns_address_up", number(a.Up), "address", a.Address.String(), "site", a.Site)
	}
	sites("geodns_site_up", "Whether any address of a site is up.", func(s *SiteHealth) float64 { return number(s.Up) })
	sites("geodns_site_share", "Part of its clients that a site may have, 0 to 1.", func(s *SiteHealth) float64 { return s.Share })
	sites("geodns_site_capacity", "Load that a site can take, in the unit of its reports; +Inf: no bound.", func(s *SiteHealth) float64 { return s.Capacity })
	sites("geodns_site_load", "Load of a site as last reported, NaN where that is not fresh.", func(s *SiteHealth) float64 { return s.Load })
	sites("geodns_site_held", "Whether a site has recovered and is held back by fail_back.", func(s *SiteHealth) float64 { return number(s.Held) })
	sites("geodns_site_kept", "Whether a guard keeps a site in although its checks fail.", func(s *SiteHealth) float64 { return number(s.Kept) })
	w.family("geodns_override", "gauge", "Overrides in force: drained, draining, returning, forced up or forced down.")
	for _, o := range h.InForce {
		w.sample("geodns_override", 1, "address", o.Address, "policy", o.Policy, "site", o.Site, "state", o.State)
	}
}
