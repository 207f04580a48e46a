package vipd_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// setting is a way in which a pair can speak VRRP.
type setting struct {
	name    string
	version int
	unicast bool
	ipv6    bool
	pass    bool
}

var settings = []setting{
	{name: "v3 multicast", version: 3},
	{name: "v3 unicast", version: 3, unicast: true},
	{name: "IPv6 multicast", version: 3, ipv6: true},
	{name: "IPv6 unicast", version: 3, ipv6: true, unicast: true},
	{name: "v2 multicast", version: 2},
	{name: "v2 unicast with password", version: 2, unicast: true, pass: true},
}

func (s setting) vip() string {
	if s.ipv6 {
		return "2001:db8:77::100"
	}
	return vip
}

// config returns the file of node number me, for vipd and keepalived alike.
func (s setting) config(priority, me, peer int) string {
	more := ""
	switch {
	case s.unicast && s.ipv6:
		more = fmt.Sprintf("unicast_src_ip 2001:db8:77::%d\n unicast_peer {\n 2001:db8:77::%d\n }\n", me, peer)
	case s.unicast:
		more = fmt.Sprintf("unicast_src_ip 10.77.0.%d\n unicast_peer {\n 10.77.0.%d\n }\n", me, peer)
	}
	if s.pass {
		more += password
	}
	conf := instance(priority, more)
	if s.version == 2 {
		conf = strings.Replace(strings.Replace(conf, "version 3", "version 2", 1), "advert_int 0.1", "advert_int 1", 1)
	}
	if s.ipv6 {
		conf = strings.Replace(conf, vip+"/24", s.vip()+"/64", 1)
	}
	return conf
}

// down is how long a silent master is waited for at most, with room for a busy
// machine.
func (s setting) down() time.Duration {
	if s.version == 2 {
		return 8 * time.Second
	}
	return 5 * time.Second
}

// TestPairs has every setting converge, be cut in two, heal, and lose its
// master: two vipd, and vipd with keepalived in either role.
func TestPairs(t *testing.T) {
	for _, s := range settings {
		for _, kinds := range [][2]string{{"vipd", "vipd"}, {"vipd", "keepalived"}, {"keepalived", "vipd"}} {
			if s.version == 2 && kinds[0] == kinds[1] {
				continue // TestIntervalsThatDifferInVersion2 has two vipd
			}
			t.Run(fmt.Sprintf("%s, %s above %s", s.name, kinds[0], kinds[1]), func(t *testing.T) {
				t.Parallel()
				s.run(t, kinds)
			})
		}
	}
}

func (s setting) run(t *testing.T, kinds [2]string) {
	l := newLab(t, "a", "b", "c")
	if s.ipv6 {
		for i, n := range []string{"a", "b", "c"} {
			l.ip(n, fmt.Sprintf("addr add 2001:db8:77::%d/64 dev eth0 nodad", i+1))
		}
	}
	var vipds []*node
	stop := func() {}
	for i, n := range []string{"a", "b"} {
		config := s.config(150-50*i, i+1, 2-i)
		if kinds[i] == "keepalived" {
			end := l.keepalived(n, config)
			if i == 0 {
				stop = end
			}
			continue
		}
		v := l.start(n, config)
		vipds = append(vipds, v)
		if i == 0 {
			stop = func() { v.signal(syscall.SIGTERM) }
		}
	}
	a, b := func() bool { return l.has("a", s.vip()) }, func() bool { return l.has("b", s.vip()) }
	l.within(2*s.down(), "a is master alone", func() bool { return a() && !b() })
	l.never(s.down()/8, "b took the address too", b)
	l.ip("s", "link set pa type bridge_slave isolated on")
	l.ip("s", "link set pb type bridge_slave isolated on")
	l.within(s.down(), "both are master while they are cut off", func() bool { return a() && b() })
	l.ip("s", "link set pa type bridge_slave isolated off")
	l.ip("s", "link set pb type bridge_slave isolated off")
	l.within(s.down(), "b gives way after it", func() bool { return a() && !b() })
	l.never(s.down()/4, "it does not last", func() bool { return !a() || b() })
	for _, v := range vipds {
		if st, ok := v.status(); !ok || len(st.Refused) > 0 {
			t.Errorf("%s refused %+v", v.name, st.Refused)
		}
	}
	stop()
	took := l.within(s.down(), "b takes over", func() bool { return b() && !a() })
	t.Logf("b has the address %v after the stop of a", took.Round(time.Millisecond))
}

// TestPreemptDelayBesideKeepalived has the better node come second: it leaves
// the other in place for the delay, then takes over.
func TestPreemptDelayBesideKeepalived(t *testing.T) {
	const delay = 3 * time.Second
	for _, better := range []string{"vipd", "keepalived"} {
		t.Run(better+" is better", func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "a", "b")
			low, high := instance(100), instance(150, "preempt_delay 3")
			if better == "vipd" {
				l.keepalived("b", low)
			} else {
				l.start("b", low)
			}
			l.within(5*time.Second, "b is master", func() bool { return l.has("b", vip) })
			start := time.Now()
			if better == "vipd" {
				l.start("a", high)
			} else {
				l.keepalived("a", high)
			}
			l.never(delay-time.Since(start), "a preempted at once", func() bool { return l.has("a", vip) })
			l.within(delay, "a takes over", func() bool { return l.has("a", vip) && !l.has("b", vip) })
			l.never(500*time.Millisecond, "b took it back", func() bool { return l.has("b", vip) })
		})
	}
}
