package policy

import (
	"net/netip"
	"slices"

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

	number int32 // the same for the same address of other sites
}

// Site is a site with the numbers that its state is kept by.
type Site struct {
	Name     string
	ID       health.ID // the site as a whole
	Addrs    []Address
	Checks   []string
	Location *Location // nil if not known
}

// Sites are all sites of a configuration, and the targets of its named
// policies. They never change.
type Sites struct {
	list      []Site
	byName    map[string]int32
	addrs     int            // how many different addresses there are
	targets   []named        // of the named policies, in order
	targetsAt map[string]int // the place of a named policy among them
	first     health.ID      // of all targets
	numbers   int            // how many numbers were given
}

// NewSites numbers the sites and their addresses in the order given: each site
// has the ID before those of its addresses. A name may stand only once. After
// them come the direct children of the named policies, which an operator may
// override one by one.
func NewSites(specs []SiteSpec, named ...*Spec) *Sites {
	total := 0
	for i := range specs {
		total += len(specs[i].Addrs)
	}
	s := &Sites{list: make([]Site, 0, len(specs)), byName: make(map[string]int32, len(specs))}
	numbers := make(map[netip.Addr]int32, total)
	addrs := make([]Address, 0, total) // those of all sites
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
			n, known := numbers[a]
			if !known {
				n = int32(len(numbers))
				numbers[a] = n
			}
			addrs = append(addrs, Address{a, number(), n})
		}
		site.Addrs = slices.Clip(addrs[len(addrs)-len(spec.Addrs):])
		s.byName[spec.Name] = int32(len(s.list))
		s.list = append(s.list, site)
	}
	s.addrs = len(numbers)
	s.numberTargets(named, next)
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

// Numbers returns how many things have a number in a snapshot.
func (s *Sites) Numbers() int { return s.numbers }

// Subjects returns everything that has a number in a snapshot, in the order of
// the numbers: each site as a whole, then its addresses; at the end the targets
// of named policies. The checks belong to the addresses, or to the site as a
// whole if it has none; what has no checks is up unless overridden. The list is
// made anew each time: with tens of thousands of sites it is megabytes that are
// needed only when something changes.
func (s *Sites) Subjects() []health.Subject {
	out := make([]health.Subject, 0, s.numbers)
	for i := range s.list {
		site := &s.list[i]
		whole := health.Subject{ID: site.ID, Site: site.Name}
		if len(site.Addrs) == 0 {
			whole.Checks = site.Checks
		}
		out = append(out, whole)
		for _, a := range site.Addrs {
			out = append(out, health.Subject{ID: a.ID, Site: site.Name, Addr: a.Addr, Checks: site.Checks})
		}
	}
	for _, t := range s.targets {
		for key := range t.keys() {
			out = append(out, health.Subject{ID: health.ID(len(out)), Policy: t.of.Name, Site: key})
		}
	}
	return out
}
