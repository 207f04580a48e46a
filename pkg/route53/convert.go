package route53

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// File is a file to be written.
type File struct {
	Name string // without a folder
	Data []byte
}

// Converted is what becomes of an input.
type Converted struct {
	Zones    []File // one for each hosted zone, named by its origin
	Steering File   // without Data if nothing is steered
	Steered  int    // names with a STEER record
	Plain    int    // ordinary records
	// Left are the findings: warnings for what could not be carried over or
	// behaves otherwise here, each at its place in the input.
	Left diag.List
}

// Convert turns what was read into files. Errors mean that there is nothing to
// write.
func (in *Input) Convert() Converted {
	c := converter{in: in, taken: map[string]bool{}, owners: map[string]*owner{}}
	c.findZones()
	if c.left.HasErrors() {
		return Converted{Left: c.left}
	}
	c.sortOwners()
	c.warnOfPrivateZones()
	c.readChecks()
	for _, z := range c.zones {
		for _, o := range z.owners {
			if c.isSteered(o) {
				o.policy = c.unique(o.label())
			}
		}
	}
	out := Converted{}
	for _, z := range c.zones {
		out.Zones = append(out.Zones, File{strings.TrimSuffix(z.origin, ".") + ".zone", c.writeZone(z, &out)})
	}
	out.Steering = File{Name: "steering.yaml", Data: c.writeSteering()}
	c.left.Sort()
	out.Left = slices.Compact(c.left) // a check is told once, not for each record
	return out
}

// converter is the work on one input.
type converter struct {
	in     *Input
	zones  []*hostedZone
	owners map[string]*owner
	taken  map[string]bool // names of sites and policies

	checks   []*check
	checkOf  map[string]*check
	sites    []siteText
	policies []policyText
	left     diag.List
}

// findZones makes a zone of each SOA.
func (c *converter) findZones() {
	for _, rs := range c.in.records {
		if rs.Type == "SOA" {
			c.zones = append(c.zones, &hostedZone{origin: masterName(rs.Name)})
		}
	}
	if len(c.zones) == 0 {
		var at diag.Pos
		if len(c.in.records) > 0 {
			at = c.in.records[0].pos
		}
		c.left.Errorf(at, "all records of a hosted zone", "no SOA record, so no zone")
	}
	// The deepest zone has its names.
	slices.SortStableFunc(c.zones, func(a, b *hostedZone) int { return cmp.Compare(len(b.origin), len(a.origin)) })
}

// sortOwners puts each record set to its name.
func (c *converter) sortOwners() {
	for _, rs := range c.in.records {
		name := masterName(rs.Name)
		i := slices.IndexFunc(c.zones, func(z *hostedZone) bool { return z.under(name) })
		if i < 0 {
			c.left.Warnf(rs.pos, "import it with its own zone", "%s lies in none of the zones: left out", name)
			continue
		}
		o := c.owners[name]
		if o == nil {
			o = &owner{name: name, zone: c.zones[i], sets: map[string][]recordSet{}}
			c.owners[name] = o
			o.zone.owners = append(o.zone.owners, o)
		}
		if o.sets[rs.Type] == nil {
			o.types = append(o.types, rs.Type)
		}
		o.sets[rs.Type] = append(o.sets[rs.Type], rs)
	}
	slices.Reverse(c.zones)
}

// routed reports whether a record set takes part in any routing.
func (rs *recordSet) routed() bool {
	return rs.SetIdentifier != ""
}

// isSteered reports whether a name must be steered: a set of it is routed, or
// an alias of one that is.
func (c *converter) isSteered(o *owner) bool {
	return c.steered(o, 0)
}

// maxAliases bounds how far aliases are followed.
const maxAliases = 16

func (c *converter) steered(o *owner, depth int) bool {
	for _, t := range o.types {
		for _, rs := range o.sets[t] {
			if rs.routed() {
				return true
			}
			if to := c.aliasOwner(&rs); to != nil && to != o && depth < maxAliases && c.steered(to, depth+1) {
				return true
			}
		}
	}
	return false
}

// aliasOwner returns the name that a set is an alias of, if it is one of ours.
func (c *converter) aliasOwner(rs *recordSet) *owner {
	if rs.AliasTarget == nil {
		return nil
	}
	return c.owners[masterName(rs.AliasTarget.DNSName)]
}

// values returns the data of a set: its own, or what it is an alias of has. ok
// is false if that is steered, not ours, or has no such record.
func (c *converter) values(rs *recordSet) (data []string, ttl uint32, ok bool) {
	for range maxAliases {
		if rs.AliasTarget == nil {
			for _, r := range rs.ResourceRecords {
				data = append(data, masterData(rs.Type, r.Value))
			}
			return data, rs.TTL, len(data) > 0
		}
		to := c.aliasOwner(rs)
		if to == nil || to.policy != "" || len(to.sets[rs.Type]) != 1 {
			return nil, 0, false
		}
		rs = &to.sets[rs.Type][0]
	}
	return nil, 0, false
}

// sortedTypes returns the types of a name, addresses first.
func (o *owner) sortedTypes() []string {
	rank := func(t string) int {
		return slices.Index([]string{"AAAA", "A"}, t) // -1 for the others
	}
	types := slices.Collect(maps.Keys(o.sets))
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(rank(b)-rank(a), cmp.Compare(a, b)) })
	return types
}
