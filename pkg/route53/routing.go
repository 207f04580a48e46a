package route53

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// addPolicy writes the policy of a name from its entries.
func (c *converter) addPolicy(o *owner, entries []entry) {
	body := flow("failover", list())
	if len(entries) > 0 {
		first := entries[0].rule()
		switch {
		case first.Failover != "":
			body = failover(entries)
		case first.Weight != nil:
			body = weighted(entries)
		case first.GeoLocation != nil:
			body = c.geo(o, entries)
		case first.Region != "" || first.Proximity != nil:
			body = c.nearest(o, entries)
		case first.CIDR != nil:
			body = c.cidr(o, entries)
		default:
			body = flow("all", uses(entries), "max", number(8))
		}
	}
	if l := body.Content[1]; l.Kind == yaml.SequenceNode && len(l.Content) == 0 {
		c.left.Warnf(o.sets[o.sortedTypes()[0]][0].pos, "a site or policy in it, or no STEER at that name",
			"%s: nothing could be carried over, and its policy %s is empty", o.name, o.policy)
	}
	c.policies = append(c.policies, policyText{o.policy, body})
}

// uses returns the targets of entries as a list.
func uses(entries []entry) *yaml.Node {
	l := list()
	for _, e := range entries {
		l.Content = append(l.Content, scalar(e.use))
	}
	return l
}

func failover(entries []entry) *yaml.Node {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.rule().Failover, b.rule().Failover) })
	return flow("failover", uses(entries)) // PRIMARY, SECONDARY
}

func weighted(entries []entry) *yaml.Node {
	l := list()
	for _, e := range entries {
		w := 0
		if e.rule().Weight != nil {
			w = int(*e.rule().Weight)
		}
		l.Content = append(l.Content, flow("use", scalar(e.use), "weight", number(w)))
	}
	return flow("weighted", l)
}

// geo returns rules from the narrowest to the widest, as Route 53 looks for a
// location. Without a default one, those who are nowhere get no record: that
// is what a geo policy within another does when no rule matches.
func (c *converter) geo(o *owner, entries []entry) *yaml.Node {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.rule().GeoLocation.width(), b.rule().GeoLocation.width()) })
	rules := &yaml.Node{Kind: yaml.SequenceNode}
	hasDefault := false
	for _, e := range entries {
		g := e.rule().GeoLocation
		rule := flow()
		switch g.width() {
		case 0:
			put(rule, "subdivision", list(scalar(g.CountryCode+"-"+g.SubdivisionCode)))
			c.left.Warnf(e.rule().pos, "a City database under geo.database",
				"%s (%s): the database that is built in knows no subdivisions, such as %s-%s", o.name, e.id, g.CountryCode, g.SubdivisionCode)
		case 1:
			put(rule, "country", list(quoted(g.CountryCode)))
		case 2:
			put(rule, "continent", list(quoted(g.ContinentCode)))
		default:
			hasDefault = true
		}
		put(rule, "use", scalar(e.use))
		rules.Content = append(rules.Content, rule)
	}
	body := &yaml.Node{Kind: yaml.MappingNode}
	put(body, "geo", rules)
	return c.nested(o, body, hasDefault)
}

// nested returns the body of the policy of a name: a geo policy without a
// catch-all is put into a policy of its own.
func (c *converter) nested(o *owner, body *yaml.Node, catchAll bool) *yaml.Node {
	if catchAll {
		return body
	}
	inner := c.unique(o.policy + "-places")
	c.policies = append(c.policies, policyText{inner, body})
	return flow("failover", list(scalar(inner)))
}

// width orders locations: subdivision, country, continent, default.
func (g *geoLocation) width() int {
	switch {
	case g.SubdivisionCode != "":
		return 0
	case g.CountryCode != "" && g.CountryCode != "*":
		return 1
	case g.ContinentCode != "":
		return 2
	}
	return 3
}

// nearest returns latency and geoproximity routing by distance.
func (c *converter) nearest(o *owner, entries []entry) *yaml.Node {
	if i := slices.IndexFunc(entries, func(e entry) bool { return !c.isSite(e.use) }); i >= 0 {
		c.left.Warnf(entries[i].rule().pos, "nearest over the sites themselves, or rules of geo",
			"%s (%s): the nearest is chosen among sites, and this is a policy: failover in the order of the records stands in", o.name, entries[i].id)
		return flow("failover", uses(entries))
	}
	l, bias := list(), flow()
	for _, e := range entries {
		rs := e.rule()
		if rs.location() == nil {
			c.left.Warnf(rs.pos, "a record with coordinates", "%s (%s): the place of %s is not known: left out", o.name, e.id, rs.region())
			continue
		}
		if region, city := splitRegion(rs.region()); city != "" && localZones[city] == [2]float64{} {
			c.left.Warnf(rs.pos, "the coordinates of the city",
				"%s (%s): the place of %s is not known: that of its region %s is taken", o.name, e.id, rs.region(), region)
		}
		l.Content = append(l.Content, scalar(e.use))
		if rs.Proximity != nil && rs.Proximity.Bias != 0 {
			put(bias, e.use, number(rs.Proximity.Bias))
		}
	}
	if entries[0].rule().Region != "" {
		c.left.Warnf(entries[0].rule().pos, "", "%s: Amazon measures latency, here the distance to the region decides", o.name)
	}
	if len(bias.Content) > 0 {
		return flow("nearest", l, "bias", bias)
	}
	return flow("nearest", l)
}

func (c *converter) isSite(name string) bool {
	return slices.ContainsFunc(c.sites, func(s siteText) bool { return s.name == name })
}

// region returns the region that a record names.
func (rs *recordSet) region() string {
	if rs.Proximity != nil {
		return rs.Proximity.AWSRegion + rs.Proximity.LocalZoneGroup
	}
	return rs.Region
}

// location returns where a record says that it is, or nil.
func (rs *recordSet) location() *yaml.Node {
	if p := rs.Proximity; p != nil && p.Coordinates != nil {
		return list(scalar(p.Coordinates.Latitude.String()), scalar(p.Coordinates.Longitude.String()))
	}
	region, city := splitRegion(rs.region())
	at, ok := localZones[city]
	if !ok {
		at, ok = regions[region]
	}
	if !ok {
		return nil
	}
	return list(scalar(fmt.Sprint(at[0])), scalar(fmt.Sprint(at[1])))
}

// splitRegion returns the region of a name such as "us-west-2", or of a local
// zone group such as "us-west-2-lax-1" the region and the city.
func splitRegion(name string) (region, city string) {
	parts := strings.Split(name, "-")
	if _, ok := regions[name]; ok || len(parts) < 4 {
		return name, ""
	}
	return strings.Join(parts[:3], "-"), parts[3]
}

// cidr returns rules for the blocks of each location.
func (c *converter) cidr(o *owner, entries []entry) *yaml.Node {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(isDefault(a), isDefault(b)) })
	rules := &yaml.Node{Kind: yaml.SequenceNode}
	hasDefault := false
	for _, e := range entries {
		rs := e.rule()
		rule := flow()
		if isDefault(e) == 1 {
			hasDefault = true
		} else {
			blocks := c.in.blocks[rs.CIDR.LocationName]
			if len(blocks) == 0 {
				c.left.Warnf(rs.pos, "give the answer of aws route53 list-cidr-blocks too",
					"%s (%s): the blocks of location %s are not in the input: left out", o.name, e.id, rs.CIDR.LocationName)
				continue
			}
			l := list()
			for _, b := range blocks {
				l.Content = append(l.Content, scalar(b))
			}
			put(rule, "cidr", l)
		}
		put(rule, "use", scalar(e.use))
		rules.Content = append(rules.Content, rule)
	}
	body := &yaml.Node{Kind: yaml.MappingNode}
	put(body, "geo", rules)
	return c.nested(o, body, hasDefault)
}

// isDefault is 1 for the location that stands for everybody else.
func isDefault(e entry) int {
	if e.rule().CIDR != nil && e.rule().CIDR.LocationName == "*" {
		return 1
	}
	return 0
}
