package policy

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// SiteSpec is a site as configured.
type SiteSpec struct {
	Name     string
	Addrs    []netip.Addr // at least one; no IPv4-mapped ones
	Checks   []string     // names of the checks that each address must pass
	Location *Location    // nil if not known
}

// Location is a place on the globe in degrees, north and east positive.
type Location struct {
	Lat, Lon float64
}

// Address is one address of a site.
type Address struct {
	Addr netip.Addr
	ID   health.ID
}

// Site is a site with the numbers that its state is kept by.
type Site struct {
	Name     string
	ID       health.ID // the site as a whole
	Addrs    []Address
	Checks   []string
	Location *Location // nil if not known
}

// Sites are all sites of a configuration. They never change.
type Sites struct {
	list   []Site
	byName map[string]int32
}

// NewSites numbers the sites and their addresses in the order given: each site
// has the ID before those of its addresses. A name may stand only once.
func NewSites(specs []SiteSpec) *Sites {
	s := &Sites{byName: make(map[string]int32, len(specs))}
	var next health.ID
	number := func() health.ID {
		next++
		return next - 1
	}
	for _, spec := range specs {
		if _, twice := s.byName[spec.Name]; twice {
			panic("policy: NewSites: two sites named " + spec.Name)
		}
		site := Site{Name: spec.Name, ID: number(), Checks: spec.Checks, Location: spec.Location}
		for _, a := range spec.Addrs {
			site.Addrs = append(site.Addrs, Address{a, number()})
		}
		s.byName[spec.Name] = int32(len(s.list))
		s.list = append(s.list, site)
	}
	return s
}

// Len returns the number of sites; their indices are 0 to Len-1.
func (s *Sites) Len() int { return len(s.list) }

// At returns the site with an index, as [Choice.Sites] holds them. It must not
// be changed.
func (s *Sites) At(i int32) *Site { return &s.list[i] }

// Find returns the index of the site with a name.
func (s *Sites) Find(name string) (int32, bool) {
	i, ok := s.byName[name]
	return i, ok
}

// Subjects returns everything that has a number in a snapshot, in the order of
// the numbers: each site as a whole, then its addresses. The checks belong to
// the addresses; a site as a whole has none and is up unless overridden.
func (s *Sites) Subjects() []health.Subject {
	var out []health.Subject
	for i := range s.list {
		site := &s.list[i]
		out = append(out, health.Subject{ID: site.ID, Site: site.Name})
		for _, a := range site.Addrs {
			out = append(out, health.Subject{ID: a.ID, Site: site.Name, Addr: a.Addr, Checks: site.Checks})
		}
	}
	return out
}
