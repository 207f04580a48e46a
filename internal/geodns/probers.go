package geodns

import (
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// newProber returns the prober of a configured check.
func newProber(c *steering.Check) (prober, error) {
	if c.TCP != nil {
		return probe.NewTCP(probe.TCPConfig{Port: c.TCP.Port}), nil
	}
	h := c.HTTP
	status := make([]probe.StatusRange, len(h.Status))
	for i, s := range h.Status {
		status[i] = probe.StatusRange(s)
	}
	return probe.NewHTTP(probe.HTTPConfig{
		Scheme: h.Scheme, Port: h.Port, Path: h.Path, Method: h.Method, Host: h.Host, Headers: h.Headers,
		Status: status, Body: h.Body, BodyRegex: h.BodyRegex,
		Insecure: h.Insecure, Redirects: h.Redirects, KeepAlive: h.KeepAlive,
	})
}

// targets returns what is to be probed, with one prober for each check.
func targets(cfg *steering.Config, list *diag.List) []target {
	probers := map[string]prober{}
	for i := range cfg.Checks {
		c := &cfg.Checks[i]
		p, err := newProber(c)
		if err != nil {
			list.Errorf(c.Pos, "", "check %s: %v", c.Name, err)
		}
		probers[c.Name] = p
	}
	watches := cfg.Watches()
	out := make([]target, len(watches))
	for i, w := range watches {
		out[i] = target{Watch: w, prober: probers[w.Key.Check]}
	}
	return out
}
