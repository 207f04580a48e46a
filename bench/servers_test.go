package bench

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/test/servertest"
)

// process is a running server.
type process struct {
	name  string
	addr  netip.AddrPort
	cmd   *exec.Cmd
	ready time.Duration // from its start to its first answer
}

type starter struct {
	name, program string
	command       func(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd
}

// starters write the files of each server into a folder and return the
// command. A command that is not installed leaves the server out.
var starters = []starter{
	{"geodns", "", geodnsCommand},
	{"gdnsd", "gdnsd", gdnsdCommand},
	{"knot", "knotd", knotCommand},
	{"nsd", "nsd", nsdCommand},
}

// addGeodns adds further programs of ours, named NAME=PATH, to compare a change
// with what was before it.
func addGeodns(t *testing.T, list string) {
	for entry := range strings.SplitSeq(list, ",") {
		name, path, ok := strings.Cut(entry, "=")
		if !ok {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		plain, steering = append(plain, name), append(steering, name)
		starters = append(starters, starter{name, abs, func(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
			return geodnsServing(t, abs, d, dir, addr, threads)
		}})
	}
}

// startServers starts all servers that are there. They stay idle until it is
// their turn, which costs the others nothing.
func startServers(t *testing.T, d *data, place placement) []*process {
	t.Helper()
	servertest.FindPrograms(t)
	var out []*process
	for _, s := range starters {
		if *server != "" && !slices.Contains(strings.Split(*server, ","), s.name) {
			continue
		}
		if s.program != "" {
			if _, err := exec.LookPath(s.program); err != nil {
				t.Logf("%s is left out: %v", s.name, err)
				continue
			}
		}
		addr := servertest.FreeAddr(t)
		cmd := s.command(t, d, t.TempDir(), addr, place.threads)
		out = append(out, startServer(t, s.name, addr, cmd, place))
	}
	return out
}

// startServer starts a server on its processors and waits until it answers.
func startServer(t *testing.T, name string, addr netip.AddrPort, cmd *exec.Cmd, place placement) *process {
	t.Helper()
	p := &process{name: name, addr: addr, cmd: place.pin(cmd)}
	// A session, and so a group, of its own: its children can be ended with it,
	// and the kernel's scheduler (autogroup) treats all servers alike, also those
	// that make themselves a session.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	running := servertest.Start(t, name, p.cmd)
	running.Await(t, time.Minute, func() bool { return answers(addr) })
	p.ready = time.Since(running.Begun)
	return p
}

// answers reports whether a server answers at addr.
func answers(addr netip.AddrPort) bool {
	c, err := net.Dial("udp", addr.String())
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	c.Write(query(1, staticName(0, 0), nil))
	var b [replySize]byte
	n, err := c.Read(b[:])
	return err == nil && workload{answers: 1}.right(b[:n])
}

func geodnsCommand(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
	bin := filepath.Join(dir, "geodns")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", bin, "../cmd/geodns").CombinedOutput(); err != nil {
		t.Fatalf("building geodns: %v\n%s", err, out)
	}
	return geodnsServing(t, bin, d, dir, addr, threads)
}

func geodnsServing(t *testing.T, bin string, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
	places := geodbtest.Places{}
	for p, site := range d.nets {
		places[p.String()] = geo.Place{Country: sites[site].country}
	}
	geodbtest.WriteCountry(t, filepath.Join(dir, "country.mmdb"), places)
	var defs, rules, weights []string
	for _, s := range sites {
		defs = append(defs, fmt.Sprintf("  %s: {addresses: [%v]}\n", s.name, s.addr))
		rules = append(rules, fmt.Sprintf("      - {country: [%s], use: %s}\n", s.country, s.name))
		weights = append(weights, fmt.Sprintf("%s: %d", s.name, s.weight))
	}
	servertest.WriteFiles(t, dir, d.zoneFiles("zones/", ".zone", "geo 30 STEER geo\nweighted 30 STEER weighted\n"))
	servertest.WriteFiles(t, dir, map[string]string{
		"zones/steering.yaml": "sites:\n" + strings.Join(defs, "") +
			"policies:\n  geo:\n    geo:\n" + strings.Join(rules, "") + "      - {use: fra}\n" +
			"  weighted: {weighted: {" + strings.Join(weights, ", ") + "}}\n",
		"geodns.yaml": fmt.Sprintf(`listen: ["%v"]
geo: {database: [country.mmdb]}
admin: ""
state: state
limits: {workers: %d}
`, addr, threads),
	})
	return exec.Command(bin, "serve", "-c", filepath.Join(dir, "geodns.yaml"))
}

func gdnsdCommand(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
	var nets, names, dcs, weights strings.Builder
	for _, p := range d.sortedNets() {
		fmt.Fprintf(&nets, "%v => %s\n", p, sites[d.nets[p]].name)
	}
	for _, s := range sites {
		fmt.Fprintf(&names, "%s, ", s.name)
		fmt.Fprintf(&dcs, "%s => %v, ", s.name, s.addr)
		fmt.Fprintf(&weights, "%s = [%v, %d], ", s.name, s.addr, s.weight)
	}
	servertest.WriteFiles(t, dir, d.zoneFiles("zones/", "", "geo 30 DYNA geoip!geo\nweighted 30 DYNA weighted!weighted\n"))
	servertest.WriteFiles(t, dir, map[string]string{
		"geoip/nets": nets.String(),
		"config": fmt.Sprintf(`options => {
  listen => %v, udp_threads = %d, tcp_threads = 1, run_dir = %[3]s/run, state_dir = %[3]s/state
}
plugins => {
  geoip => {
    maps => { m => { datacenters => [%s], nets = nets } }
    resources => { geo => { map => m, service_types = up, dcmap => { %s } } }
  }
  weighted => { weighted => { %s } }
}
`, addr, threads, dir, strings.TrimSuffix(names.String(), ", "), dcs.String(), weights.String()),
	})
	os.Mkdir(filepath.Join(dir, "run"), 0o755)
	os.Mkdir(filepath.Join(dir, "state"), 0o755)
	return exec.Command("gdnsd", "-c", dir, "start")
}

func knotCommand(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
	servertest.WriteFiles(t, dir, d.zoneFiles("", ".zone", ""))
	servertest.WriteFiles(t, dir, map[string]string{
		"knot.conf": fmt.Sprintf(`server:
    rundir: %[1]s
    listen: %[2]v@%[3]d
    udp-workers: %[4]d
    tcp-workers: 1
    background-workers: 1
database:
    storage: %[1]s
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: %[1]s
    file: "%%s.zone"
zone:
%[5]s`, dir, addr.Addr(), addr.Port(), threads, d.forZones("  - domain: %s\n")),
	})
	return exec.Command("knotd", "-c", filepath.Join(dir, "knot.conf"))
}

func nsdCommand(t *testing.T, d *data, dir string, addr netip.AddrPort, threads int) *exec.Cmd {
	servertest.WriteFiles(t, dir, d.zoneFiles("", ".zone", ""))
	servertest.WriteFiles(t, dir, map[string]string{
		"nsd.conf": fmt.Sprintf(`server:
    database: ""
    server-count: %d
    ip-address: %v@%d
    reuseport: yes
    username: ""
    zonesdir: "%[4]s"
    pidfile: ""
    zonelistfile: "%[4]s/zone.list"
    xfrdfile: ""
    xfrdir: "%[4]s"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
%[5]s`, threads, addr.Addr(), addr.Port(), dir, d.forZones("zone:\n    name: %[1]s\n    zonefile: %[1]s.zone\n")),
	})
	return exec.Command("nsd", "-d", "-c", filepath.Join(dir, "nsd.conf"))
}
