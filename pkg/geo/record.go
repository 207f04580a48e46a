package geo

import (
	"math"
	"strings"
)

// A record is a Place in 28 bytes without pointers. Full City databases have
// some 200,000 places and, merged with an ASN database, up to a million; as
// Place values (104 bytes, five pointers each) they would cost more than all
// the address ranges, and the garbage collector would walk them for ever.
type record struct {
	city               uint32 // index in placeSet.names
	subs               uint32 // index in placeSet.subs
	cityID             uint32
	asn                uint32
	lat, lon           int32 // millionths of a degree; lat is noLocation if unknown
	country, continent code
}

const noLocation = math.MinInt32

// nowhere is the record of the zero Place; every placeSet has it at index 0.
var nowhere = record{lat: noLocation}

// placeSet is a list of records and the strings that they refer to.
type placeSet struct {
	recs  []record
	names []string
	subs  [][]string
}

// place returns record i as a Place, without allocating.
func (s *placeSet) place(i uint32) Place {
	r := &s.recs[i]
	p := Place{
		Continent:    r.continent.String(),
		Country:      r.country.String(),
		Subdivisions: s.subs[r.subs],
		City:         s.names[r.city],
		CityID:       r.cityID,
		ASN:          r.asn,
	}
	if r.lat != noLocation {
		p.Lat, p.Lon, p.HasLocation = float64(r.lat)/1e6, float64(r.lon)/1e6, true
	}
	return p
}

// bytes estimates the memory that the set holds.
func (s *placeSet) bytes() int {
	n := 28*cap(s.recs) + 16*cap(s.names) + 24*cap(s.subs)
	for _, name := range s.names {
		n += len(name)
	}
	for _, levels := range s.subs {
		for _, level := range levels {
			n += 16 + len(level)
		}
	}
	return n
}

// An interner grows a placeSet in which equal places share one record.
type interner struct {
	placeSet
	byRec  map[record]uint32
	byName map[string]uint32
	bySubs map[string]uint32
}

func newInterner() *interner {
	return &interner{
		placeSet: placeSet{recs: []record{nowhere}, names: []string{""}, subs: [][]string{nil}},
		byRec:    map[record]uint32{nowhere: 0},
		byName:   map[string]uint32{"": 0},
		bySubs:   map[string]uint32{"": 0},
	}
}

// add returns the number of the record for p.
func (in *interner) add(p *Place) uint32 {
	r := record{
		city:      in.name(p.City),
		subs:      in.levels(p.Subdivisions),
		cityID:    p.CityID,
		asn:       p.ASN,
		lat:       noLocation,
		country:   codeOf(p.Country),
		continent: codeOf(p.Continent),
	}
	if p.HasLocation && validLocation(p.Lat, p.Lon) {
		r.lat, r.lon = int32(math.Round(p.Lat*1e6)), int32(math.Round(p.Lon*1e6))
	}
	return in.addRecord(r)
}

func (in *interner) addRecord(r record) uint32 {
	i, seen := in.byRec[r]
	if !seen {
		i = uint32(len(in.recs))
		in.recs = append(in.recs, r)
		in.byRec[r] = i
	}
	return i
}

func (in *interner) name(s string) uint32 {
	i, seen := in.byName[s]
	if !seen {
		// A copy: s may be a small part of a whole file.
		i, s = uint32(len(in.names)), strings.Clone(s)
		in.names = append(in.names, s)
		in.byName[s] = i
	}
	return i
}

func (in *interner) levels(subs []string) uint32 {
	key := strings.Join(subs, "\x00")
	i, seen := in.bySubs[key]
	if !seen {
		i, key = uint32(len(in.subs)), strings.Clone(key)
		in.subs = append(in.subs, strings.Split(key, "\x00"))
		in.bySubs[key] = i
	}
	return i
}

// validLocation reports whether the two are degrees on the globe; NaN is not.
func validLocation(lat, lon float64) bool {
	return math.Abs(lat) <= 90 && math.Abs(lon) <= 180
}

// A code is two capital letters in a number, 0 for none: AA is 1, ZZ is 676.
type code uint16

// pairs holds AA to ZZ, so that a code's text is a part of it and costs no
// allocation.
var pairs = func() string {
	var b strings.Builder
	for x := 'A'; x <= 'Z'; x++ {
		for y := 'A'; y <= 'Z'; y++ {
			b.WriteRune(x)
			b.WriteRune(y)
		}
	}
	return b.String()
}()

// codeOf returns the code for two letters of either case, and 0 for anything
// else: databases write "", "-", "None" or "ZZZ" for what they do not know.
func codeOf(s string) code {
	if len(s) != 2 {
		return 0
	}
	x, y := s[0]&^0x20, s[1]&^0x20
	if x < 'A' || x > 'Z' || y < 'A' || y > 'Z' {
		return 0
	}
	return code(x-'A')*26 + code(y-'A') + 1
}

// String returns the two letters, or "".
func (c code) String() string {
	if c == 0 {
		return ""
	}
	return pairs[2*(c-1) : 2*c]
}
