package e2e

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// openFolder is folder for a server that becomes another user: everybody may
// enter it.
func openFolder(t *testing.T, f files) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "geodns-e2e-open-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f.write(t, dir)
	return dir
}

// TestBecomesItsUser starts as root at port 53, and finds every thread without
// privileges from then on; the files can be reloaded, and the state written.
func TestBecomesItsUser(t *testing.T) {
	asRoot(t)
	t.Parallel()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("there is no user nobody: ", err)
	}
	dir := openFolder(t, files{
		"geodns.yaml":            "listen: [\"127.9.9.53:53\"]\nadmin: 127.0.0.1:0\nstate: state\nuser: nobody\n",
		"zones/example.com.zone": zoneText("www A 192.0.2.1\n"),
	})
	s := start(t, dir)
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/task/*/status")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads: %v %v", threads, err)
	}
	for _, file := range threads {
		for key, want := range map[string]string{
			"Uid": strings.Repeat(nobody.Uid+"\t", 3) + nobody.Uid, "Gid": strings.Repeat(nobody.Gid+"\t", 3) + nobody.Gid,
			"CapPrm": "0000000000000000", "CapEff": "0000000000000000",
		} {
			if got := procLine(t, file, key); got != want {
				t.Errorf("%s: %s is %q, want %q", file, key, got, want)
			}
		}
	}
	if got := s.mustAddr("www.example.com"); got != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%v is answered", got)
	}
	files{"zones/example.com.zone": zoneText("www A 192.0.2.2\n")}.write(t, dir)
	eventually(t, notice, "a changed file is served", func() bool { return s.mustAddr("www.example.com") == netip.MustParseAddr("192.0.2.2") })

	var st syscall.Stat_t
	for _, file := range []string{"state", "state/lock", "state/control.sock", "state/cookie-secret"} {
		if err := syscall.Stat(filepath.Join(dir, file), &st); err != nil {
			t.Error(err)
		} else if strconv.Itoa(int(st.Uid)) != nobody.Uid || st.Mode&0o077 != 0 {
			t.Errorf("%s: owner %d, mode %o", file, st.Uid, st.Mode)
		}
	}

	// A file that the user may not read is told, and the old one served.
	from := s.log.len()
	if err := os.Chmod(filepath.Join(dir, "zones/example.com.zone"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	s.awaitLog(from, regexp.MustCompile(`example\.com\.zone.*permission denied`), notice)
	s.awaitLog(from, refusedLine, notice)
	if got := s.mustAddr("www.example.com"); got != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("with an unreadable file %v is answered", got)
	}
	if err := s.stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// TestStateOnAFullDisk serves all the same, and says what is lost.
func TestStateOnAFullDisk(t *testing.T) {
	asRoot(t)
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n"), "state/.keep": ""})
	state := filepath.Join(dir, "state")
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=4096"); err != nil {
		t.Skip("needs to mount a small file system: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(state, "filler"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	if !regexp.MustCompile(`level=ERROR .*cookies.*no space left on device`).MatchString(s.log.String()) {
		t.Errorf("the log does not say what is lost:\n%s", s.log.String())
	}
	if got := s.mustAddr("www.example.com"); got != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%v is answered", got)
	}
}

// TestStateOfSomebodyElse serves all the same, says what is lost, and keeps what
// is decided once it may.
func TestStateOfSomebodyElse(t *testing.T) {
	asRoot(t)
	t.Parallel()
	dir := openFolder(t, files{"geodns.yaml": basicConfig, "zones/example.com.zone": zoneText("www 5 STEER \"{failover: [a, b]}\"\n"),
		"zones/steering.yaml": "sites:\n  a: {addresses: [192.0.2.1]}\n  b: {addresses: [192.0.2.2]}\n"})
	state := filepath.Join(dir, "state")
	for _, mode := range []os.FileMode{0o755, 0} {
		t.Run(mode.String(), func(t *testing.T) {
			_ = os.RemoveAll(state)
			if err := os.Mkdir(state, 0o755); err != nil {
				t.Fatal(err)
			}
			files{"state/lock": "", "state/health.json": map[bool]string{true: "old"}[mode == 0]}.write(t, dir)
			if mode != 0 {
				_ = os.Remove(filepath.Join(state, "health.json"))
			}
			if err := errors.Join(os.Chmod(filepath.Join(state, "lock"), 0o600), os.Chmod(state, mode)); err != nil {
				t.Fatal(err)
			}
			s := launchAs(t, dir, 65534)
			s.awaitReady()
			if !regexp.MustCompile(`level=ERROR msg="the state folder cannot be used.*permission denied`).MatchString(s.log.String()) {
				t.Errorf("the log does not say what is lost:\n%s", s.log.String())
			}
			if s.metric("geodns_state_ok") != 0 {
				t.Error("geodns_state_ok does not tell")
			}
			if code := s.post("/api/v1/sites/a/drain", "{}"); code != 200 || s.mustAddr("www.example.com") != netip.MustParseAddr("192.0.2.2") {
				t.Errorf("drain: %d, and %v is answered", code, s.mustAddr("www.example.com"))
			}
			if err := errors.Join(os.Chmod(state, 0o700), os.Chown(state, 65534, 65534), os.Chown(filepath.Join(state, "lock"), 65534, 65534)); err != nil {
				t.Fatal(err)
			}
			eventually(t, 5*time.Second, "writing", func() bool { return strings.Contains(s.log.String(), "are kept again") })
			if old, _ := os.ReadFile(filepath.Join(state, "health.json.unusable")); (string(old) == "old") != (mode == 0) {
				t.Errorf("what could not be read is %q now", old)
			}
		})
	}
	// A folder that cannot be made is a mistake.
	cmd := exec.Command(program, "serve", "-c", filepath.Join(dir, "geodns.yaml"), "--state", filepath.Join(dir, "none"))
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !regexp.MustCompile(`^geodns: state.*permission denied`).Match(out) {
		t.Errorf("%v, exit code %d:\n%s", err, cmd.ProcessState.ExitCode(), out)
	}
}

// TestEndsOnSignals ends by SIGTERM and by SIGINT with exit code 0, also while
// the first round of checks is under way, and within a second.
func TestEndsOnSignals(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, m := range []manner{well, hanging} {
			sites[0].be(m)
			dir := folder(t, files{
				"zones/example.com.zone": zoneText("www 5 STEER s0\n"),
				"zones/steering.yaml":    "checks:\n  web: {http: {port: " + strconv.Itoa(int(sites[0].addr.Port())) + ", path: /}, interval: 30s, timeout: 20s}\nsites:\n  s0: {addresses: [" + sites[0].ip().String() + "], check: web}\n",
			})
			s := launch(t, dir)
			if m == hanging {
				s.awaitLog(0, regexp.MustCompile("first round of checks"), notice)
			} else {
				s.awaitReady()
			}
			late := timer(1500 * time.Millisecond)
			s.signal(sig)
			<-s.ended
			if late := late(); s.err != nil || late {
				t.Errorf("%v, site %v: ended with %v, after more than 1.5 s: %v", sig, m, s.err, late)
			}
			if strings.Contains(s.log.String(), "panic") {
				t.Errorf("log:\n%s", s.log.String())
			}
		}
	}
}

// TestBothFamiliesAndTransports listens at two addresses; the source address of
// either family decides.
func TestBothFamiliesAndTransports(t *testing.T) {
	t.Parallel()
	s := start(t, folder(t, files{
		"geodns.yaml":            "listen: [\"127.0.0.1:0\", \"[::1]:0\"]\nadmin: \"[::1]:0\"\nstate: state\n",
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml": "sites:\n  a: {addresses: [192.0.2.1]}\n  b: {addresses: [192.0.2.2]}\n  c: {addresses: [192.0.2.3]}\n" +
			"policies:\n  web: {geo: [{cidr: [127.0.0.0/8], use: a}, {cidr: [\"::1/128\"], use: b}, {use: c}]}\n",
	}))
	if len(s.dns) != 2 {
		t.Fatalf("listening at %v", s.dns)
	}
	for i, want := range []string{"192.0.2.1", "192.0.2.2"} {
		for _, network := range []string{"udp", "tcp"} {
			m := dial(t, network, s.dns[i].String()).must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))
			if only(m) != netip.MustParseAddr(want) || !m.Authoritative {
				t.Errorf("%s at %v: %v", network, s.dns[i], m)
			}
		}
	}
	if out, code := command(t, s.dir, "status", "--server", "http://"+s.admin); code != 0 {
		t.Errorf("status at %s: exit code %d\n%s", s.admin, code, out)
	}
}
