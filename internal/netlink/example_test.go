package netlink_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// Addresses are held for two seconds, and again for two seconds.
func ExampleConn_Hold() {
	conn, err := netlink.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	var vips []keepalived.Address // of the instance
	holder := conn.Hold(vrrp.AddressLifetime)
	res, err := holder.Apply(vips)
	fmt.Println(res.Added, res.Kept, err)
	for {
		time.Sleep(vrrp.RefreshInterval)
		if err := holder.Refresh(netlink.Now() + time.Second); errors.Is(err, netlink.ErrLate) {
			break // another node may have them by now
		}
	}
}
