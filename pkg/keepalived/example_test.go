package keepalived_test

import (
	"fmt"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

func Example() {
	files := fstest.MapFS{"keepalived.conf": {Data: []byte(`
vrrp_script chk_haproxy {
    script "/usr/bin/killall -0 haproxy"
    interval 2
}
vrrp_instance VI_1 {
    state MASTER
    interface eth1
    virtual_router_id 51
    priority 100
    nopreempt
    virtual_ipaddress { 10.0.0.100/24 }
    track_script { chk_haproxy }
}
`)}}
	cfg, findings := keepalived.Parse(files, "keepalived.conf", keepalived.Options{Hostname: "lb1"})
	for _, f := range findings {
		fmt.Println(f)
	}
	for _, f := range keepalived.Describe(cfg) {
		fmt.Println(f)
	}
	// Output:
	// keepalived.conf:11:5: warning: nopreempt is cleared by state MASTER: this node takes the address back whenever its priority is the higher: state BACKUP
	// keepalived.conf:6:15: note: VI_1: starts as BACKUP with priority 100 on eth1 (state MASTER waits like any other unless the priority is 255); takes 10.0.0.100 about 3.6 s after the master falls silent; takes over from any master of lower priority; a failing chk_haproxy makes it leave at once
}
