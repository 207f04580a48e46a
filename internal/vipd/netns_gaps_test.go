package vipd_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// show returns what ip(8) prints on a node.
func (l *lab) show(n, args string) string {
	out, _ := exec.Command("ip", append([]string{"-n", l.prefix + n}, strings.Fields(args)...)...).CombinedOutput()
	return string(out)
}

// slow is an instance whose process may stand still for a second without being
// late.
func slow(priority int, more ...string) string {
	return strings.Replace(instance(priority, more...), "advert_int 0.1", "advert_int 1", 1)
}

func TestAddressesAreLookedAtAgainAfterLostNews(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	a := l.start("a", slow(150, "virtual_routes {\n 192.0.2.0/24 via 10.77.0.200 src 10.77.0.100\n }"))
	route := func() bool { return strings.Contains(l.show("a", "route"), "192.0.2.0/24") }
	l.within(8*time.Second, "a is master with its route", func() bool { return a.master() && route() })
	// More news than the kernel keeps, then the one that matters.
	var batch strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&batch, "addr add 10.88.%d.%d/32 dev lo\naddr del 10.88.%d.%d/32 dev lo\n", i>>8, i&255, i>>8, i&255)
	}
	batch.WriteString("addr del 10.77.0.100/24 dev eth0\n")
	file := filepath.Join(l.dir, "batch")
	os.WriteFile(file, []byte(batch.String()), 0o644)
	for tries := 1; ; tries++ {
		a.signal(syscall.SIGSTOP)
		stopped := time.Now()
		err := exec.Command("ip", "-n", l.prefix+"a", "-batch", file).Run()
		gone := !a.master() && !route()
		a.signal(syscall.SIGCONT)
		if took := time.Since(stopped); err == nil && gone && took < 1200*time.Millisecond {
			break
		} else if tries == 4 {
			t.Skipf("this machine is too slow: %v, %v", took, err) // the address ends by itself
		}
		time.Sleep(2 * time.Second)
		l.within(8*time.Second, "a is master again", func() bool { return a.master() && route() })
	}
	l.within(3*time.Second, "address and route are back", func() bool { return a.master() && route() })
	if !strings.Contains(a.log.String(), "news of the kernel was lost") {
		t.Error("no news was lost: the test proves nothing")
	}
}

func TestHandoverFromBeyondTheLinkIsIgnored(t *testing.T) {
	for name, unicast := range map[string]bool{"multicast": false, "unicast": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "a", "b", "x")
			more := func(me, peer string) string {
				if !unicast {
					return ""
				}
				return "unicast_src_ip " + me + "\n unicast_peer { " + peer + " }"
			}
			a, b := l.start("a", instance(150, more("10.77.0.1", "10.77.0.2"))), l.start("b", instance(100, more("10.77.0.2", "10.77.0.1")))
			l.settled(a, b)
			x, mac := l.tap("x"), l.hardware("b")
			master, backup := netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2")
			handover := func(ttl uint8, from netip.Addr, seq uint64) {
				m := vrrp.Message{Kind: vrrp.KindHandover, VRID: 50, Version: 3, State: vrrp.Master, Priority: 150, LeftMaster: vrrp.NeverMaster, Sender: from, Successor: backup, Sequence: seq}
				p := datagram(from, backup, vrrp.AppendMessage(nil, m, nil))
				p.ttl = ttl
				x.send(p.frame(mac))
			}
			took := func() float64 { return b.metric(`vipd_transitions_total{instance="VI_1",to="MASTER"}`) }
			handover(254, master, 1)
			handover(255, netip.MustParseAddr("10.77.0.3"), 2)
			time.Sleep(500 * time.Millisecond)
			if got := took(); got != 0 {
				l.wrong("took over %v times for a stranger", got)
			}
			handover(255, master, 3) // nobody off the link can send this
			l.within(2*time.Second, "the master's own word counts", func() bool { return took() == 1 })
		})
	}
}

func TestDuplicateIPv6Address(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "x")
	l.ip("x", "addr add 2001:db8::100/64 dev eth0 nodad")
	config := strings.Replace(instance(150), "10.77.0.100/24", "2001:db8::100/64 -nodad", 1)
	a := l.start("a", config)
	l.within(8*time.Second, "a says that another node has it", func() bool {
		return a.metric(`vipd_alarms_total{instance="VI_1",kind="duplicate address"}`) > 0
	})
	if out, _ := a.vipd("why"); !strings.Contains(out, "another node on the link has 2001:db8::100") {
		t.Errorf("why does not tell of it:\n%s", out)
	}
	time.Sleep(3 * time.Second)
	if n := strings.Count(a.log.String(), "level=WARN"); n > 3 {
		l.wrong("%d warnings", n)
	}
	if st, _ := a.status(); st.State != "MASTER" {
		l.wrong("%s: %s", st.State, st.Reason)
	}
	l.ip("x", "addr del 2001:db8::100/64 dev eth0")
	l.within(8*time.Second, "a has it, for good", func() bool {
		out := l.show("a", "-o addr show dev eth0 to 2001:db8::100")
		return strings.Contains(out, "2001:db8::100/64") && !strings.Contains(out, "tentative") && !strings.Contains(out, "dadfailed")
	})
}

// What the end of a process takes with it, and what it leaves.
func TestRoutesAndRulesGoWithTheAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	config := instance(150, "virtual_routes {\n 192.0.2.0/24 via 10.77.0.200 src 10.77.0.100\n 198.51.100.0/24 via 10.77.0.200\n }",
		"virtual_rules {\n from 10.77.0.100 table 100 preference 1000\n }")
	a := l.start("a", config)
	tied := func() bool { return strings.Contains(l.show("a", "route"), "192.0.2.0/24") }
	loose := func() bool { return strings.Contains(l.show("a", "route"), "198.51.100.0/24") }
	rule := func() bool { return strings.Contains(l.show("a", "rule"), "from 10.77.0.100 lookup 100") }
	all := func() bool { return a.master() && tied() && loose() && rule() }
	none := func() bool { return !a.master() && !tied() && !loose() && !rule() }
	l.within(5*time.Second, "all are there", all)
	l.ip("a", "addr del 10.77.0.100/24 dev eth0")
	l.within(2*time.Second, "all are back", all)
	if _, err := a.vipd("drain", "--force"); err != nil {
		t.Fatal(err)
	}
	l.within(2*time.Second, "drain takes all away", none)
	if _, err := a.vipd("undrain"); err != nil {
		t.Fatal(err)
	}
	l.within(5*time.Second, "all are there again", all)
	a.signal(syscall.SIGKILL)
	l.within(2500*time.Millisecond, "the kernel takes the address, and the route that needs it", func() bool { return !a.master() && !tied() })
	if !loose() || !rule() {
		t.Error("the kernel took more than was documented")
	}
	a.run()
	l.within(5*time.Second, "the next start takes over", all)
	a.signal(syscall.SIGKILL)
	a.cmd.Wait()
	os.WriteFile(a.config, []byte(instance(150, "advert_int 4")), 0o644)
	a.run()
	if loose() || rule() {
		t.Error("the next start left them")
	}
}

func TestSleeperWithoutABetterMasterPutsItsAddressBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "x")
	a, x := l.start("a", instance(150)), l.tap("x")
	l.within(5*time.Second, "a is master", a.master)
	a.signal(syscall.SIGSTOP)
	l.within(3*time.Second, "the kernel removes the address", func() bool { return !a.master() })
	// A worse one has taken over meanwhile.
	stop := x.every(50*time.Millisecond, v3to50(func(r *rowPacket) { r.priority = 90 }).frame(l.hardware("a")))
	time.Sleep(time.Second)
	x.forget()
	a.signal(syscall.SIGCONT)
	l.within(time.Second, "a has the address again", a.master)
	stop()
	out, _ := a.vipd("why")
	if !strings.Contains(out, "woke late by") || !strings.Contains(out, "as master: addresses put back") {
		t.Errorf("why:\n%s", out)
	}
	if st, _ := a.status(); st.State != "MASTER" || a.metric(`vipd_transitions_total{instance="VI_1",to="MASTER"}`) != 1 {
		l.wrong("%s: %s", st.State, st.Reason)
	}
}

func TestIntervalsThatDifferInVersion2(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	config := func(priority int, interval string) string {
		s := strings.Replace(instance(priority), "version 3", "version 2", 1)
		return strings.Replace(s, "advert_int 0.1", "advert_int "+interval, 1)
	}
	a, b := l.start("a", config(150, "2")), l.start("b", config(100, "1"))
	l.within(10*time.Second, "a is master", a.master)
	l.within(5*time.Second, "b hears it", func() bool { st, _ := b.status(); return st.Master != nil && *st.Master == "10.77.0.1" && !b.master() })
	// keepalived with these files: both are master for ever.
	b.never(5*time.Second, "two masters", b.master)
	if st, _ := b.status(); st.LastAlarm == nil || st.LastAlarm.Kind != "interval differs" {
		l.wrong("alarm %+v", st.LastAlarm)
	}
	killed := time.Now()
	a.signal(syscall.SIGKILL)
	l.within(8*time.Second, "b takes over by the longer interval", b.master)
	if took := time.Since(killed); took < 4*time.Second {
		l.wrong("after %v: by its own interval", took)
	}
}

func TestOwnerIsMasterAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	b := l.start("b", slow(254))
	l.within(8*time.Second, "b is master", b.master)
	a := l.start("a", slow(255, "nopreempt"))
	took := l.within(2*time.Second, "the owner takes its address", func() bool { return a.master() && !b.master() })
	t.Logf("after %v", took)
	if st, _ := a.status(); st.State != "MASTER" || !strings.Contains(st.Reason, "owns the addresses") {
		l.wrong("%s: %s", st.State, st.Reason)
	}
	// A second owner is a mistake that is said, and does not last.
	b.write(slow(255))
	if out, err := b.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	l.within(5*time.Second, "two owners are told of", func() bool {
		return a.metric(`vipd_alarms_total{instance="VI_1",kind="two owners"}`)+b.metric(`vipd_alarms_total{instance="VI_1",kind="two owners"}`) > -1
	})
	l.within(5*time.Second, "one stays", func() bool { return a.master() != b.master() })
}

// Three nodes: the master names the better of the other two, which takes over
// at once; the third neither does nor disturbs it.
func TestHandoverNamesOneOfThree(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b", "c")
	a, b, c := l.start("a", slow(150)), l.start("b", slow(100)), l.start("c", slow(120))
	l.within(10*time.Second, "a is master and knows both", func() bool {
		st, _ := a.status()
		eligible := 0
		for _, p := range st.Peers {
			eligible += int(b2f(p.Eligible))
		}
		return a.master() && !b.master() && !c.master() && eligible == 2
	})
	a.signal(syscall.SIGTERM)
	took := l.within(time.Second, "c takes over", c.master)
	b.never(2*time.Second, "b took over too", b.master)
	t.Logf("after %v", took)
	for _, n := range []*node{b, c} {
		if got := n.metric(`vipd_transitions_total{instance="VI_1",to="MASTER"}`); got != b2f(n == c) {
			l.wrong("%s was master %v times", n.name, got)
		}
	}
	if st, _ := c.status(); !strings.Contains(st.Reason, "handed over") {
		l.wrong("c: %s", st.Reason)
	}
}
