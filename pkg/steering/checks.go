package steering

import (
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of a check.
const (
	minInterval  = 10 * time.Millisecond
	minTimeout   = time.Millisecond
	maxInterval  = 24 * time.Hour
	maxInARow    = 1000 // fall and rise
	maxRedirects = 5    // what redirects: true stands for
	maxBody      = 64 << 10
)

// checkKinds are the keys that say how to probe, of which a check has one.
var checkKinds = []string{"http", "https", "tcp", "icmp", "dns", "grpc", "exec", "push", "file", "calculated", "not"}

// overNetwork are the kinds whose packets go where target, source and
// interface say.
var overNetwork = []string{"http", "https", "tcp", "icmp", "dns", "grpc"}

// check reads one check.
func (r *reader) check(e entry, n *names) Check {
	what := "check " + e.key
	c := Check{Name: e.key, Pos: e.pos}
	var kinds, timing, via []entry
	for _, f := range r.fields(e.value, what, "{tcp: {port: 443}}", &checkKeys) {
		switch {
		case slices.Contains(checkKinds, f.key):
			r.kind(&c, f, what, n)
			kinds = append(kinds, f)
		case f.key == "target" || f.key == "source" || f.key == "interface":
			r.via(&c.Via, f, what)
			via = append(via, f)
		default:
			timing = append(timing, f)
		}
	}
	switch {
	case len(kinds) == 0 && e.node.Kind == yaml.MappingNode && !hasOther(e.value, &checkKeys),
		e.isNull():
		r.wrong(value{pos: e.pos}, "add one of "+strings.Join(checkKinds, ", "), "%s does not say how to probe", what)
	case len(kinds) > 1:
		r.wrong(value{pos: kinds[1].pos}, "one check for each; a site may have several",
			"%s has both %s and %s", what, kinds[0].key, kinds[1].key)
	case len(kinds) == 1 && len(via) > 0 && !slices.Contains(overNetwork, kinds[0].key):
		r.wrong(value{pos: via[0].pos}, "leave it out", "%s: %s means nothing to %s", what, via[0].key, kinds[0].key)
	}
	if c.Formula != nil {
		for _, f := range timing {
			r.wrong(value{pos: f.pos}, "leave it out; the checks it is made from have theirs", "%s: %s means nothing to a calculated check", what, f.key)
		}
		c.Spec.Fall, c.Spec.Rise = 1, 1
		return c
	}
	if c.Push != nil {
		c.Spec.Fall, c.Spec.Rise = 1, 1 // what reports has counted already
	}
	r.timing(&c.Spec, timing, what)
	return c
}

// kind reads how a check probes.
func (r *reader) kind(c *Check, f entry, what string, n *names) {
	switch f.key {
	case "http", "https":
		c.HTTP = r.http(f, what)
	case "tcp":
		c.TCP = r.tcp(f, what)
	case "icmp":
		c.ICMP = r.icmp(f, what)
	case "dns":
		c.DNS = r.dns(f, what)
	case "grpc":
		c.GRPC = r.grpc(f, what)
	case "exec":
		c.Exec = r.exec(f, what)
	case "push":
		c.Push = r.push(f, what)
	case "file":
		c.File = r.file(f, what)
	case "calculated":
		c.Formula = r.calculated(f, what, n)
	case "not":
		c.Formula = &health.Formula{Of: r.members(f.value, what+": not", n), AtLeast: 1, Not: true}
		if len(c.Formula.Of) > 1 {
			r.wrong(f.value, "not: web, or a calculated check of several and its not", "%s: not of several checks", what)
		}
	}
}

// timing reads how often a check probes, and what it takes to change.
func (r *reader) timing(spec *health.Spec, fields []entry, what string) {
	sound := true // the interval, as far as it is written
	var timeout, jitter diag.Pos
	for _, f := range fields {
		switch f.key {
		case "interval":
			spec.Interval, sound = r.duration(f.value, what+": interval", minInterval, maxInterval)
		case "timeout":
			timeout = f.value.pos
			spec.Timeout, _ = r.duration(f.value, what+": timeout", minTimeout, maxInterval)
		case "jitter":
			jitter = f.value.pos
			spec.Jitter, _ = r.duration(f.value, what+": jitter", minTimeout, maxInterval)
		case "fall":
			spec.Fall = r.inARow(f, what)
		case "rise":
			spec.Rise = r.inARow(f, what)
		}
	}
	*spec = spec.WithDefaults()
	if sound && timeout.Line != 0 && spec.Timeout > spec.Interval {
		r.wrong(value{pos: timeout}, "at most the interval",
			"%s: timeout %s is longer than interval %s", what, spec.Timeout, spec.Interval)
	}
	if sound && jitter.Line != 0 && spec.Jitter > spec.Interval {
		r.wrong(value{pos: jitter}, "at most the interval",
			"%s: jitter %s is longer than interval %s", what, spec.Jitter, spec.Interval)
	}
}

// hasOther reports whether a mapping has a key that is not among those known.
// What the mapping lacks is then probably what that key was meant to be, which
// has been told.
func hasOther(v value, k *keys) bool {
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if key := v.node.Content[i]; key.Tag != "!!merge" && !slices.Contains(k.known, key.Value) {
			return true
		}
	}
	return false
}

func (r *reader) inARow(f entry, what string) int {
	n, _ := r.integer(f.value, what+": "+f.key, 1, maxInARow)
	return int(n)
}

// port reads a port.
func (r *reader) port(f entry, what string) uint16 {
	n, _ := r.integer(f.value, what+": port", 1, 65535)
	return uint16(n)
}
