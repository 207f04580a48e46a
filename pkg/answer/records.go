package answer

import (
	"bytes"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// Records are what the sites of a configuration carry beside addresses. It
// never changes.
type Records struct {
	sites [][]*dnswire.RRset // by the number of the site, as policy.Choice has it; a CNAME stands alone
}

// SiteRecord is a record of a site as it is written, without owner and TTL.
type SiteRecord struct {
	Text string
	Pos  diag.Pos
}

// SiteRecords is what one site carries.
type SiteRecords struct {
	Site      string
	Addresses bool // it has addresses too
	Records   []SiteRecord
}

// NewRecords reads the records of all sites, in the order of their numbers.
func NewRecords(sites []SiteRecords) (*Records, diag.List) {
	var list diag.List
	out := &Records{sites: make([][]*dnswire.RRset, len(sites))}
	for i, s := range sites {
		for _, text := range s.Records {
			t, rdata, findings := zone.ParseRecord(text.Text)
			for _, d := range findings {
				d.Pos = text.Pos
				d.What = "site " + s.Site + ": records: " + d.What
				list = append(list, d)
			}
			if findings.HasErrors() {
				continue
			}
			out.sites[i] = add(out.sites[i], t, rdata, s, text.Pos, &list)
		}
	}
	return out, list
}

// add puts one record into the sets of a site.
func add(sets []*dnswire.RRset, t dnswire.Type, rdata []byte, s SiteRecords, at diag.Pos, list *diag.List) []*dnswire.RRset {
	what := "site " + s.Site + ": records: "
	if aliased := t == dnswire.TypeCNAME; len(sets) > 0 && (aliased || sets[0].Type == dnswire.TypeCNAME) || aliased && s.Addresses {
		list.Errorf(at, "a site of its own for the CNAME (RFC 1034, Section 3.6.2)", "%sCNAME beside other data", what)
		return sets
	}
	for _, set := range sets {
		if set.Type != t {
			continue
		}
		if holds(set, rdata) {
			list.Warnf(at, "each record once", "%s%s record stands twice", what, t)
			return sets
		}
		set.Add(nil, rdata)
		return sets
	}
	return append(sets, dnswire.NewRRset(t, 0, rdata)) // the TTL is the STEER record's
}

// holds reports whether a set has a record.
func holds(set *dnswire.RRset, rdata []byte) bool {
	for b := range set.All() {
		if bytes.Equal(b, rdata) {
			return true
		}
	}
	return false
}

// set returns the records of a type of a site, or nil.
func (r *Records) set(site int32, t dnswire.Type) *dnswire.RRset {
	for _, set := range r.sites[site] {
		if set.Type == t {
			return set
		}
	}
	return nil
}

// Carried is what the sites that one policy can choose carry together.
type Carried struct {
	records *Records
	types   []dnswire.Type // sorted
}

// Carried returns what some sites carry together; nil if they have nothing but
// addresses.
func (r *Records) Carried(sites []int32) *Carried {
	c := &Carried{records: r}
	for _, site := range sites {
		for _, set := range r.sites[site] {
			if !slices.Contains(c.types, set.Type) {
				c.types = append(c.types, set.Type)
			}
		}
	}
	if c.types == nil {
		return nil
	}
	slices.Sort(c.types)
	return c
}

// Types returns the types carried, in the order of their numbers.
func (c *Carried) Types() []dnswire.Type {
	if c == nil {
		return nil
	}
	return c.types
}

// Has reports whether any of the sites carries the type.
func (c *Carried) Has(t dnswire.Type) bool { return c != nil && slices.Contains(c.types, t) }

// alias returns the CNAME of the first site chosen, or nil. No other site can be
// chosen beside one that has it.
func (c *Carried) alias(sites []int32) *dnswire.RRset {
	if c == nil || len(sites) == 0 {
		return nil
	}
	return c.records.set(sites[0], dnswire.TypeCNAME)
}

// appendRecords appends what the sites chosen carry of a type, each record once,
// and reports whether there was any.
func (r *Responder) appendRecords(z *Zone, owner []byte, c *Carried, sites []int32, t dnswire.Type, ttl uint32) bool {
	found := false
	for i, site := range sites {
		set := c.records.set(site, t)
		if set == nil {
			continue
		}
		found = true
		for rdata := range set.All() {
			if c.before(sites[:i], t, rdata) {
				continue
			}
			if !r.msg.AppendRecord(dnswire.Answer, owner, t, ttl, rdata) {
				r.msg.Truncate()
				return true
			}
		}
	}
	for _, site := range sites {
		if set := c.records.set(site, t); set != nil {
			r.addAddresses(z, set)
		}
	}
	return found
}

// before reports whether one of the sites has the record.
func (c *Carried) before(sites []int32, t dnswire.Type, rdata []byte) bool {
	for _, site := range sites {
		if set := c.records.set(site, t); set != nil && holds(set, rdata) {
			return true
		}
	}
	return false
}
