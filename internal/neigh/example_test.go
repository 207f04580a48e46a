package neigh_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/geodns-vipd/geodns/internal/neigh"
)

// Five rounds at once, as on becoming master.
func ExampleAnnouncer_Announce() {
	a, err := neigh.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	eth0 := neigh.Interface{Name: "eth0", Index: 2, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
	vips := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")}
	if err := a.Announce(context.Background(), eth0, vips, neigh.Options{Count: 5}); err != nil {
		fmt.Println(err) // announce on eth0: interface is gone or down …
	}
}
