package e2e

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSlowStartOverTheWire lets a site fail and recover: its share grows
// evenly, and who has come back stays.
func TestSlowStartOverTheWire(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	const over = 8 * time.Second
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d}, interval: 200ms}\nsites:\n  fra: {addresses: [%v], check: web, slow_start: %v}\n  iad: {addresses: [%v], check: web}\npolicies:\n  web: {failover: [fra, iad]}\n",
			sites[0].addr.Port(), sites[0].ip(), over, sites[1].ip()),
	}))
	const clients = 1000
	if share(s.servedBy(clients), sites[0].ip().String()) != 1 {
		t.Fatal("fra was up at the start, and does not serve all")
	}
	sites[0].be(stopped)
	up := func() bool { return s.metric(`geodns_site_up{site="fra"}`) == 1 }
	eventually(t, notice, "fra is down", func() bool { return !up() })
	sites[0].be(well)
	eventually(t, notice, "fra is up", up)
	begin, back, steps, looks := time.Now(), make([]bool, clients), 0, 0
	for last := 0.0; last < 1; {
		before := time.Since(begin)
		answers := s.servedBy(clients)
		after := time.Since(begin)
		if looks++; before > over+5*time.Second {
			t.Fatal("it does not end")
		}
		part := share(answers, sites[0].ip().String())
		least := math.Floor(before.Seconds()-1.5) / over.Seconds()
		most := after.Seconds()/over.Seconds() + 0.1
		if part < least-0.05 || part > most+0.05 {
			t.Errorf("after %v to %v the share is %.3f", before, after, part)
		}
		for i, a := range answers {
			if back[i] && a != sites[0].ip() {
				t.Fatalf("client %d was back and left again", i)
			}
			back[i] = a == sites[0].ip()
		}
		if part > last {
			steps++
		}
		last = part
		time.Sleep(200 * time.Millisecond)
	}
	if steps < min(5, looks/3) { // a slow machine looks seldom
		t.Errorf("it came back in %d steps, looked at %d times", steps, looks)
	}
}

// TestFailBackOverTheWire holds one site back for a time, and one until an
// operator lets it in; when nothing else works both serve at once.
func TestFailBackOverTheWire(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 3)
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\nman 5 STEER man\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d}, interval: 200ms}\nsites:\n  fra: {addresses: [%v], check: web, fail_back: {hold: 3s}}\n  ams: {addresses: [%v], check: web, fail_back: manual}\n  iad: {addresses: [%v], check: web}\npolicies:\n  web: {failover: [fra, iad]}\n  man: {failover: [ams, iad], all_down: servfail}\n",
			sites[0].addr.Port(), sites[0].ip(), sites[1].ip(), sites[2].ip()),
	}))
	is := func(name string, site int) func() bool {
		return func() bool { return s.mustAddr(name+".example.com") == sites[site].ip() }
	}
	sites[0].be(stopped)
	sites[1].be(stopped)
	eventually(t, notice, "iad has all", func() bool { return is("www", 2)() && is("man", 2)() })
	held := time.Now()
	sites[0].be(well)
	sites[1].be(well)
	eventually(t, notice, "they are held", func() bool {
		return s.metric(`geodns_site_held{site="fra"}`)+s.metric(`geodns_site_held{site="ams"}`) == 2
	})
	eventually(t, 6*time.Second, "fra is let in", is("www", 0))
	if took := time.Since(held); took < 3*time.Second {
		t.Errorf("fra was held for %v", took)
	}
	if !is("man", 2)() {
		t.Error("ams came back by itself")
	}
	s.awaitLog(0, regexp.MustCompile(`site=ams .*to="held back" reason=.*manual`), time.Second)
	sites[2].be(stopped) // now what is held is the best there is
	eventually(t, notice, "ams serves for want of others", is("man", 1))
	sites[2].be(well)
	eventually(t, notice, "iad is back", is("man", 2))
	s.change("undrain", "ams")
	if !is("man", 1)() {
		t.Error("undrain did not let ams in")
	}
}

// TestGuardOverTheWire lets two of three sites fail under a guard of two: the
// second stays in, loudly; people are refused, unless they insist.
func TestGuardOverTheWire(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 3)
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\nalt 5 STEER alt\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d}, interval: 200ms}\nsites:\n  a: {addresses: [%v], check: web}\n  b: {addresses: [%v], check: web}\n  c: {addresses: [%v], check: web}\npolicies:\n  web: {all: [a, b, c], guard: {min_sites: 2}}\n  alt: {all: [a, b, c]}\n",
			sites[0].addr.Port(), sites[0].ip(), sites[1].ip(), sites[2].ip()),
	}))
	count := func(name string) int {
		return len(addresses(dial(t, "udp", s.addr()).must(t, query(name+".example.com", 1, netip.Prefix{}))))
	}
	sites[0].be(stopped)
	eventually(t, notice, "a is out", func() bool { return count("www") == 2 })
	out, code := command(t, s.dir, "drain", "c")
	if code != 1 || !strings.Contains(out, "guard") || !strings.Contains(out, "--yes-beyond-guard") || count("www") != 2 {
		t.Errorf("drain beyond the guard: code %d, %d addresses: %s", code, count("www"), out)
	}
	if out, code := command(t, s.dir, "drain", "c", "--policy", "web"); code != 1 || !strings.Contains(out, "guard") {
		t.Errorf("drain of a target beyond the guard: code %d: %s", code, out)
	}
	if out, code := command(t, s.dir, "force", "c", "down"); code != 1 || !strings.Contains(out, "guard") {
		t.Errorf("force down beyond the guard: code %d: %s", code, out)
	}
	if n := s.metric("geodns_guard_refused_total"); n != 3 {
		t.Errorf("%v refusals are counted, want 3", n)
	}
	sites[1].be(stopped)
	eventually(t, notice, "b is kept", func() bool { return s.metric(`geodns_site_kept{site="b"}`) == 1 })
	if count("www") != 2 || count("alt") != 1 {
		t.Errorf("%d addresses with the guard, %d without; want 2 and 1", count("www"), count("alt"))
	}
	s.awaitLog(0, regexp.MustCompile(`site=b .*to="kept in" reason="the guard of policy web`), time.Second)
	if !strings.Contains(s.get("/api/v1/status"), `"kept_by": [
        "web"`) && !strings.Contains(s.change("status"), "guard") {
		t.Error("the status does not tell")
	}
	time.Sleep(600 * time.Millisecond) // some more probes of b fail
	if n := strings.Count(s.log.String(), `to="kept in"`); n != 1 {
		t.Errorf("what the guard keeps is told %d times, want once", n)
	}
	if out := s.change("status"); !strings.Contains(out, "down, kept in") {
		t.Errorf("the status does not tell what is kept:\n%s", out)
	}
	s.change("drain", "c", "--yes-beyond-guard")
	eventually(t, notice, "c is out and another stays in", func() bool { return count("www") == 2 })
	s.awaitLog(0, regexp.MustCompile(`level=WARN msg="an operator goes beyond a guard" site=c`), time.Second)
}
