package geodb

import (
	_ "embed"
	"fmt"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// BuiltinName is what geo.database calls the built-in table, and the Name of
// its source.
const BuiltinName = "builtin"

//go:embed builtin.bin
var builtin []byte

// Builtin returns the embedded country table. It is coarse: it tells the
// country in which the network's holder is registered with its autonomous
// system, and nothing for about a sixth of IPv4. It makes the first run work;
// tools/geotable/README.md says from what and how it is made.
//
// An error means that the program was built from a damaged file.
func Builtin() (*geo.Source, error) {
	t, err := decodeCountryTable(builtin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", BuiltinName, err)
	}
	return t.source(BuiltinName), nil
}

// source returns the table as a database.
func (t *CountryTable) source(name string) *geo.Source {
	b := geo.NewSourceBuilder()
	refs := make(map[string]geo.Ref)
	for _, starts := range [][]CountryStart{t.IPv4, t.IPv6} {
		for i, s := range starts {
			if s.Country == "" {
				continue
			}
			ref, known := refs[s.Country]
			if !known {
				ref = b.Ref(geo.Place{Country: s.Country})
				refs[s.Country] = ref
			}
			last := lastAddr(s.First)
			if i+1 < len(starts) {
				last = starts[i+1].First.Prev()
			}
			b.AddRange(s.First, last, ref)
		}
	}
	src := b.Source(name)
	src.Type, src.Built = t.Source, t.Built
	return src
}

// lastAddr returns the last address of a's family.
func lastAddr(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	return netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
}
