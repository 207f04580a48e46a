package policy

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// matcher is the conditions of one rule in the form in which they are judged.
type matcher struct {
	rule  *Rule
	asked []Condition // those that the rule has
	asns  map[uint32]struct{}
	cidrs bitset // over the policy's list of prefixes; nil if the rule has none
}

// client is what the conditions are judged by.
type client struct {
	place *geo.Place
	cidrs []int // indices of the policy's prefixes that contain the client, ascending
}

// newMatcher returns the matcher of r; index gives a prefix its number.
func newMatcher(r *Rule, index func(netip.Prefix) int) matcher {
	m := matcher{rule: r}
	for cond := range numConditions {
		if r.Len(cond) > 0 {
			m.asked = append(m.asked, cond)
		}
	}
	if len(r.ASNs) > 0 {
		m.asns = make(map[uint32]struct{}, len(r.ASNs))
	}
	for _, n := range r.ASNs {
		m.asns[n] = struct{}{}
	}
	for _, p := range r.CIDRs {
		m.cidrs = m.cidrs.with(index(p))
	}
	return m
}

// matches reports whether all conditions of the rule hold for c.
func (m *matcher) matches(c client) bool {
	for _, cond := range m.asked {
		if !m.holds(cond, c) {
			return false
		}
	}
	return true
}

// holds reports whether one condition, which the rule has, holds for c.
func (m *matcher) holds(cond Condition, c client) bool {
	r, place := m.rule, c.place
	switch cond {
	case Continent:
		return place.Continent != "" && slices.Contains(r.Continents, place.Continent)
	case Country:
		return place.Country != "" && slices.Contains(r.Countries, place.Country)
	case Subdivision:
		for _, s := range place.Subdivisions {
			if slices.Contains(r.Subdivisions, s) {
				return true
			}
		}
	case CityCondition:
		for _, city := range r.Cities {
			if city.is(place) {
				return true
			}
		}
	case ASN:
		_, ok := m.asns[place.ASN]
		return ok && place.ASN != 0
	case CIDR:
		for _, i := range c.cidrs {
			if m.cidrs.has(i) {
				return true
			}
		}
	}
	return false
}

// is reports whether the place lies in the city.
func (c City) is(place *geo.Place) bool {
	if c.Name != "" {
		return c.Name == place.City
	}
	return c.ID != 0 && c.ID == place.CityID
}

// bitset is a set of small numbers.
type bitset []uint64

// with returns the set with i in it; the receiver must not be used any more.
func (b bitset) with(i int) bitset {
	for len(b) <= i/64 {
		b = append(b, 0)
	}
	b[i/64] |= 1 << (i % 64)
	return b
}

func (b bitset) has(i int) bool {
	return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0
}
