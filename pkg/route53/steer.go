package route53

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// siteText and policyText are what stands in steering.yaml.
type siteText struct {
	name string
	body *yaml.Node
}

type policyText struct {
	name string
	body *yaml.Node
}

// entry is one routed record of a name: a set for each type, with the same
// identifier and the same routing.
type entry struct {
	id   string
	sets []recordSet
	use  string // site or policy that it becomes
}

// rule returns the routing of the entry, which is the same in all of its sets.
func (e *entry) rule() *recordSet { return &e.sets[0] }

// steer writes the policy of a name, and returns the TTL of its STEER record.
// Types in plain stay ordinary records.
func (c *converter) steer(o *owner) (ttl uint32, plain []string) {
	if to := c.aliasOfSteered(o); to != nil {
		c.policies = append(c.policies, policyText{o.policy, flow("failover", list(scalar(to.policy)))})
		return c.ttl(to, 0), c.others(o)
	}
	entries, plain := c.entries(o)
	var kept []entry
	ttls := map[uint32]bool{}
	for _, e := range entries {
		t, ok := c.target(o, &e)
		if !ok {
			continue
		}
		ttls[t] = true
		if ttl == 0 || t < ttl {
			ttl = t
		}
		kept = append(kept, e)
	}
	if len(ttls) > 1 {
		c.left.Warnf(entries[0].rule().pos, "", "%s: the TTLs of its records differ: all are answered with %d", o.name, ttl)
	}
	c.addPolicy(o, kept)
	return ttl, plain
}

// ttlOfAlias is the TTL, in seconds, that Amazon gives an alias of what is not
// in the zone.
const ttlOfAlias = 60

// ttl returns the shortest TTL of the addresses of a name: an alias has that of
// what it is an alias of.
func (c *converter) ttl(o *owner, depth int) uint32 {
	least := uint32(0)
	for _, t := range o.types {
		for _, rs := range o.sets[t] {
			ttl := rs.TTL
			if to := c.aliasOwner(&rs); to != nil && depth < maxAliases {
				ttl = c.ttl(to, depth+1)
			} else if rs.AliasTarget != nil {
				ttl = ttlOfAlias
			}
			if least == 0 || ttl < least {
				least = ttl
			}
		}
	}
	return least
}

// aliasOfSteered returns the steered name that all addresses of o are an alias
// of, or nil.
func (c *converter) aliasOfSteered(o *owner) *owner {
	var found *owner
	for _, t := range o.types {
		for _, rs := range o.sets[t] {
			if rs.routed() {
				return nil
			}
			if to := c.aliasOwner(&rs); to != nil && to.policy != "" {
				if found != nil && found != to {
					c.left.Warnf(rs.pos, "two names", "%s %s is an alias of %s, other types of %s: left out", o.name, t, to.name, found.name)
					continue
				}
				found = to
			}
		}
	}
	return found
}

// others returns the types of a name that are no alias of a steered one.
func (c *converter) others(o *owner) []string {
	var out []string
	for _, t := range o.sortedTypes() {
		if to := c.aliasOwner(&o.sets[t][0]); to == nil || to.policy == "" {
			out = append(out, t)
		}
	}
	return out
}

// entries joins the routed sets of a name over its types: those of the first
// type, with those of each other type that is routed the same way.
func (c *converter) entries(o *owner) (out []entry, plain []string) {
	var alike string
	for _, t := range o.sortedTypes() {
		sets := o.sets[t]
		if !sets[0].routed() {
			plain = append(plain, t)
			continue
		}
		sets = slices.Clone(sets)
		slices.SortStableFunc(sets, func(a, b recordSet) int { return cmp.Compare(a.SetIdentifier, b.SetIdentifier) })
		if out == nil {
			alike = routing(sets)
			for _, rs := range sets {
				out = append(out, entry{id: rs.SetIdentifier, sets: []recordSet{rs}})
			}
			continue
		}
		if routing(sets) != alike {
			c.left.Warnf(sets[0].pos, "a name of its own for this type",
				"%s %s is routed otherwise than %s, and a name has one policy: left out", o.name, t, out[0].rule().Type)
			continue
		}
		for i, rs := range sets {
			out[i].sets = append(out[i].sets, rs)
		}
	}
	return c.withPlainAddresses(o, out, plain)
}

// withPlainAddresses gives addresses that are not routed to each entry, if
// those of the other family are: beside STEER, ordinary addresses are only
// the last resort.
func (c *converter) withPlainAddresses(o *owner, entries []entry, plain []string) ([]entry, []string) {
	var rest []string
	for _, t := range plain {
		if (t != "A" && t != "AAAA") || len(entries) == 0 {
			rest = append(rest, t)
			continue
		}
		c.left.Warnf(o.sets[t][0].pos, "routed records for both families",
			"%s %s is not routed, but %s is: its addresses go with each of the others", o.name, t, entries[0].rule().Type)
		for i := range entries {
			entries[i].sets = append(entries[i].sets, o.sets[t][0])
		}
	}
	return entries, rest
}

// routing returns a text that is equal for two lists of sets exactly if they
// are routed the same way, set by set.
func routing(sets []recordSet) string {
	var b strings.Builder
	for _, rs := range sets {
		fmt.Fprintf(&b, "%q %s %q %v", rs.SetIdentifier, rs.Failover, rs.Region, rs.MultiValueAnswer)
		if rs.Weight != nil {
			fmt.Fprintf(&b, " w%d", *rs.Weight)
		}
		if rs.GeoLocation != nil {
			fmt.Fprintf(&b, " g%+v", *rs.GeoLocation)
		}
		if p := rs.Proximity; p != nil {
			fmt.Fprintf(&b, " p%q %d", p.AWSRegion+p.LocalZoneGroup, p.Bias)
			if p.Coordinates != nil {
				fmt.Fprintf(&b, " %+v", *p.Coordinates)
			}
		}
		if rs.CIDR != nil {
			fmt.Fprintf(&b, " c%+v", *rs.CIDR)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// target makes the site of an entry, or finds the policy that it is an alias
// of. It returns the TTL; ok is false if the entry is left out.
func (c *converter) target(o *owner, e *entry) (ttl uint32, ok bool) {
	first := e.rule()
	if to := c.aliasOwner(first); to != nil && to.policy != "" {
		e.use = to.policy
		if first.HealthCheckID != "" {
			c.left.Warnf(first.pos, "checks at the sites of "+to.name,
				"%s (%s): a health check of an alias is not carried over", o.name, e.id)
		}
		if !first.AliasTarget.EvaluateTargetHealth {
			c.left.Warnf(first.pos, "", "%s (%s): the alias counts as up with Amazon, here as its target %s does", o.name, e.id, to.name)
		}
		return c.ttl(to, 0), true
	}
	var addrs []string
	records := list()
	for i := range e.sets {
		rs := &e.sets[i]
		if rs.HealthCheckID != first.HealthCheckID {
			c.left.Warnf(rs.pos, "a site for each family, if they fail apart",
				"%s (%s): %s and %s have different health checks, or one has none: that of %s counts for both", o.name, e.id, first.Type, rs.Type, first.Type)
		}
		values, t, found := c.values(rs)
		switch {
		case found && (rs.Type == "A" || rs.Type == "AAAA"):
			addrs = append(addrs, values...)
		case found:
			for _, v := range values {
				records.Content = append(records.Content, scalar(rs.Type+" "+v))
			}
		case i > 0 && rs.AliasTarget != nil && len(records.Content) > 0:
			continue // the other family of the same alias
		default:
			record, why := c.outside(o, rs)
			if why != "" {
				c.left.Warnf(rs.pos, "addresses, or a name below the apex", "%s %s (%s): %s: left out", o.name, rs.Type, e.id, why)
				continue
			}
			records.Content, t = append(records.Content, scalar(record)), ttlOfAlias
			if rs.AliasTarget.EvaluateTargetHealth {
				target := masterName(rs.AliasTarget.DNSName)
				c.left.Warnf(rs.pos, "a check with target: "+strings.TrimSuffix(target, "."),
					"%s (%s): Amazon knows the health of %s, here it counts as up", o.name, e.id, target)
			}
		}
		if ttl == 0 || t < ttl {
			ttl = t
		}
	}
	if len(addrs) == 0 && len(records.Content) == 0 {
		return 0, false
	}
	e.use = c.addSite(o, e, addrs, records)
	return ttl, true
}

// outside returns the CNAME that an alias of a name which is not ours becomes,
// or why it cannot be had.
func (c *converter) outside(o *owner, rs *recordSet) (record, why string) {
	switch {
	case rs.AliasTarget == nil:
		return "", "has no value"
	case c.aliasOwner(rs) != nil:
		return "", "is an alias of " + masterName(rs.AliasTarget.DNSName) + ", which has no such record"
	case o.name == o.zone.origin:
		return "", "is an alias of " + masterName(rs.AliasTarget.DNSName) + " at the apex, where no CNAME may stand"
	}
	for _, t := range o.types {
		if t != "A" && t != "AAAA" {
			return "", "is an alias of " + masterName(rs.AliasTarget.DNSName) + " beside " + t + " records, where no CNAME may stand"
		}
	}
	return "CNAME " + masterName(rs.AliasTarget.DNSName), ""
}

// addSite writes a site and returns its name.
func (c *converter) addSite(o *owner, e *entry, addrs []string, records *yaml.Node) string {
	body := flow()
	if len(addrs) > 0 {
		l := list()
		for _, a := range addrs {
			l.Content = append(l.Content, scalar(a))
		}
		put(body, "addresses", l)
	}
	if len(records.Content) > 0 {
		put(body, "records", records)
	}
	if at := e.rule().location(); at != nil {
		put(body, "location", at)
	}
	var checks []string
	for i := range e.sets {
		name := c.use(&e.sets[i], addrs)
		if name != "" && !slices.Contains(checks, name) {
			checks = append(checks, name)
		}
	}
	switch len(checks) {
	case 0:
	case 1:
		put(body, "check", scalar(checks[0]))
	default:
		c.left.Warnf(e.rule().pos, "", "%s (%s): its types have health checks of their own: all must pass for any", o.name, e.id)
		l := list()
		for _, k := range checks {
			l.Content = append(l.Content, scalar(k))
		}
		put(body, "check", l)
	}
	name := c.unique(strings.ToLower(o.label() + "-" + e.id))
	c.sites = append(c.sites, siteText{name, body})
	return name
}
