package steering

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Config is what the files say together, in the order of the files and of
// their text. It is never changed once it is parsed.
type Config struct {
	Checks   []Check
	Sites    []Site
	Policies []*policy.Spec    // the named ones
	Guard    *policy.GuardSpec // of the policies that STEER records name and that have none; nil if not given

	broken bool // the files have errors: names are known, trees may have holes
	names  names
}

// Site is a configured site.
type Site struct {
	Name     string
	Pos      diag.Pos         // of the name
	Addrs    []netip.Addr     // none if the site has records alone
	Records  []Record         // beside addresses, as they are written
	Location *policy.Location // nil if not given
	Checks   []string         // names of the checks that each address must pass
	Rules    health.Rules     // how it comes back
}

// Record is a record of a site as it is written: "MX 10 mail.example.com.".
type Record struct {
	Text string
	Pos  diag.Pos
}

// NewSites numbers the sites for the policies, in their order, and the targets
// of the named policies.
func (c *Config) NewSites() *policy.Sites {
	specs := make([]policy.SiteSpec, len(c.Sites))
	for i, s := range c.Sites {
		specs[i] = policy.SiteSpec{Name: s.Name, Addrs: s.Addrs, Checks: s.Checks, Location: s.Location}
	}
	if c.broken {
		return policy.NewSites(specs)
	}
	return policy.NewSites(specs, c.Policies...)
}

// Watches returns what is to be watched: each check of each address of each
// site, or of the site as a whole if it has none, and the checks that a calculated one is made from.
func (c *Config) Watches() []health.Watch {
	var out []health.Watch
	for _, s := range c.Sites {
		names := c.withMembers(s.Checks)
		addrs := s.Addrs
		if len(addrs) == 0 {
			addrs = []netip.Addr{{}} // records alone: watched as a whole
		}
		for _, a := range addrs {
			for _, name := range names {
				check := c.Check(name)
				key := health.Key{Site: s.Name, Addr: a, Check: name}
				out = append(out, health.Watch{Key: key, Spec: check.Spec, Formula: check.Formula})
			}
		}
	}
	return out
}

// withMembers returns the names and, after them, those of the checks that
// they are calculated from, each once.
func (c *Config) withMembers(names []string) []string {
	out := slices.Clone(names)
	for i := 0; i < len(out); i++ {
		check := c.Check(out[i])
		if check == nil || check.Formula == nil {
			continue
		}
		for _, member := range check.Formula.Of {
			if !slices.Contains(out, member) {
				out = append(out, member)
			}
		}
	}
	return out
}

// Rules returns what the sites say about how they come back, by name.
func (c *Config) Rules() map[string]health.Rules {
	out := map[string]health.Rules{}
	for _, s := range c.Sites {
		if s.Rules != (health.Rules{}) {
			out[s.Name] = s.Rules
		}
	}
	return out
}

// Check returns the check with a name, or nil.
func (c *Config) Check(name string) *Check {
	for i := range c.Checks {
		if c.Checks[i].Name == name {
			return &c.Checks[i]
		}
	}
	return nil
}

// Spec returns the policy or site with a name, or nil.
func (c *Config) Spec(name string) *policy.Spec {
	if c.broken {
		return nil
	}
	return c.names.specs[name]
}
