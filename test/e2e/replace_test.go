package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// replaceBy starts a server that takes over from s, at the addresses that s
// has, and waits until it has done so and s has ended well.
func (s *server) replaceBy(args ...string) *server {
	s.t.Helper()
	next := launch(s.t, s.dir, append([]string{"--replace", "--listen", s.addr(), "--admin", s.admin}, args...)...)
	next.awaitReady()
	select {
	case <-s.ended:
	case <-machine.After(10 * time.Second):
		s.t.Fatalf("the server that was replaced goes on; its log:\n%s", s.log.String())
	}
	if s.err != nil {
		s.t.Fatalf("the server that was replaced ended with %v; its log:\n%s", s.err, s.log.String())
	}
	return next
}

// TestNoQuestionIsLostByUpgrades replaces the server again and again under
// load over UDP and over TCP: connections that live through all of it, asking
// one by one and many at a time, and new ones.
func TestNoQuestionIsLostByUpgrades(t *testing.T) {
	rounds, clients := 3, 3
	if n, err := strconv.Atoi(os.Getenv("GEODNS_UPGRADES")); err == nil {
		rounds, clients = n, 8
	}
	sites := newSites(t, 2)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	right := func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeSuccess && (only(m) == sites[0].ip() || only(m) == sites[1].ip())
	}
	l := startLoad(t, s, clients, 0, right)
	p := startPipelines(t, s.addr(), 4, right)
	for i := range rounds {
		s.hangup()
		files{"zones/steering.yaml": steering([]string{"s0, s1", "s1, s0"}[i%2], 2)}.write(t, dir)
		s = s.replaceBy("--limits-workers", []string{"1", "3", "2"}[i%3])
		s.hangup()
	}
	p.end(t)
	l.end(t)
	if n := s.metric("geodns_server_tcp_connections"); n == 0 {
		t.Error("no connection lived through the upgrades")
	}
}

// TestReplaceKeepsHealth takes over while a site is down: the new process
// serves nothing else for a moment, and has since when.
func TestReplaceKeepsHealth(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 3)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	sites[0].be(broken)
	eventually(t, notice, "the broken site is avoided", func() bool { return s.mustAddr("www.example.com") == sites[1].ip() })
	before := s.since(t, "s0")
	hits := sites[1].hits.Load()
	if out, code := command(t, dir, "drain", "s1", "--over", "1h", "--reason", "test", "--server", s.admin); code != 0 {
		t.Fatalf("drain: exit code %d\n%s", code, out)
	}
	// A site that the old process does not know is probed before it is served.
	files{"zones/steering.yaml": steering("s2, s0, s1", 3)}.write(t, dir)
	sites[2].be(broken)
	next := s.replaceBy()
	if got := next.mustAddr("www.example.com"); got != sites[1].ip() {
		t.Errorf("%v is answered after the upgrade", got)
	}
	if after := next.since(t, "s0"); after != before {
		t.Errorf("down since %s before the upgrade, since %s after it", before, after)
	}
	if strings.Contains(next.log.String(), "site=s1 target") {
		t.Errorf("the upgrade asked a site anew that was known (%d probes before):\n%s", hits, next.log.String())
	}
	if out, _ := command(t, dir, "status", "--server", next.admin); !strings.Contains(out, "draining") {
		t.Errorf("the drain is forgotten:\n%s", out)
	}
	for _, name := range []string{"control.sock", "replace.sock"} {
		if _, err := os.Stat(filepath.Join(dir, "state", name)); err != nil {
			t.Errorf("after the upgrade: %v", err)
		}
	}
	if out, code := command(t, dir, "status", "-c", filepath.Join(dir, "geodns.yaml")); code > 1 || !strings.Contains(out, "s0") {
		t.Errorf("geodns status by the socket: exit code %d\n%s", code, out)
	}
}

// since returns since when a site has its state.
func (s *server) since(t *testing.T, site string) string {
	t.Helper()
	var st struct {
		Sites []struct{ Name, Since string }
	}
	if err := json.Unmarshal([]byte(s.get("/api/v1/status")), &st); err != nil {
		t.Fatal(err)
	}
	for _, one := range st.Sites {
		if one.Name == site {
			return one.Since
		}
	}
	t.Fatalf("no site %s", site)
	return ""
}

// TestReplaceThatFailsLeavesTheOldOneServing has the new process fail in each
// way that can be brought about from outside.
func TestReplaceThatFailsLeavesTheOldOneServing(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir, _ := reloadFolder(t, sites)
	s := start(t, dir)
	args := []string{"--replace", "--listen", s.addr(), "--admin", s.admin}
	serves := func(what string) {
		t.Helper()
		for range 20 {
			if got := s.mustAddr("www.example.com"); got != sites[0].ip() {
				t.Fatalf("%s: %v is answered", what, got)
			}
		}
		if m, err := dial(t, "tcp", s.addr()).ask("www.example.com", dns.TypeA); err != nil || only(m) != sites[0].ip() {
			t.Fatalf("%s: over TCP: %v, %v", what, m, err)
		}
		if s.metric("geodns_config_ok") != 1 {
			t.Errorf("%s: the files are not well", what)
		}
	}
	fails := func(what, told string, args ...string) {
		t.Helper()
		next := launch(t, dir, args...)
		select {
		case <-next.ended:
		case <-machine.After(20 * time.Second):
			t.Fatalf("%s: the new process goes on:\n%s", what, next.log.String())
		}
		if next.err == nil || !strings.Contains(next.log.String(), told) {
			t.Errorf("%s: ended with %v, and said:\n%s", what, next.err, next.log.String())
		}
		serves(what)
	}
	fails("without --replace", "another geodns serves with this state")
	fails("an address that is taken", "address already in use", "--replace", "--listen", s.addr()+","+s.admin, "--admin", "")
	bad := folder(t, files{"zones/example.com.zone": zoneText("www A 1.2.3\n"), "geodns.yaml": "listen: [\"" + s.addr() + "\"]\nadmin: \"\"\nstate: " + dir + "/state\n"})
	fails("a mistake in its files", "example.com.zone:5:7", "--replace", "-c", filepath.Join(bad, "geodns.yaml"))

	// Killed while it probes a site that hangs: it has every socket then.
	sites[1].be(hanging)
	slow := folder(t, files{
		"zones/example.com.zone": zoneText("www STEER web\n"), "geodns.yaml": "listen: [\"" + s.addr() + "\"]\nadmin: \"\"\nstate: " + dir + "/state\n",
		"zones/steering.yaml": fmt.Sprintf("checks:\n  other: {http: {port: %d, path: /}, interval: 9s, timeout: 9s}\nsites:\n"+
			"  new: {addresses: [%v], check: other}\npolicies:\n  web: {failover: [new]}\n", sites[1].addr.Port(), sites[1].ip()),
	})
	next := launch(t, dir, append(args, "-c", filepath.Join(slow, "geodns.yaml"))...)
	next.awaitLog(0, regexp.MustCompile("first round of checks"), notice)
	next.signal(syscall.SIGKILL)
	<-next.ended
	s.awaitLog(0, regexp.MustCompile(`msg="the other process did not take over`), notice)
	sites[1].be(well)
	serves("the new process was killed")

	from := s.log.len()
	s.replaceBy()
	if text := s.log.String()[from:]; !strings.Contains(text, `msg="handed over"`) {
		t.Errorf("the log says:\n%s", text)
	}
}

// TestUpgradeBySignal has a server start its own file anew.
func TestUpgradeBySignal(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	first := start(t, dir)
	// Its arguments are kept, so the addresses must be fixed.
	s := first.replaceBy()
	from := s.log.len()
	s.signal(syscall.SIGUSR2)
	m := s.awaitLog(from, regexp.MustCompile(`msg="started the program anew, to take over" pid=(\d+)`), notice)
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL) // if the test fails
	// The new process writes to the same log, so that s.ended waits for both.
	eventually(t, notice, "the old process is gone", func() bool { return syscall.Kill(s.cmd.Process.Pid, 0) != nil })
	if got := s.mustAddr("www.example.com"); got != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%v is answered", got)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Errorf("the new process: %v", err)
	}
	select {
	case <-s.ended:
	case <-machine.After(notice):
		t.Fatal("the new process does not end")
	}
	if s.err != nil {
		t.Errorf("the server that was replaced ended with %v", s.err)
	}
}

// TestTwoTakeOversAtOnce has two processes take over at the same time: one does so
// from the old one, and the other from it.
func TestTwoTakeOversAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir)
	l := startLoad(t, s, 2, 0, func(m *dns.Msg) bool { return only(m) == netip.MustParseAddr("192.0.2.1") })
	args := []string{"--replace", "--listen", s.addr(), "--admin", s.admin}
	a, b := launch(t, dir, args...), launch(t, dir, args...)
	for _, s := range []*server{a, b} {
		s.awaitLog(0, regexp.MustCompile(`msg="took over"`), 2*notice)
	}
	ended := 0
	for _, s := range []*server{s, a, b} {
		select {
		case <-s.ended:
			ended++
			if s.err != nil {
				t.Errorf("ended with %v; its log:\n%s", s.err, s.log.String())
			}
		case <-time.After(notice):
		}
	}
	if ended != 2 {
		t.Errorf("%d of three have ended", ended)
	}
	l.end(t)
}

// TestStartAfterACrashRightAfterATakeOver: what the process that took over leaves
// behind when it is killed as soon as it is ready keeps no other from starting,
// nor from being replaced.
func TestStartAfterACrashRightAfterATakeOver(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir, _ := reloadFolder(t, sites)
	s := start(t, dir)
	if out, code := command(t, dir, "drain", "s0", "--server", s.admin); code != 0 {
		t.Fatalf("drain: exit code %d\n%s", code, out)
	}
	next := s.replaceBy()
	next.signal(syscall.SIGKILL)
	<-next.ended
	again := launch(t, dir, "--listen", s.addr(), "--admin", s.admin)
	again.awaitReady()
	if got := again.mustAddr("www.example.com"); got != sites[1].ip() {
		t.Errorf("%v is answered: the drain is forgotten", got)
	}
	again.replaceBy()
}
