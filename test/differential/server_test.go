package differential

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/test/servertest"
)

// zoneText is a zone to be served. The file of a name such as "." or "0/25.x" is
// none of its letters, so files are numbered.
type zoneText struct {
	origin string // with final dot
	text   string
}

// server is a name server under test, running on loopback.
type server struct {
	name string
	addr string
}

// peer says how to run one of the servers that geodns is compared with.
type peer struct {
	name    string
	program string
	config  func(dir string, port int, zones []zoneText) string
	args    func(config string) []string
}

// maxUDP is the largest UDP reply of all servers in octets, so that they
// truncate at the same length.
const maxUDP = 1232

var peers = []peer{
	{"bind", "named", namedConfig, func(c string) []string { return []string{"-g", "-n", "1", "-c", c} }},
	{"knot", "knotd", knotConfig, func(c string) []string { return []string{"-c", c} }},
	{"nsd", "nsd", nsdConfig, func(c string) []string { return []string{"-d", "-c", c} }},
}

func zoneFile(i int) string { return fmt.Sprintf("z%d.zone", i) }

func namedConfig(dir string, port int, zones []zoneText) string {
	var b strings.Builder
	fmt.Fprintf(&b, `options {
	directory "%s";
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none; session-keyfile none; lock-file none;
	recursion no; notify no; zero-no-soa-ttl no; dnssec-validation no; empty-zones-enable no; querylog no;
	check-names master ignore; check-integrity no; check-mx ignore; check-srv-cname ignore; check-mx-cname ignore;
	minimal-responses no-auth; rrset-order { order fixed; };
	max-udp-size %[3]d; edns-udp-size %[3]d; nocookie-udp-size %[3]d;
};
controls {};
`, dir, port, maxUDP)
	for i, z := range zones {
		fmt.Fprintf(&b, "zone \"%s\" { type master; file \"%s\"; };\n", z.origin, zoneFile(i))
	}
	return b.String()
}

func knotConfig(dir string, port int, zones []zoneText) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    rundir: %[1]s
    listen: 127.0.0.1@%[2]d
    udp-max-payload: %[3]d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %[1]s/db
template:
  - id: default
    storage: %[1]s
    zonefile-sync: -1
    journal-content: none
zone:
`, dir, port, maxUDP)
	for i, z := range zones {
		fmt.Fprintf(&b, "  - domain: \"%s\"\n    file: %s\n", z.origin, zoneFile(i))
	}
	return b.String()
}

func nsdConfig(dir string, port int, zones []zoneText) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
	ip-address: 127.0.0.1@%[2]d
	zonesdir: "%[1]s"
	database: ""
	zonelistfile: "%[1]s/zone.list"
	pidfile: "%[1]s/nsd.pid"
	xfrdfile: "%[1]s/xfrd.state"
	xfrdir: "%[1]s"
	logfile: "%[1]s/nsd.log"
	username: ""
	chroot: ""
	server-count: 1
	tcp-query-count: 0
	ipv4-edns-size: %[3]d
	minimal-responses: no
	refuse-any: no
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
remote-control:
	control-enable: no
`, dir, port, maxUDP)
	for i, z := range zones {
		fmt.Fprintf(&b, "zone:\n\tname: \"%s\"\n\tzonefile: \"%s\"\n", z.origin, zoneFile(i))
	}
	return b.String()
}

func geodnsConfig(port int, zones []zoneText) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: [\"127.0.0.1:%d\"]\nadmin: \"\"\nstate: state\nzones:\n", port)
	for i, z := range zones {
		fmt.Fprintf(&b, "  - {name: '%s', file: %s}\n", z.origin, zoneFile(i))
	}
	return b.String()
}

// start runs the peer with the zones until the test ends.
func (p peer) start(t *testing.T, zones []zoneText) server {
	t.Helper()
	dir, port := prepare(t, zones)
	config := filepath.Join(dir, p.name+".conf")
	write(t, config, p.config(dir, port, zones))
	return run(t, p.name, port, p.program, p.args(config)...)
}

// startGeodns builds geodns once and runs it with the zones until the test ends.
func startGeodns(t *testing.T, zones []zoneText) server {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir, port := prepare(t, zones)
	config := filepath.Join(dir, "geodns.yaml")
	write(t, config, geodnsConfig(port, zones))
	return run(t, "geodns", port, program, "serve", "-c", config)
}

var buildDir string // removed by TestMain

var built = sync.OnceValues(func() (string, error) {
	program := filepath.Join(buildDir, "geodns")
	out, err := exec.Command("go", "build", "-o", program, "github.com/geodns-vipd/geodns/cmd/geodns").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "differential")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		buildDir = dir
		return m.Run()
	}())
}

// prepare makes a folder with the zone files and finds a free port.
func prepare(t *testing.T, zones []zoneText) (dir string, port int) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, z := range zones {
		write(t, filepath.Join(dir, zoneFile(i)), z.text)
	}
	return dir, int(servertest.FreeAddr(t).Port())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run starts a program, waits until its port answers, and ends it with the test.
func run(t *testing.T, name string, port int, program string, args ...string) server {
	t.Helper()
	s := server{name, fmt.Sprintf("127.0.0.1:%d", port)}
	q := new(dns.Msg)
	q.SetQuestion("nothing.invalid.", dns.TypeSOA)
	servertest.Start(t, name, exec.Command(program, args...)).Await(t, 20*time.Second, func() bool {
		_, err := dns.Exchange(q, s.addr)
		return err == nil
	})
	return s
}
