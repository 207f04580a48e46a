package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// notice is how long a changed file may take to be served: events, the wait
// until it stays as it is, a slow look where no event comes, and loading.
const notice = 5 * time.Second

// reloadFolder has two zones steered to the first of some sites.
func reloadFolder(t *testing.T, sites []*site) (dir string, steering func(order string, n int) string) {
	steering = func(order string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "checks:\n  web: {http: {port: %d, path: /}, interval: 500ms, timeout: 500ms}\nsites:\n", sites[0].addr.Port())
		for i, s := range sites[:n] {
			fmt.Fprintf(&b, "  s%d: {addresses: [%v], check: web}\n", i, s.ip())
		}
		fmt.Fprintf(&b, "policies:\n  web: {failover: [%s]}\n", order)
		return b.String()
	}
	dir = folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\ntxt TXT one\n"),
		"zones/example.net.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml":    steering("s0, s1", 2),
	})
	return dir, steering
}

// rcode returns the response code for a name; -1 if there is no reply.
func (s *server) rcode(name string) int {
	m, err := dial(s.t, "udp", s.addr()).ask(name, dns.TypeA)
	if err != nil {
		return -1
	}
	return m.Rcode
}

// TestReloadByChangedFiles changes files one after the other; each change is
// served without anybody asking for it.
func TestReloadByChangedFiles(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 4)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	becomes := func(what, name string, want netip.Addr) {
		t.Helper()
		eventually(t, notice, what, func() bool { return s.mustAddr(name) == want })
	}
	becomes("the first state", "www.example.com", sites[0].ip())

	files{"zones/steering.yaml": steering("s1, s0", 2)}.write(t, dir)
	becomes("another order in the policy", "www.example.com", sites[1].ip())

	files{"zones/example.org.zone": zoneText("www 5 STEER s0\n")}.write(t, dir)
	becomes("a new zone", "www.example.org", sites[0].ip())

	if err := os.Remove(filepath.Join(dir, "zones/example.org.zone")); err != nil {
		t.Fatal(err)
	}
	eventually(t, notice, "a removed zone is refused", func() bool { return s.rcode("www.example.org") == dns.RcodeRefused })

	files{"zones/example.com.zone": zoneText("www 5 STEER web\nnew A 192.0.2.7\n")}.write(t, dir)
	becomes("a new record", "new.example.com", netip.MustParseAddr("192.0.2.7"))

	from := s.log.len()
	files{"zones/.example.com.zone.swp": "nonsense", "zones/README": "nonsense"}.write(t, dir)
	time.Sleep(500 * time.Millisecond)
	files{"zones/steering.yaml": steering("s0, s1", 2)}.write(t, dir)
	becomes("the first order again", "www.example.com", sites[0].ip())
	if text := s.log.String()[from:]; strings.Contains(text, "ERROR") {
		t.Errorf("a hidden file or one of another kind was read:\n%s", text)
	}
}

// TestNewSiteIsProbedBeforeItIsServed adds two sites to the head of a policy,
// of which one is dead: no answer ever names that one, or waits for the swap.
func TestNewSiteIsProbedBeforeItIsServed(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 4)
	sites[2].be(hanging)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	files{"zones/steering.yaml": steering("s2, s3, s0", 4)}.write(t, dir)
	for end := time.Now().Add(notice); ; time.Sleep(time.Millisecond) {
		got := only(a.must(t, query("www.example.com", dns.TypeA, netip.Prefix{})))
		if got == sites[3].ip() {
			break
		}
		if got != sites[0].ip() || time.Now().After(end) {
			t.Fatalf("%v is answered; before the swap %v is right, after it %v", got, sites[0].ip(), sites[3].ip())
		}
	}
	if sites[3].hits.Load() == 0 {
		t.Error("the new site was served without a probe")
	}
}

// TestChangeDuringTheFirstRoundIsNoticed changes a zone file after the server
// has read it and before it serves.
func TestChangeDuringTheFirstRoundIsNoticed(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	sites[0].be(hanging)
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\nvalue A 192.0.2.1\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d, path: /}, interval: 2s, timeout: 1500ms}\nsites:\n"+
			"  s0: {addresses: [%v], check: web}\npolicies:\n  web: {failover: [s0]}\n", sites[0].addr.Port(), sites[0].ip()),
	})
	s := launch(t, dir)
	s.awaitLog(0, regexp.MustCompile("first round of checks"), notice)
	files{"zones/example.com.zone": zoneText("www 5 STEER web\nvalue A 192.0.2.2\n")}.write(t, dir)
	s.awaitReady()
	eventually(t, notice, "the change is served", func() bool { return s.mustAddr("value.example.com") == netip.MustParseAddr("192.0.2.2") })
}

// TestHealthCarriesOverAReload reloads while a site is down and expects no
// answer with it, not even for a moment.
func TestHealthCarriesOverAReload(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 4)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	sites[0].be(broken)
	a := dial(t, "udp", s.addr())
	ask := func() netip.Addr { return only(a.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))) }
	eventually(t, notice, "the broken site is avoided", func() bool { return ask() == sites[1].ip() })
	s.awaitLog(0, regexp.MustCompile("site=s0 .*to=down"), notice) // it is written after the answers change
	from := s.log.len()
	for i := range 5 {
		// A site that was not there is probed, the others keep what they had.
		files{"zones/steering.yaml": steering("s0, s1, s2", 2+i%2+1)}.write(t, dir)
		done := make(chan struct{})
		go func() { s.hangup(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			if got := ask(); got != sites[1].ip() {
				t.Fatalf("reload %d: %v is answered, which is down", i, got)
			}
		}
	}
	if text := s.log.String()[from:]; strings.Contains(text, `site=s0 target`) || strings.Contains(text, `site=s1 target`) {
		t.Errorf("a reload changed the state of a site that it did not touch:\n%s", text)
	}
}

// TestWrongFilesKeepTheOldState makes mistakes of each kind. What was right
// before is served, and log, status, metric and command say what is wrong and
// where.
func TestWrongFilesKeepTheOldState(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	good := files{"zones/example.com.zone": zoneText("www 5 STEER web\n"), "zones/steering.yaml": steering("s0, s1", 2), "geodns.yaml": basicConfig}
	for _, c := range []struct {
		what  string
		wrong files
		told  string
	}{
		{"a zone with a broken record", files{"zones/example.com.zone": zoneText("www 5 STEER web\nbad A 1.2.3\n")}, `example\.com\.zone:6:7: `},
		{"an unknown policy", files{"zones/example.com.zone": zoneText("www 5 STEER wob\n")}, `example\.com\.zone:5:13: .*wob.*did you mean \\?"?web`},
		{"steering.yaml cut off", files{"zones/steering.yaml": "checks:\n  web: {http: {port"}, `steering\.yaml:`},
		{"an unknown key in geodns.yaml", files{"geodns.yaml": basicConfig + "lisen: []\n"}, `geodns\.yaml:4:1: .*did you mean \\?"?listen`},
		{"mistakes in both", files{"zones/example.com.zone": zoneText("bad A 1.2.3\n"), "geodns.yaml": basicConfig + "lisen: []\n"}, `(?s)geodns\.yaml:4:1: .*example\.com\.zone:5:7: `},
		{"no zones folder", files{"geodns.yaml": basicConfig + "zones: elsewhere\n"}, `elsewhere`},
		{"a database that is none", files{"geodns.yaml": basicConfig + "geo: {database: [geodns.yaml]}\n"}, `geo database`},
	} {
		from := s.log.len()
		c.wrong.write(t, dir)
		s.awaitLog(from, regexp.MustCompile(`level=ERROR .*`+c.told), notice)
		s.awaitLog(from, regexp.MustCompile(`msg="reload refused`), notice)
		eventually(t, time.Second, "the metric says so", func() bool { return s.metric("geodns_config_ok") == 0 })
		eventually(t, time.Second, c.what+": the status says so", func() bool {
			st := s.status()
			return !st.Config.OK && regexp.MustCompile(c.told).MatchString(strings.Join(st.Config.Errors, "\n"))
		})
		if got := s.mustAddr("www.example.com"); got != sites[0].ip() {
			t.Errorf("%s: %v is answered", c.what, got)
		}
		if out, code := command(t, dir, "status", "--server", s.admin); code != 1 || !strings.Contains(out, "refused") {
			t.Errorf("%s: geodns status: exit code %d\n%s", c.what, code, out)
		}
		good.write(t, dir)
		eventually(t, notice, c.what+": right again", func() bool { return s.metric("geodns_config_ok") == 1 })
		if out, code := command(t, dir, "status", "--server", s.admin); code != 0 {
			t.Errorf("%s, mended: geodns status: exit code %d\n%s", c.what, code, out)
		}
	}
}

// TestMistakeInANewFolderIsNoticedWhenMended points geodns.yaml at a folder
// that holds a mistake, and then mends the file there alone.
func TestMistakeInANewFolderIsNoticedWhenMended(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir)
	files{"next/example.com.zone": zoneText("www A 192.0.2\n"), "geodns.yaml": basicConfig + "zones: next\n"}.write(t, dir)
	eventually(t, notice, "the mistake is noticed", func() bool { return s.metric("geodns_config_ok") == 0 })
	files{"next/example.com.zone": zoneText("www A 192.0.2.2\n")}.write(t, dir)
	eventually(t, notice, "the mended file is served", func() bool { return s.mustAddr("www.example.com") == netip.MustParseAddr("192.0.2.2") })
}

// TestConfigMapSwap swaps all files at once by a link, as kubelet does.
func TestConfigMapSwap(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir := t.TempDir()
	fill := func(generation, order string) {
		t.Helper()
		files{
			generation + "/example.com.zone": zoneText("www 5 STEER web\ngen TXT " + generation + "\n"),
			generation + "/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d, path: /}}\nsites:\n  s0: {addresses: [%v], check: web}\n"+
				"  s1: {addresses: [%v], check: web}\npolicies:\n  web: {failover: [%s]}\n", sites[0].addr.Port(), sites[0].ip(), sites[1].ip(), order),
		}.write(t, filepath.Join(dir, "zones"))
	}
	point := func(generation string) {
		t.Helper()
		tmp := filepath.Join(dir, "zones/..data_tmp")
		if err := os.Symlink(generation, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "zones/..data")); err != nil {
			t.Fatal(err)
		}
	}
	fill("..2026_1", "s0, s1")
	point("..2026_1")
	for _, name := range []string{"example.com.zone", "steering.yaml"} {
		if err := os.Symlink("..data/"+name, filepath.Join(dir, "zones", name)); err != nil {
			t.Fatal(err)
		}
	}
	files{"geodns.yaml": basicConfig}.write(t, dir)
	s := start(t, dir)
	for i := range 3 {
		order, want := "s1, s0", sites[1]
		if i%2 == 1 {
			order, want = "s0, s1", sites[0]
		}
		old, next := fmt.Sprintf("..2026_%d", i+1), fmt.Sprintf("..2026_%d", i+2)
		fill(next, order)
		point(next)
		if err := os.RemoveAll(filepath.Join(dir, "zones", old)); err != nil {
			t.Fatal(err)
		}
		eventually(t, notice, "swap to "+next, func() bool { return s.mustAddr("www.example.com") == want.ip() })
		m := dial(t, "udp", s.addr()).must(t, query("gen.example.com", dns.TypeTXT, netip.Prefix{}))
		if len(m.Answer) != 1 || m.Answer[0].(*dns.TXT).Txt[0] != next {
			t.Errorf("after the swap to %s: %v", next, m.Answer)
		}
	}
}

// TestGoneThingsLeaveTheMetrics takes a site out of the files.
func TestGoneThingsLeaveTheMetrics(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	const gone = `site="s1"`
	if !strings.Contains(s.get("/metrics"), gone) {
		t.Fatal("the site is not in the metrics to begin with")
	}
	files{"zones/steering.yaml": steering("s0", 1)}.write(t, dir)
	eventually(t, notice, "the site is gone from status", func() bool { return len(s.status().Sites) == 1 })
	for line := range strings.Lines(s.get("/metrics")) {
		// What was answered by it was answered: that counter stays.
		if strings.Contains(line, gone) && !strings.HasPrefix(line, "geodns_answers_total") {
			t.Errorf("still there: %s", line)
		}
	}
	if s.metric(`geodns_site_up{site="s0"}`) != 1 {
		t.Error("the site that stays has lost its series")
	}
}

// TestOneChangeIsOneReload adds a zone with an included file, changes that
// file, and counts the reloads.
func TestOneChangeIsOneReload(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir)
	for i, change := range []files{
		{"zones/example.net.zone": zoneText("$INCLUDE part/www\n"), "zones/part/www": "www A 192.0.2.1\n"},
		{"zones/part/www": "www A 192.0.2.2\n"},
	} {
		from := s.log.len()
		change.write(t, dir)
		s.awaitLog(from, reloadLine, notice)
		time.Sleep(3 * time.Second)
		if n := strings.Count(s.log.String()[from:], "msg=reloaded"); n != 1 {
			t.Errorf("change %d: %d reloads:\n%s", i+1, n, s.log.String()[from:])
		}
	}
	if got := s.mustAddr("www.example.net"); got != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("%v is answered", got)
	}
}

// TestReloadStormCoalesces sends a hundred hangups a second, while files change
// as often: there are few reloads, each question is answered, what was changed
// first is served before the storm is over, and at its end the last state is.
func TestReloadStormCoalesces(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n"), "zones/example.net.zone": zoneText("n A 192.0.2.1\n")})
	s := start(t, dir)
	a := dial(t, "udp", s.addr())
	const length = 5 * time.Second
	begin, served := time.Now(), false
	n := 0
	for ; time.Since(begin) < length; time.Sleep(10 * time.Millisecond) {
		n++
		replace(t, filepath.Join(dir, "zones/example.net.zone"), zoneText(fmt.Sprintf("n A 192.0.2.%d\n", 2+n%250)))
		if time.Since(begin) > length/2 {
			s.signal(syscall.SIGHUP)
		}
		served = served || only(a.must(t, query("n.example.net", dns.TypeA, netip.Prefix{}))) != netip.MustParseAddr("192.0.2.1")
		if time.Since(begin) < length/2-200*time.Millisecond && strings.Contains(s.log.String(), "cause=hangup") {
			t.Fatal("a reload by hangup before there was one")
		}
	}
	if !served {
		t.Error("nothing of the changes is served during the storm")
	}
	want := netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + n%250)})
	eventually(t, notice, "the last state is served", func() bool { return s.mustAddr("n.example.net") == want })
	if reloads := strings.Count(s.log.String(), "msg=reloaded"); reloads > 40 {
		t.Errorf("%d reloads for %d changes and hangups", reloads, n)
	}
	if text := s.log.String(); strings.Contains(text, "ERROR") {
		t.Errorf("something went wrong:\n%s", text)
	}
}

// replace puts a file into the place of another in one step.
func replace(t *testing.T, path, text string) {
	t.Helper()
	tmp := filepath.Join(filepath.Dir(path), ".new")
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}
