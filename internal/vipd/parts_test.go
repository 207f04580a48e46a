package vipd

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

const partsConf = `vrrp_script chk {
    script "/bin/true"
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 50
    priority 100
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress { 10.0.0.100/24 }
    track_script { chk }
}
`

func parsed(t *testing.T, text string) *keepalived.Config {
	t.Helper()
	cfg, list := keepalived.Parse(fstest.MapFS{"v.conf": {Data: []byte(text)}}, "v.conf", keepalived.Options{})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func firstPlan(t *testing.T, text string) *plan {
	t.Helper()
	cfg := parsed(t, text)
	return newPlan(cfg, cfg.Instance("VI_1"))
}

func TestPlansAreTheSameWhereverTheyStand(t *testing.T) {
	base := firstPlan(t, partsConf)
	for _, c := range []struct {
		old, new string
		same     bool
	}{
		{"vrrp_script", "# moved\n\nvrrp_script", true},
		{"vrrp_script", "vrrp_instance VI_2 {\n interface eth1\n virtual_router_id 9\n virtual_ipaddress { 10.1.1.1/24 }\n}\nvrrp_script", true},
		{"priority 100", "priority 101", false},
		{"10.0.0.100/24", "10.0.0.100/32", false},
		{"auth_pass secret", "auth_pass other", false},
		{"/bin/true", "/bin/false", false},
		{"track_script { chk }", "track_script { chk weight 5 }", false},
		{"vrrp_script", "vrrp_sync_group G {\n group {\n VI_1\n }\n}\nvrrp_script", false},
	} {
		if got := firstPlan(t, strings.Replace(partsConf, c.old, c.new, 1)).sameAs(base); got != c.same {
			t.Errorf("%q for %q: same %v, want %v", c.new, c.old, got, c.same)
		}
	}
}

func TestLinkFacts(t *testing.T) {
	const running = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP
	addr := func(prefix string, proto uint8) netlink.Address {
		return netlink.Address{Index: 2, Prefix: netip.MustParsePrefix(prefix), Proto: proto, Valid: netlink.Forever}
	}
	table := func(flags uint32, addrs ...netlink.Address) *linkTable {
		var lt linkTable
		lt.take(netlink.Event{Kind: netlink.Synced, Links: []netlink.Link{{Index: 2, Name: "eth0", Flags: flags, Carrier: flags&unix.IFF_LOWER_UP != 0}}, Addrs: addrs})
		return &lt
	}
	own, vip := addr("10.0.0.1/24", 0), addr("10.0.0.100/24", 0)
	other := addr("10.0.0.7/24", netlink.AddrProto)
	for _, c := range []struct {
		name  string
		table *linkTable
		conf  string
		up    bool
		why   string
		local string
	}{
		{"good", table(running, own), "", true, "", "10.0.0.1"},
		{"a VIP is no source", table(running, vip, own), "", true, "", "10.0.0.1"},
		{"nor another instance's", table(running, other, own), "", true, "", "10.0.0.1"},
		{"only VIPs", table(running, vip, other), "", false, "eth0 has no address to send adverts from", ""},
		{"down", table(0, own), "", false, "eth0 is down", "10.0.0.1"},
		{"no carrier", table(unix.IFF_UP, own), "", false, "eth0 has no carrier", "10.0.0.1"},
		{"no carrier, untracked", table(unix.IFF_UP, own), "dont_track_primary", true, "", "10.0.0.1"},
		{"source is elsewhere", table(running, own), "mcast_src_ip 10.0.0.2", false, "10.0.0.2 is not an address of this machine", ""},
		{"gone", &linkTable{}, "", false, "there is no interface eth0", ""},
	} {
		p := firstPlan(t, strings.Replace(partsConf, "priority 100", "priority 100\n"+c.conf, 1))
		f := c.table.facts(p, linkFacts{})
		local := ""
		if f.local.IsValid() {
			local = f.local.String()
		}
		if f.up != c.up || f.why != c.why || local != c.local {
			t.Errorf("%s: got up=%v %q from %q, want up=%v %q from %q", c.name, f.up, f.why, local, c.up, c.why, c.local)
		}
	}
}

func TestSourceIsKeptWhileItIsThere(t *testing.T) {
	p := firstPlan(t, partsConf)
	var lt linkTable
	lt.take(netlink.Event{Kind: netlink.Synced, Links: []netlink.Link{{Index: 2, Name: "eth0"}}})
	for _, s := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		lt.take(netlink.Event{Kind: netlink.AddressChanged, Address: netlink.Address{Index: 2, Prefix: netip.MustParsePrefix(s)}})
	}
	second := netip.MustParseAddr("10.0.0.2")
	if got := lt.source(p, 2, second); got != second {
		t.Errorf("got %v, want %v kept", got, second)
	}
	lt.take(netlink.Event{Kind: netlink.AddressGone, Address: netlink.Address{Index: 2, Prefix: netip.MustParsePrefix("10.0.0.2/24")}})
	if got := lt.source(p, 2, second); got.String() != "10.0.0.1" {
		t.Errorf("got %v, want the other one", got)
	}
}

func TestDrainsOutliveTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	f, err := openDrains(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.set("VI_1", &drainOrder{LastResort: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.set("VI_2", &drainOrder{}); err != nil {
		t.Fatal(err)
	}
	if err := f.set("VI_2", nil); err != nil {
		t.Fatal(err)
	}
	again, err := openDrains(dir)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := again.get("VI_1"); !ok || !o.LastResort {
		t.Errorf("VI_1: %v %v", o, ok)
	}
	if _, ok := again.get("VI_2"); ok {
		t.Error("VI_2 came back drained")
	}
	os.WriteFile(filepath.Join(dir, "drained.json"), []byte("{"), 0o644)
	if _, err := openDrains(dir); err == nil {
		t.Error("a damaged file was taken for nothing drained")
	}
}

// blockedWriter never takes anything until it is let go.
type blockedWriter struct{ release chan struct{} }

func (w blockedWriter) Write(p []byte) (int, error) { <-w.release; return len(p), nil }

func TestLogNeverBlocks(t *testing.T) {
	w := blockedWriter{make(chan struct{})}
	log, flush := newAsyncLog(slog.NewTextHandler(w, nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 * logQueue {
			log.Info("line")
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the log blocked its writer")
	}
	close(w.release)
	flush()
}

func TestLogWritesWhatWaitsAtTheEnd(t *testing.T) {
	var mu sync.Mutex
	var b strings.Builder
	log, flush := newAsyncLog(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}), nil))
	log.With("instance", "VI_1").Info("last words")
	flush()
	if !strings.Contains(b.String(), `msg="last words" instance=VI_1`) {
		t.Errorf("got %q", b.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

var _ io.Writer = writerFunc(nil)

func TestAlarmClockAndBell(t *testing.T) {
	c, err := newAlarmClock()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	b, err := newBell()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	fds := []unix.PollFd{{Fd: int32(c.fd)}, {Fd: int32(b.fd)}}
	start := bootNow()
	c.set(start + 20*time.Millisecond)
	pollAny(fds, time.Second)
	if took := bootNow() - start; !c.fired() || took < 20*time.Millisecond || took > 500*time.Millisecond {
		t.Errorf("fired after %v", took)
	}
	if c.fired() {
		t.Error("fired twice")
	}
	c.set(1) // long past: at once
	pollAny(fds, time.Second)
	if !c.fired() {
		t.Error("a time that has gone by did not fire")
	}
	c.set(bootNow() + time.Millisecond)
	c.set(0)
	pollAny(fds, 20*time.Millisecond)
	if c.fired() {
		t.Error("fired although stopped")
	}
	b.ring()
	b.ring()
	start = bootNow()
	pollAny(fds, time.Second)
	b.hush()
	if took := bootNow() - start; took > 500*time.Millisecond {
		t.Errorf("the bell was heard after %v", took)
	}
}

func TestMailboxNeverBlocksItsSenders(t *testing.T) {
	b, err := newBell()
	if err != nil {
		t.Fatal(err)
	}
	m := mailbox{bell: b}
	posted := 0
	for range 2 * maxMail {
		if m.post(func(*instance) {}) {
			posted++
		}
	}
	if posted != maxMail || len(m.take()) != maxMail {
		t.Errorf("took %d, want %d", posted, maxMail)
	}
	m.close()
	if m.post(func(*instance) {}) {
		t.Error("took mail after its end")
	}
}

func TestUnserved(t *testing.T) {
	const group = "track_group G { group { VI_1 } }\n"
	for _, c := range []struct{ before, inside, want string }{
		{"", "vrf red", "is not carried out yet"},
		{"", "garp_extra_if 5", "warning: garp_extra_if is not carried out"},
		{group, "", "warning: no static address, route or rule names track_group G"},
		{group + "static_ipaddress { 10.0.1.1/24 dev eth0 track_group G }\n", "", "v.conf:1:13: track_group G is not carried out"},
	} {
		text := c.before + strings.Replace(partsConf, "priority 100", "priority 100\n"+c.inside, 1)
		cfg, list := keepalived.Parse(fstest.MapFS{"v.conf": {Data: []byte(text)}}, "v.conf", keepalived.Options{})
		var all strings.Builder
		for _, d := range append(list, unserved(cfg)...) {
			all.WriteString(d.String() + "\n")
		}
		if !strings.Contains(all.String(), c.want) {
			t.Errorf("%s%s: %q not in %q", c.before, c.inside, c.want, all.String())
		}
	}
}

func TestResolveKeepsAddresses(t *testing.T) {
	a, err := resolve(context.Background(), "2001:db8::1")
	if err != nil || a.String() != "2001:db8::1" {
		t.Errorf("got %v %v", a, err)
	}
}
