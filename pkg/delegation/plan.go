// Package delegation owns what the parent of a zone must say for the zone to
// be found, and the comparison of that with what parent and name servers do
// say.
//
// It asks nobody: what was learnt over the network comes in as a [Learnt]. The
// entry points are [FromZone] and [Compare].
package delegation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// NameServer is one NS record with the glue that it needs.
type NameServer struct {
	Name   string       `json:"name"`   // absolute, with final dot
	Inside bool         `json:"inside"` // the name is in the zone, so the parent needs its addresses
	Glue   []netip.Addr `json:"glue"`   // empty unless Inside
}

// Plan is what to enter at the parent of a zone.
type Plan struct {
	Zone    string       `json:"zone"`
	TTL     uint32       `json:"ttl"` // seconds, of the NS records
	Serial  uint32       `json:"serial"`
	Servers []NameServer `json:"name_servers"`
	DS      []string     `json:"ds"` // empty: the zone is not signed
}

// FromZone returns the plan for a loaded zone. The error names each name
// server in the zone that has no address: it could not be found.
func FromZone(z *zone.Zone) (Plan, error) {
	p := Plan{Zone: z.Origin.String(), Serial: z.Serial, DS: []string{}}
	ns := z.Node(z.Origin).Set(dnswire.TypeNS)
	if ns == nil {
		return p, fmt.Errorf("zone %s has no NS records at its apex", p.Zone)
	}
	p.TTL = ns.TTL
	var lost []string
	for rdata := range ns.All() {
		name, err := dnswire.NameOf(rdata)
		if err != nil {
			return p, fmt.Errorf("zone %s: NS record: %w", p.Zone, err)
		}
		s := NameServer{Name: name.String(), Inside: name.IsSubdomainOf(z.Origin), Glue: []netip.Addr{}}
		if s.Inside {
			s.Glue = glue(z, name)
			if len(s.Glue) == 0 {
				lost = append(lost, s.Name)
			}
		}
		p.Servers = append(p.Servers, s)
	}
	slices.SortFunc(p.Servers, func(a, b NameServer) int { return strings.Compare(a.Name, b.Name) })
	if len(lost) > 0 {
		return p, fmt.Errorf("%s: no A or AAAA record in zone %s: nobody could find that name server", strings.Join(lost, ", "), p.Zone)
	}
	return p, nil
}

// glue returns the addresses of a name in the zone.
func glue(z *zone.Zone, name dnswire.Name) []netip.Addr {
	out := []netip.Addr{}
	a, aaaa := z.Glue([]byte(name))
	for _, set := range []*dnswire.RRset{a, aaaa} {
		if set == nil {
			continue
		}
		for rdata := range set.All() {
			if addr, ok := netip.AddrFromSlice(rdata); ok {
				out = append(out, addr)
			}
		}
	}
	return out
}

// Records returns the plan as lines of a zone file, with absolute names.
func (p Plan) Records() []string {
	var out []string
	for _, s := range p.Servers {
		out = append(out, fmt.Sprintf("%s %d IN NS %s", p.Zone, p.TTL, s.Name))
	}
	for _, s := range p.Servers {
		for _, a := range s.Glue {
			t := "A"
			if a.Is6() {
				t = "AAAA"
			}
			out = append(out, fmt.Sprintf("%s %d IN %s %s", s.Name, p.TTL, t, a))
		}
	}
	return out
}
