package geodns

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// newProber returns the prober of a configured check that probes all sites
// alike; nil for those of [siteProber] and for a calculated check.
func newProber(c *steering.Check) (prober, error) {
	via := probe.Via(c.Via)
	switch {
	case c.TCP != nil:
		return probe.NewTCP(probe.TCPConfig{Port: c.TCP.Port, Send: c.TCP.Send, Expect: c.TCP.Expect, TLS: tlsOf(c.TCP.TLS), Via: via}), nil
	case c.HTTP != nil:
		return probe.NewHTTP(httpConfig(c.HTTP, via))
	case c.ICMP != nil:
		return probe.NewICMP(probe.ICMPConfig{Size: c.ICMP.Size, Via: via}), nil
	case c.DNS != nil:
		d := c.DNS
		return probe.NewDNS(probe.DNSConfig{
			Port: d.Port, Name: d.Name, Type: d.Type, Transport: d.Transport, RCode: d.RCode,
			Expect: d.Expect, Recursion: d.Recursion, Via: via,
		})
	case c.GRPC != nil:
		g := c.GRPC
		return probe.NewGRPC(probe.GRPCConfig{Port: g.Port, Service: g.Service, Host: g.Host, TLS: tlsOf(g.TLS), Via: via}), nil
	}
	return nil, nil
}

// siteProber returns a function that returns the prober of a check for the
// addresses of a site; nil for those of [newProber].
func siteProber(c *steering.Check) (func(site string) prober, error) {
	switch {
	case c.Push != nil:
		token, err := readToken(c.Push.TokenFile)
		return func(string) prober { return newPushed(c.Push.TTL, token) }, err
	case c.Exec != nil:
		config := probe.ExecConfig{Check: c.Name, Command: c.Exec.Command, Env: c.Exec.Env}
		if c.Exec.KeepAlive {
			kept := probe.NewKeptExec(config)
			return func(site string) prober { return kept.For(site) }, nil
		}
		return func(site string) prober { return probe.NewExec(config, site) }, nil
	case c.File != nil:
		config := probe.FileConfig(*c.File)
		return func(site string) prober { return probe.NewFile(config, site) }, nil
	}
	return nil, nil
}

// readToken returns the token in a file, which may not be readable to all;
// nil if there is no file.
func readToken(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 4 << 10
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSpace(data)
	if len(data) < 16 {
		return nil, fmt.Errorf("%s: a token of %d octets, at least 16 are needed", path, len(data))
	}
	return data, nil
}

func httpConfig(h *steering.HTTP, via probe.Via) probe.HTTPConfig {
	status := make([]probe.StatusRange, len(h.Status))
	for i, s := range h.Status {
		status[i] = probe.StatusRange(s)
	}
	return probe.HTTPConfig{
		Scheme: h.Scheme, Port: h.Port, Path: h.Path, Method: h.Method, Host: h.Host, Headers: h.Headers,
		Status: status, Body: h.Body, BodyRegex: h.BodyRegex,
		TLS: *tlsOf(&h.TLS), HTTP2: h.HTTP2, Load: probe.LoadConfig(h.Load), Via: via,
		Redirects: h.Redirects, KeepAlive: h.KeepAlive,
	}
}

// tlsOf returns the configuration of TLS, or nil for none.
func tlsOf(t *steering.TLS) *probe.TLSConfig {
	if t == nil {
		return nil
	}
	return &probe.TLSConfig{
		SNI: t.SNI, Insecure: t.Insecure, ExpiryWarn: t.ExpiryWarn, ExpiryFail: t.ExpiryFail,
		Min: map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[t.Min],
	}
}

// targets returns what is to be probed, with one prober for each check, or
// one for each of its sites. The probers of checks that did not change since
// before are those of before: they may hold connections, or a program that runs.
func targets(cfg *steering.Config, before proberCache, list *diag.List) ([]target, proberCache) {
	probers := proberCache{}
	for i := range cfg.Checks {
		c := &cfg.Checks[i]
		if known, ok := before[c.Name]; ok && known.serves(c) {
			probers[c.Name] = known
			continue
		}
		each, err := siteProber(c)
		if err != nil {
			list.Errorf(c.Pos, "", "check %s: %v", c.Name, err)
		}
		made := cachedProber{check: *c, each: each}
		if each == nil && c.Formula == nil {
			made.one, err = newProber(c)
			if made.one == nil && err == nil {
				err = errors.New("this kind cannot be probed")
			}
			if err != nil {
				list.Errorf(c.Pos, "", "check %s: %v", c.Name, err)
			}
		}
		probers[c.Name] = made
	}
	return probers.targets(cfg), probers
}

// proberCache holds the probers of checks by their names.
type proberCache map[string]cachedProber

// cachedProber probes as a check says: all sites alike, or each by a prober of
// its own.
type cachedProber struct {
	check steering.Check
	one   prober
	each  func(site string) prober
}

// serves reports whether the prober is worth being kept for a check: the check
// is the same, but for its place in the file, and when and how often it probes,
// and the prober holds something. One of a push check is made anew, since its
// token may be another one.
func (p cachedProber) serves(c *steering.Check) bool {
	if _, holds := p.one.(closer); !holds && (c.Exec == nil || !c.Exec.KeepAlive) {
		return false
	}
	was, is := p.check, *c
	was.Pos, is.Pos = diag.Pos{}, diag.Pos{}
	was.Spec, is.Spec = health.Spec{}, health.Spec{}
	return reflect.DeepEqual(was, is)
}

func (probers proberCache) targets(cfg *steering.Config) []target {
	watches := cfg.Watches()
	out := make([]target, len(watches))
	methods := map[methodOf]*method{}
	for i, w := range watches {
		of, p := methodOf{check: w.Key.Check}, probers[w.Key.Check]
		if p.each != nil {
			of.site = w.Key.Site
		}
		m := methods[of]
		if m == nil {
			m = &method{Spec: w.Spec, Formula: w.Formula, prober: p.one}
			if p.each != nil {
				m.prober = p.each(w.Key.Site)
			}
			methods[of] = m
		}
		out[i] = target{w.Key, m}
	}
	return out
}

// methodOf is for whom a method is: a check, or a check of one site.
type methodOf struct{ check, site string }
