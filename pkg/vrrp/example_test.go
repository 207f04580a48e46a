package vrrp_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// A Backup that hears its Master, and then nothing any more.
func ExampleRouter_Step() {
	r := vrrp.New(&vrrp.Config{
		Rules:    vrrp.Rules{Version: vrrp.V3, VRID: 51, Local: netip.MustParseAddr("10.0.0.1")},
		Name:     "VI_1",
		Interval: time.Second,
		Priority: 100,
		VIPs:     []netip.Addr{netip.MustParseAddr("10.0.0.100")},
		Announce: 5,
	})
	master := vrrp.Advert{Version: vrrp.V3, VRID: 51, Priority: 150, Interval: time.Second, VIPs: r.Config().VIPs}

	var timer time.Duration // the caller's one timer
	deliver := func(ev vrrp.Event) {
		var actions []vrrp.Action
		r, actions = r.Step(ev)
		for _, a := range actions {
			if t, ok := a.(vrrp.SetTimer); ok {
				timer = t.At
				continue
			}
			fmt.Println(a)
		}
	}
	deliver(vrrp.Start{At: 0})
	deliver(vrrp.AdvertReceived{At: 500 * time.Millisecond, From: netip.MustParseAddr("10.0.0.2"), Advert: master})
	for r.State() != vrrp.Master {
		deliver(vrrp.Wake{At: timer})
	}
	deadline, _ := r.Lease()
	fmt.Println("a floating IP may be claimed until", deadline)

	// Output:
	// INIT → BACKUP (start): started, waits 3.609s for a master
	// notify BACKUP 100
	// hello BACKUP priority 100
	// hello BACKUP priority 100
	// hello BACKUP priority 100
	// hello BACKUP priority 100
	// hello BACKUP priority 100
	// advert priority 100 to 224.0.0.18
	// add addresses
	// announce ×5: became master
	// BACKUP → MASTER (silence): no advert of 10.0.0.2 (priority 150) for 3.609s, master-down interval 3.609s
	// notify MASTER 100
	// a floating IP may be claimed until 6.109375s
}
