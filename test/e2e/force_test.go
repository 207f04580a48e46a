package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestForceOverTheWire forces a dead site up: the whole of it, an address, and
// as the target of one policy; for a time, and over kill -9.
func TestForceOverTheWire(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\nalt 5 STEER alt\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {tcp: {port: %d}, interval: 100ms}\n", freePort(t)) +
			"sites:\n  fra: {addresses: [127.2.0.1, 127.2.0.2], check: web}\n  iad: {addresses: [127.2.0.3]}\npolicies:\n  web: {failover: [fra, iad]}\n  alt: {failover: [fra, iad]}\n",
	})
	s := start(t, dir)
	kill := func() {
		t.Helper()
		s.signal(syscall.SIGKILL)
		<-s.ended
		s = start(t, dir)
	}
	served := func(name string) string {
		text := []string{}
		for _, a := range addresses(dial(t, "udp", s.addr()).must(t, query(name+".example.com", dns.TypeA, netip.Prefix{}))) {
			text = append(text, a.String()[len("127.2.0."):])
		}
		return fmt.Sprint(text)
	}
	want := func(when, web, alt string) {
		t.Helper()
		if gotWeb, gotAlt := served("www"), served("alt"); gotWeb != web || gotAlt != alt {
			t.Errorf("%s: web has %s, alt %s; want %s, %s", when, gotWeb, gotAlt, web, alt)
		}
	}
	want("at the start", "[3]", "[3]")
	for _, c := range []struct {
		where    []string
		web, alt string
	}{
		{nil, "[1 2]", "[1 2]"},
		{[]string{"--address", "127.2.0.2"}, "[2]", "[2]"},
		{[]string{"--policy", "web"}, "[1 2]", "[3]"},
	} {
		how := append([]string{"force", "fra", "up"}, c.where...)
		s.change(how...)
		want(fmt.Sprint(how), c.web, c.alt)
		kill()
		want(fmt.Sprint(how, " after kill -9"), c.web, c.alt)
		s.change(append([]string{"force", "fra", "none"}, c.where...)...)
		want(fmt.Sprint(how, " taken back"), "[3]", "[3]")
	}
	// It ends by itself, also when nobody was there to see it.
	s.change("force", "fra", "up", "--for", "1500ms", "--reason", "the check is wrong")
	want("for a time", "[1 2]", "[1 2]")
	eventually(t, 4*time.Second, "the end of the time", func() bool { return served("www") == "[3]" })
	s.change("force", "fra", "up", "--for", "300ms")
	s.signal(syscall.SIGKILL)
	<-s.ended
	time.Sleep(300 * time.Millisecond)
	s = start(t, dir)
	want("after a time that ended meanwhile", "[3]", "[3]")
	if o := s.overrides(); len(o) != 0 {
		t.Errorf("still in force: %+v", o)
	}
	if out, code := command(t, dir, "force", "fra", "up", "--for", "0s"); code != 2 {
		t.Errorf("--for 0s: code %d: %s", code, out)
	}
}

// TestStickyClientsStayOverTheWire holds 10,000 clients in a sticky policy: when
// a site fails its clients move and no others, and all of them come back.
func TestStickyClientsStayOverTheWire(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 3)
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d}, interval: 200ms}\nsites:\n  a: {addresses: [%v], check: web}\n  b: {addresses: [%v], check: web}\n  c: {addresses: [%v], check: web}\npolicies:\n  web: {weighted: {a: 2, b: 1, c: 1}, sticky: true}\n",
			sites[0].addr.Port(), sites[0].ip(), sites[1].ip(), sites[2].ip()),
	}))
	n := clients(10_000)
	before, scope := s.askAll("www", n)
	if scope < 24 {
		t.Errorf("scope /%d", scope)
	}
	shares := func(what string, of []netip.Addr, weights ...float64) {
		t.Helper()
		count, expect, sum := map[netip.Addr]int{}, map[netip.Addr]float64{}, 0.0
		for _, w := range weights {
			sum += w
		}
		for _, a := range of {
			count[a]++
		}
		for i, w := range weights {
			if w > 0 {
				expect[sites[i].ip()] = w / sum * float64(len(of))
			}
		}
		chiSquare(t, what, count, expect)
	}
	shares("all", before, 2, 1, 1)
	sites[1].be(stopped)
	eventually(t, notice, "b is down", func() bool { return s.metric(`geodns_site_up{site="b"}`) == 0 })
	var moved []netip.Addr
	during, _ := s.askAll("www", n)
	for i, a := range during {
		if before[i] == sites[1].ip() {
			moved = append(moved, a)
		} else if a != before[i] {
			t.Fatalf("client %d of %v moved to %v", i, before[i], a)
		}
	}
	shares("those of b", moved, 2, 0, 1)
	sites[1].be(well)
	eventually(t, notice, "b is up", func() bool { return s.metric(`geodns_site_up{site="b"}`) == 1 })
	if after, _ := s.askAll("www", n); !slices.Equal(after, before) {
		t.Error("not all clients came back")
	}
}
