package vrrpnet_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/geodns-vipd/geodns/internal/vrrpnet"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// One goroutine waits for packets; the owner of the instance takes all that
// wait, before it looks at its timer.
func ExampleOpen() {
	conn, err := vrrpnet.Open(vrrpnet.Config{Interface: "eth0", VRID: 51, Source: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		fmt.Println(err) // eth0: open: no such interface
		return
	}
	defer conn.Close()
	ctx := context.Background()
	ready, taken := make(chan struct{}), make(chan struct{})
	go func() {
		for conn.Wait(ctx) == nil {
			ready <- struct{}{}
			<-taken
		}
	}()
	rules := &vrrp.Rules{Version: vrrp.V2, VRID: 51, Local: conn.Source()}
	for range ready {
		for _, p := range conn.Drain(nil) {
			advert, reason := vrrp.ParseAdvert(p.Packet, rules)
			fmt.Println(advert, reason, p.Age(vrrpnet.Now()))
		}
		taken <- struct{}{}
	}
}
