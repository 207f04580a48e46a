package route53

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// writeZone returns the master file of a zone.
func (c *converter) writeZone(z *hostedZone, out *Converted) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "; %s, carried over from Amazon Route 53\n", z.origin)
	slices.SortStableFunc(z.owners, func(a, b *owner) int { return compareNames(a.name, b.name, z.origin) })
	for _, o := range z.owners {
		types := o.sortedTypes()
		if o.policy != "" {
			var ttl uint32
			ttl, types = c.steer(o)
			line(&b, z.relative(o.name), ttl, "STEER", o.policy)
			out.Steered++
		}
		slices.SortStableFunc(types, func(a, b string) int { return first(a) - first(b) })
		for _, t := range types {
			out.Plain += c.writePlain(&b, o, &o.sets[t][0])
		}
	}
	c.warnOfAmazonsServers(z)
	return b.Bytes()
}

// first puts SOA and NS before the other types.
func first(t string) int {
	switch t {
	case "SOA":
		return 0
	case "NS":
		return 1
	}
	return 2
}

// compareNames puts the origin first, then sorts by the labels from the right.
func compareNames(a, b, origin string) int {
	if a == origin || b == origin {
		return len(a) - len(b)
	}
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	slices.Reverse(left)
	slices.Reverse(right)
	return slices.Compare(left, right)
}

// writePlain writes a set that is not steered, and returns how many records
// that were.
func (c *converter) writePlain(b *bytes.Buffer, o *owner, rs *recordSet) int {
	switch {
	case rs.TrafficPolicy != "":
		c.left.Warnf(rs.pos, "a policy in steering.yaml", "%s %s is made by traffic policy instance %s: left out", o.name, rs.Type, rs.TrafficPolicy)
		return 0
	case rs.HealthCheckID != "":
		c.left.Warnf(rs.pos, "", "%s %s is not routed: its health check decides nothing", o.name, rs.Type)
	}
	values, ttl, ok := c.values(rs)
	kind := rs.Type
	if rs.AliasTarget != nil && ok {
		c.left.Warnf(rs.pos, "change both together", "%s %s is an alias of %s: its records were copied", o.name, rs.Type, masterName(rs.AliasTarget.DNSName))
	}
	if !ok {
		if rs.Type == "AAAA" && o.sets["A"] != nil && o.sets["A"][0].AliasTarget != nil &&
			o.sets["A"][0].AliasTarget.DNSName == rs.AliasTarget.DNSName {
			return 0 // the CNAME of its A is for both
		}
		record, why := c.outside(o, rs)
		if why != "" {
			c.left.Warnf(rs.pos, "addresses, or a name below the apex", "%s %s %s: left out", o.name, rs.Type, why)
			return 0
		}
		var value string
		kind, value, _ = strings.Cut(record, " ")
		values, ttl = []string{value}, ttlOfAlias
	}
	for _, v := range values {
		line(b, o.zone.relative(o.name), ttl, kind, v)
	}
	return len(values)
}

// line writes one record.
func line(b *bytes.Buffer, name string, ttl uint32, kind, data string) {
	fmt.Fprintf(b, "%-23s %6d %-5s %s\n", name, ttl, kind, data)
}

// warnOfAmazonsServers says that the zone still names other people's servers.
func (c *converter) warnOfAmazonsServers(z *hostedZone) {
	apex := c.owners[z.origin]
	for _, t := range []string{"NS", "SOA"} {
		if sets := apex.sets[t]; len(sets) > 0 && strings.Contains(fmt.Sprint(sets[0].ResourceRecords), "awsdns") {
			c.left.Warnf(sets[0].pos, "the names of your own servers", "%s %s still names Amazon's name servers", z.origin, t)
		}
	}
}

// warnOfPrivateZones says who could ask a zone so far.
func (c *converter) warnOfPrivateZones() {
	for _, z := range c.in.hosted {
		if z.Config.PrivateZone {
			c.left.Warnf(z.pos, "a firewall, or a listen address that only they reach",
				"%s is a private zone, which only its VPCs can ask; here whoever reaches the server can", masterName(z.Name))
		}
	}
}

// writeSteering returns steering.yaml; nil if nothing is steered.
func (c *converter) writeSteering() []byte {
	if len(c.policies) == 0 {
		return nil
	}
	doc := block()
	doc.HeadComment = "Carried over from Amazon Route 53."
	if checks := c.writeChecks(); len(checks.Content) > 0 {
		put(doc, "checks", checks)
	}
	sites := block()
	for _, s := range c.sites {
		put(sites, s.name, s.body)
	}
	if len(c.sites) > 0 {
		put(doc, "sites", sites)
	}
	policies := block()
	for _, p := range c.policies {
		put(policies, p.name, p.body)
	}
	put(doc, "policies", policies)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		panic("route53: nodes of our own cannot be encoded: " + err.Error())
	}
	return b.Bytes()
}
