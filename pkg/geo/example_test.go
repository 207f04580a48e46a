package geo_test

import (
	"fmt"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

func ExampleCompile() {
	db := geo.NewSourceBuilder()
	db.Add(netip.MustParsePrefix("2.0.0.0/8"), geo.Place{Country: "GB"})
	db.Add(netip.MustParsePrefix("3.0.0.0/8"), geo.Place{Country: "FR"})
	db.Add(netip.MustParsePrefix("8.0.0.0/8"), geo.Place{Country: "US"})
	index := geo.Merge(db.Source("example"))

	office := netip.MustParsePrefix("8.8.0.0/16")
	table := geo.Compile(index, []netip.Prefix{office}, func(p *geo.Place, networks []int) uint32 {
		switch {
		case len(networks) > 0:
			return 2
		case p.Continent == "EU":
			return 1
		}
		return 0
	})
	for _, client := range []string{"2.125.160.1", "8.8.8.8", "8.9.0.1"} {
		class, bits := table.Lookup(netip.MustParseAddr(client))
		fmt.Printf("%s: class %d for its /%d\n", client, class, bits)
	}
	// Output:
	// 2.125.160.1: class 1 for its /7
	// 8.8.8.8: class 2 for its /16
	// 8.9.0.1: class 0 for its /16
}
