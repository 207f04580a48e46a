package steering

import (
	"strconv"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of how a site comes back.
const (
	minSlowStart = time.Second
	minHold      = time.Second
	maxCapacity  = 1e15
)

// siteRule reads one of the keys that say how a site comes back.
func (r *reader) siteRule(rules *health.Rules, f entry, what string) {
	what += ": " + f.key
	switch f.key {
	case "slow_start":
		rules.SlowStart, _ = r.duration(f.value, what, minSlowStart, health.MaxOver)
	case "fail_back":
		r.failBack(rules, f, what)
	case "capacity":
		n, err := strconv.ParseFloat(f.bare(), 64)
		if err != nil || !(n > 0 && n <= maxCapacity) {
			r.wrong(f.value, "a number above 0, in the unit in which loads are reported", "%s is %s", what, f.bare())
			return
		}
		rules.Capacity = n
	}
}

// failBack reads manual or {hold: 10m}.
func (r *reader) failBack(rules *health.Rules, f entry, what string) {
	const right = "manual, or {hold: 10m}"
	if f.node.Kind == yaml.ScalarNode && !f.isNull() {
		if f.node.Value != "manual" {
			r.wrong(f.value, right, "%s is %s", what, f.value)
		}
		rules.Manual = true
		return
	}
	switch {
	case f.node.Kind != yaml.MappingNode:
		r.wrong(f.value, right, "%s is %s", what, f.value)
		return
	case len(f.node.Content) == 0:
		r.wrong(f.value, right, "%s is an empty mapping", what)
	}
	for _, k := range r.fields(f.value, what, "{hold: 10m}", &failBackKeys) {
		rules.Hold, _ = r.duration(k.value, what+": hold", minHold, health.MaxOver)
	}
}
