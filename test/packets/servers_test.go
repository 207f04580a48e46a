package packets

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/test/servertest"
)

// identity is what every server tells as its NSID, and secret is what all of
// them make cookies with.
const identity = "packets-1"

var secret = [16]byte([]byte("sixteen octets!!"))

// server is a running server.
type server struct {
	name string
	addr string // UDP and TCP
	*servertest.Process
}

// starters write the files of each server into dir and return the command that
// runs it in the foreground. geodns comes first: it is the one under test.
var starters = []struct {
	name, program string
	command       func(t *testing.T, dir, host, port string) *exec.Cmd
}{
	{"geodns", "", geodnsCommand},
	{"bind", "named", namedCommand},
	{"nsd", "nsd", nsdCommand},
	{"knot", "knotd", knotCommand},
	{"gdnsd", "gdnsd", gdnsdCommand},
}

// startServers starts all servers that are installed.
func startServers(t *testing.T) []*server {
	t.Helper()
	servertest.FindPrograms(t)
	var out []*server
	for _, s := range starters {
		if s.program != "" {
			if _, err := exec.LookPath(s.program); err != nil {
				t.Logf("%s is left out: %v", s.name, err)
				continue
			}
		}
		dir := t.TempDir()
		host, port := freePort(t)
		out = append(out, start(t, s.name, net.JoinHostPort(host, port), s.command(t, dir, host, port)))
	}
	for _, s := range out {
		await(t, s)
	}
	return out
}

// await waits until a server answers.
func await(t *testing.T, s *server) {
	t.Helper()
	s.Await(t, 20*time.Second, func() bool { return answersAt(s.addr) })
}

// start starts a process that is ended with the test.
func start(t *testing.T, name, addr string, cmd *exec.Cmd) *server {
	t.Helper()
	return &server{name, addr, servertest.Start(t, name, cmd)}
}

// freePort returns a port of the loopback interface that is free.
func freePort(t *testing.T) (host, port string) {
	t.Helper()
	host, port, _ = net.SplitHostPort(servertest.FreeAddr(t).String())
	return host, port
}

// zoneText is the zone that all servers serve.
const zoneText = `$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 2026112001 3600 600 604800 60
@ NS ns1
@ NS ns2
@ MX 10 mail
@ TXT "v=spf1 -all"
ns1 A 192.0.2.53
ns2 A 198.51.100.53
mail A 192.0.2.25
mail AAAA 2001:db8::25
www A 192.0.2.80
www AAAA 2001:db8::80
alias CNAME www
alias2 CNAME alias
out CNAME www.example.net.
away CNAME www.example.org.
gone CNAME nowhere
*.wild A 192.0.2.99
*.wild TXT "wild"
a.b.ent A 192.0.2.1
sub NS ns.sub
sub NS ns2
ns.sub A 192.0.2.54
ns.sub AAAA 2001:db8::54
_sip._tcp SRV 0 5 5060 mail
odd TYPE65280 \# 4 deadbeef
`

// dnameText is what gdnsd does not know.
const dnameText = `dname DNAME target
www.target A 192.0.2.81
long.target A 192.0.2.82
`

// fullZone returns the zone with two sets too large for 512 and for 1232
// octets.
func fullZone(dname bool) string {
	var b strings.Builder
	b.WriteString(zoneText)
	for i := range 60 {
		fmt.Fprintf(&b, "many A 192.0.2.%d\n", i+1)
	}
	for i := range 20 {
		fmt.Fprintf(&b, "huge TXT \"%02d%s\"\n", i, strings.Repeat("x", 200))
	}
	if dname {
		b.WriteString(dnameText)
	}
	return b.String()
}

func geodnsCommand(t *testing.T, dir, host, port string) *exec.Cmd {
	return geodnsWith(t, dir, host, port, "nsid: "+identity+"\nversion: "+identity+"\n")
}

// geodnsBinary is where buildGeodns puts the server.
var geodnsBinary string

var buildGeodns = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-o", geodnsBinary, "../../cmd/geodns").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
})

func geodnsWith(t *testing.T, dir, host, port, settings string) *exec.Cmd {
	t.Helper()
	if err := buildGeodns(); err != nil {
		t.Fatalf("building geodns: %v", err)
	}
	servertest.WriteFiles(t, dir, map[string]string{
		"zones/example.com.zone": fullZone(true),
		"zones/example.net.zone": "@ 300 SOA ns1.example.com. hostmaster.example.com. 1 3600 600 604800 60\n@ 300 NS ns1.example.com.\nwww 300 A 192.0.2.90\nsteered 30 STEER west\n",
		"zones/steering.yaml": "sites:\n  fra: {addresses: [192.0.2.10]}\n  iad: {addresses: [192.0.2.11]}\n" +
			"policies:\n  west:\n    geo:\n      - {cidr: [198.51.100.0/24], use: iad}\n      - {use: fra}\n",
		"geodns.yaml": fmt.Sprintf("listen: [%q]\nadmin: \"\"\nstate: state\nlimits: {workers: 2, tcp_idle: 1s}\n%s", net.JoinHostPort(host, port), settings),
		// The secret of cookies, as an operator would copy it to every node.
		"state/cookie-secret": string(secret[:]),
	})
	return exec.Command(geodnsBinary, "serve", "-c", filepath.Join(dir, "geodns.yaml"))
}

// netZone is the second zone of the others: what a CNAME of the first leads to.
const netZone = `$TTL 300
@ SOA ns1.example.com. hostmaster.example.com. 1 3600 600 604800 60
@ NS ns1.example.com.
www A 192.0.2.90
`

func namedCommand(t *testing.T, dir, host, port string) *exec.Cmd {
	servertest.WriteFiles(t, dir, map[string]string{
		"example.com": fullZone(true), "example.net": netZone,
		"named.conf": fmt.Sprintf(`options {
	directory %[1]q;
	pid-file none; lock-file none; session-keyfile none;
	listen-on port %[3]s { %[2]s; }; listen-on-v6 { none; };
	recursion no; allow-transfer { none; }; notify no; dnssec-validation no;
	server-id %[4]q; version %[4]q;
	cookie-secret "%[5]x";
};
controls { };
zone "example.com" { type primary; file "example.com"; };
zone "example.net" { type primary; file "example.net"; };
`, dir, host, port, identity, secret),
	})
	return exec.Command("named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
}

func nsdCommand(t *testing.T, dir, host, port string) *exec.Cmd {
	servertest.WriteFiles(t, dir, map[string]string{
		"example.com": fullZone(true), "example.net": netZone,
		"nsd.conf": fmt.Sprintf(`server:
    database: ""
    server-count: 1
    ip-address: %[2]s@%[3]s
    username: ""
    zonesdir: %[1]q
    pidfile: ""
    zonelistfile: "%[1]s/zone.list"
    xfrdfile: ""
    xfrdir: %[1]q
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    nsid: "ascii_%[4]s"
    identity: %[4]q
    version: %[4]q
    answer-cookie: yes
    cookie-secret: "%[5]x"
    cookie-secret-file: "%[1]s/none"
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: example.com
zone:
    name: example.net
    zonefile: example.net
`, dir, host, port, identity, secret),
	})
	return exec.Command("nsd", "-d", "-c", filepath.Join(dir, "nsd.conf"))
}

func knotCommand(t *testing.T, dir, host, port string) *exec.Cmd {
	servertest.WriteFiles(t, dir, map[string]string{
		"example.com": fullZone(true), "example.net": netZone,
		"knot.conf": fmt.Sprintf(`server:
    rundir: %[1]s
    listen: %[2]s@%[3]s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    nsid: %[4]q
    identity: %[4]q
    version: %[4]q
    edns-client-subnet: on
database:
    storage: %[1]s
log:
  - target: stderr
    any: error
mod-cookies:
  - id: default
    secret: 0x%[5]s
template:
  - id: default
    storage: %[1]s
    global-module: mod-cookies/default
zone:
  - domain: example.com
    file: example.com
  - domain: example.net
    file: example.net
`, dir, host, port, identity, hex.EncodeToString(secret[:])),
	})
	return exec.Command("knotd", "-c", filepath.Join(dir, "knot.conf"))
}

func gdnsdCommand(t *testing.T, dir, host, port string) *exec.Cmd {
	servertest.WriteFiles(t, dir, map[string]string{
		"zones/example.com": fullZone(false), "zones/example.net": netZone,
		"config": fmt.Sprintf(`options => {
  listen => %[2]s:%[3]s, udp_threads = 1, tcp_threads = 1, run_dir = %[1]s/run, state_dir = %[1]s/state
  nsid_ascii = %[4]q, chaos_response = %[4]q
}
`, dir, host, port, identity),
	})
	for _, d := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return exec.Command("gdnsd", "-c", dir, "start")
}
