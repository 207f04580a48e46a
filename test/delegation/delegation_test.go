// Package delegation tests `geodns delegation --verify` with real servers: knot
// as the parent zone, unbound as the resolver, geodns as both name servers.
package delegation

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/porttest"
)

const parentZone = `$TTL 300
@ SOA a.nic hostmaster.nic 1 3600 600 604800 300
@ NS a.nic
a.nic A 127.0.0.21
example NS ns1.example
example NS ns2.example
ns1.example A 127.0.0.31
ns2.example A 127.0.0.32
wrong NS ns1.wrong
ns1.wrong A 127.0.0.33
`

const childZone = `$TTL 300
@ SOA ns1 hostmaster 7 3600 600 604800 300
@ NS ns1
@ NS ns2
ns1 A 127.0.0.31
ns2 A 127.0.0.32
`

// port returns one that is free at every address used here.
func port(t *testing.T) int {
	t.Helper()
	return porttest.Free(t)
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed; `make test` installs it", p)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs a server until the test ends and waits until it answers for zone.
func start(t *testing.T, server, zone, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	q := new(dns.Msg)
	q.SetQuestion(zone, dns.TypeSOA)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if m, err := dns.Exchange(q, server); err == nil && m.Rcode == dns.RcodeSuccess {
			return
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("%s does not answer at %s:\n%s", program, server, log.String())
}

// world starts all servers and returns how to call the command.
func world(t *testing.T) func(args ...string) (string, int) {
	t.Helper()
	need(t, "knotd", "unbound")
	dir, p := t.TempDir(), port(t)
	at := func(host string) string { return fmt.Sprintf("%s:%d", host, p) }

	bin := filepath.Join(dir, "geodns")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/geodns-vipd/geodns/cmd/geodns").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, dir+"/parent/com.zone", parentZone)
	write(t, dir+"/parent/knot.conf", fmt.Sprintf(`server:
    rundir: %[1]s/parent
    listen: 127.0.0.21@%[2]d
database:
    storage: %[1]s/parent/db
zone:
  - domain: com
    file: %[1]s/parent/com.zone
    zonefile-sync: -1
`, dir, p))
	start(t, at("127.0.0.21"), "com.", "knotd", "-c", dir+"/parent/knot.conf")

	write(t, dir+"/child/zones/example.com.zone", childZone)
	write(t, dir+"/child/zones/wrong.com.zone", strings.ReplaceAll(childZone, "127.0.0.31", "127.0.0.31\nns1 A 127.0.0.34"))
	write(t, dir+"/child/geodns.yaml", fmt.Sprintf("listen: [\"127.0.0.31:%d\", \"127.0.0.32:%d\"]\nadmin: \"\"\nstate: state\n", p, p))
	start(t, at("127.0.0.32"), "example.com.", bin, "serve", "-c", dir+"/child/geodns.yaml")

	write(t, dir+"/unbound.conf", fmt.Sprintf(`server:
    chroot: ""
    username: ""
    directory: %[1]s
    pidfile: %[1]s/unbound.pid
    use-syslog: no
    interface: 127.0.0.22
    port: %[2]d
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    module-config: "iterator"
    do-ip6: no
stub-zone:
    name: com
    stub-addr: 127.0.0.21@%[2]d
stub-zone:
    name: example.com
    stub-addr: 127.0.0.31@%[2]d
`, dir, p))
	start(t, at("127.0.0.22"), "com.", "unbound", "-d", "-c", dir+"/unbound.conf")

	return func(args ...string) (string, int) {
		full := append([]string{"delegation", "-c", dir + "/child/geodns.yaml", "--port", fmt.Sprint(p), "--verify", at("127.0.0.22")}, args...)
		out, err := exec.Command(bin, full...).CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Fatal(err)
		}
		code := 0
		if err != nil {
			code = err.(*exec.ExitError).ExitCode()
		}
		return string(out), code
	}
}

func TestVerify(t *testing.T) {
	run := world(t)
	out, code := run("example.com")
	if code != 0 || strings.Count(out, "\nok ") != 3 || !strings.Contains(out, "all agree") {
		t.Errorf("a good delegation: exit %d\n%s", code, out)
	}
	out, code = run("wrong.com")
	if code != 1 {
		t.Errorf("a wrong delegation: exit %d\n%s", code, out)
	}
	for _, want := range []string{"lacks NS ns2.wrong.com.", "lacks glue 127.0.0.31, 127.0.0.34 for ns1.wrong.com.", "has stale glue 127.0.0.33", "ns1.wrong.com. at 127.0.0.34: "} {
		if !strings.Contains(out, want) {
			t.Errorf("a wrong delegation: no %q in\n%s", want, out)
		}
	}
	out, code = run("example.com", "--json")
	if code != 0 || !strings.Contains(out, `"agree": true`) {
		t.Errorf("JSON: exit %d\n%s", code, out)
	}
}
