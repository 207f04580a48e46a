package steering

import (
	"fmt"
	"net/netip"
	"regexp"

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

// Check is a configured check. Exactly one of HTTP and TCP is set.
type Check struct {
	Name string
	Pos  diag.Pos // of the name
	Spec health.Spec
	HTTP *HTTP // also for https
	TCP  *TCP
}

// HTTP says how to probe over HTTP or HTTPS.
type HTTP struct {
	Scheme    string            // "http" or "https"
	Port      uint16            // default 80 or 443
	Path      string            // with the query; default "/"
	Method    string            // default "GET"
	Host      string            // Host header and name for TLS; "": the address
	Headers   map[string]string // nil if none
	Status    []StatusRange     // default 200-299
	Body      string            // must be in the body; "": not asked
	BodyRegex *regexp.Regexp    // must match the body; nil: not asked
	Insecure  bool              // do not verify the certificate
	Redirects int               // how many are followed; default 0
	KeepAlive bool              // keep the connection from one probe to the next
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct {
	Low, High int
}

// String returns "200-299", or "301" for a range of one.
func (r StatusRange) String() string {
	if r.Low == r.High {
		return fmt.Sprint(r.Low)
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

// TCP says how to probe by connecting alone.
type TCP struct {
	Port uint16
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

// Watches returns what is to be probed: each check of each address of each
// site.
func (c *Config) Watches() []health.Watch {
	var out []health.Watch
	for _, s := range c.Sites {
		for _, a := range s.Addrs {
			for _, name := range s.Checks {
				key := health.Key{Site: s.Name, Addr: a, Check: name}
				out = append(out, health.Watch{Key: key, Spec: c.Check(name).Spec})
			}
		}
	}
	return out
}

// Rules returns what the sites say about how they come back, by name.
func (c *Config) Rules() map[string]health.Rules {
	out := make(map[string]health.Rules, len(c.Sites))
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
