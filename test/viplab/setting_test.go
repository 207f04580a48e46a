package viplab

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// setting is one way to run VRRP.
type setting struct {
	name    string
	version uint8
	advert  time.Duration
	unicast bool
	pass    bool
	ipv6    bool
	// high and low are the priorities of the nodes a and b; 0: 150 and 100.
	high, low uint8
}

var settings = []setting{
	{name: "v2 1 s", version: 2, advert: time.Second},
	{name: "v2 1 s unicast", version: 2, advert: time.Second, unicast: true},
	{name: "v2 1 s PASS", version: 2, advert: time.Second, pass: true},
	{name: "v2 1 s 254/253", version: 2, advert: time.Second, high: 254, low: 253},
	{name: "v3 1 s", version: 3, advert: time.Second},
	{name: "v3 0.1 s", version: 3, advert: 100 * time.Millisecond},
	{name: "v3 0.1 s unicast", version: 3, advert: 100 * time.Millisecond, unicast: true},
	{name: "v3 0.1 s IPv6", version: 3, advert: 100 * time.Millisecond, ipv6: true},
	{name: "v3 0.01 s", version: 3, advert: 10 * time.Millisecond},
}

func (s setting) priority(n *node) uint8 {
	switch {
	case n.name == "a" && s.high != 0:
		return s.high
	case n.name == "a":
		return 150
	case s.low != 0:
		return s.low
	}
	return 100
}

// group is what the setting has in common with others that should do as well.
func (s setting) group() string {
	name := fmt.Sprintf("%v s", s.advert.Seconds())
	if s.high != 0 {
		name += fmt.Sprintf(", priorities %d and %d", s.high, s.low)
	}
	return name
}

func (s setting) vip() netip.Addr {
	if s.ipv6 {
		return netip.MustParseAddr("fd00:77::100")
	}
	return netip.MustParseAddr("10.77.0.100")
}

// down is the least and the longest time after its last advert at which b
// takes over from a that is gone: the event falls anywhere between two adverts.
func (s setting) down() (least, longest time.Duration) {
	low := s.low
	if low == 0 {
		low = 100
	}
	d := vrrp.MasterDownInterval(s.version, low, s.advert, vrrp.DefaultDownAdverts)
	return d - s.advert, d
}

// config returns keepalived.conf for a node, the same for both daemons.
func (s setting) config(n, peer *node) string {
	more := []string{n.more}
	if s.unicast {
		more = append(more, fmt.Sprintf("unicast_src_ip 10.77.0.%d", n.last), fmt.Sprintf("unicast_peer {\n 10.77.0.%d\n }", peer.last))
	}
	if s.pass {
		more = append(more, "authentication {\n auth_type PASS\n auth_pass 5678\n }")
	}
	length := 24
	if s.ipv6 {
		length = 64
	}
	return fmt.Sprintf(`global_defs {
    script_user root
}
%svrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version %d
    virtual_router_id 50
    priority %d
    advert_int %v
    virtual_ipaddress {
        %v/%d
    }
    %s
}
`, n.tracked(), s.version, s.priority(n), s.advert.Seconds(), s.vip(), length, strings.Join(more, "\n    "))
}

// tracked returns the blocks that the instance of a node names: a script that
// fails while a file is missing, and a process.
func (n *node) tracked() string {
	var b strings.Builder
	if strings.Contains(n.more, "track_script") {
		fmt.Fprintf(&b, `vrrp_script good {
    script "/usr/bin/test -e %s"
    interval 1
    fall 1
    rise 1
}
`, n.path(".good"))
	}
	if strings.Contains(n.more, "track_process") {
		fmt.Fprintf(&b, `vrrp_track_process service {
    process %s
}
`, n.serviceName())
	}
	return b.String()
}
