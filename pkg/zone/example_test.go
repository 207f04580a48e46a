package zone_test

import (
	"fmt"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

func ExampleLoad() {
	folder := fstest.MapFS{"example.com.zone": {Data: []byte(`$TTL 300
@   SOA  ns1 hostmaster 1 3600 600 604800 300
@   NS   ns1
ns1 A    192.0.2.53
www 30 STEER web
ftp A    192.0.2
`)}}
	origin, _ := dnswire.ParseName("example.com")
	_, findings := zone.Load(folder, "example.com.zone", origin, zone.Options{Display: "zones/example.com.zone"})
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// zones/example.com.zone:6:10: bad address "192.0.2": an IPv4 address such as 192.0.2.1
}

func ExampleZone_Lookup() {
	folder := fstest.MapFS{"z": {Data: []byte(`$TTL 300
@   SOA  ns1 hostmaster 1 3600 600 604800 300
@   NS   ns1
ns1 A    192.0.2.53
www 30 STEER web
`)}}
	origin, _ := dnswire.ParseName("example.com")
	z, _ := zone.Load(folder, "z", origin, zone.Options{})
	for _, text := range []string{"ns1.example.com", "www.example.com", "nowhere.example.com"} {
		name, _ := dnswire.ParseName(text)
		r := z.Lookup([]byte(name), dnswire.TypeA)
		fmt.Println(text, r.Outcome)
	}
	fmt.Println(z.Steers[0].Text)
	// Output:
	// ns1.example.com answer
	// www.example.com steered
	// nowhere.example.com NXDOMAIN
	// web
}
