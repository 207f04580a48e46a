package vipd_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/internal/vipd"
)

// binary builds vipd once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vipd-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "vipd")
	args := []string{"build", "-o", path}
	if os.Getenv("VIPD_TEST_RACE") != "" { // the daemon's own races, too slow for every run
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../../cmd/vipd")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	// These tests wait for timers most of the time, not for the processor.
	flag.Parse()
	flag.Set("test.parallel", "6")
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// lab is a bridge with nodes, each in a network namespace of its own.
type lab struct {
	t      *testing.T
	prefix string
	dir    string
	binary string
	stall  *stalltest.Watch
	worst  time.Duration // stall so far
}

var labs atomic.Int32

// newLab makes a bridge and nodes a, b and so on with 10.77.0.1 and up.
func newLab(t *testing.T, nodes ...string) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip(8)")
	}
	if testing.Short() {
		t.Skip("slow")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, prefix: fmt.Sprintf("vt%d-%d", os.Getpid(), labs.Add(1)), dir: t.TempDir(), binary: path, stall: stalltest.Start(t)}
	l.netns("s")
	l.ip("s", "link add br0 type bridge mcast_snooping 0")
	l.ip("s", "link set br0 up")
	for i, n := range nodes {
		l.netns(n)
		l.ip(n, "link add eth0 type veth peer name p"+n+" netns "+l.prefix+"s")
		l.ip("s", "link set p"+n+" master br0 up")
		l.ip(n, fmt.Sprintf("addr add 10.77.0.%d/24 dev eth0", i+1))
		l.ip(n, "link set eth0 up")
	}
	return l
}

func (l *lab) netns(n string) {
	l.t.Helper()
	if out, err := exec.Command("ip", "netns", "add", l.prefix+n).CombinedOutput(); err != nil {
		l.t.Skipf("network namespaces: %v: %s", err, out)
	}
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", l.prefix+n).Run() })
	l.ip(n, "link set lo up")
}

func (l *lab) ip(n, args string) {
	l.t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", l.prefix + n}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip -n %s %s: %v: %s", n, args, err, out)
	}
}

// has reports whether a node has an address.
func (l *lab) has(n, addr string) bool {
	out, _ := exec.Command("ip", "-n", l.prefix+n, "-o", "addr", "show", "eth0").Output()
	return strings.Contains(string(out), " "+addr+"/")
}

// node is a running vipd.
type node struct {
	*lab
	name   string
	socket string
	config string
	cmd    *exec.Cmd
	log    *safeBuffer
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// instance returns a configuration of one instance; more goes into its block.
func instance(priority int, more ...string) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 50
    priority %d
    advert_int 0.1
    virtual_ipaddress { 10.77.0.100/24 }
    %s
}
`, priority, strings.Join(more, "\n    "))
}

func (l *lab) start(name, config string) *node {
	l.t.Helper()
	n := &node{lab: l, name: name, log: &safeBuffer{}, socket: filepath.Join(l.dir, name+".sock"), config: filepath.Join(l.dir, name+".conf")}
	n.write(config)
	n.run()
	return n
}

func (n *node) write(config string) {
	n.t.Helper()
	if err := os.WriteFile(n.config, []byte("global_defs { script_user root }\n"+config), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) run() {
	n.t.Helper()
	n.cmd = exec.Command("ip", "netns", "exec", n.prefix+n.name, n.binary, "run", "-f", n.config,
		"--control", n.socket, "--state", filepath.Join(n.dir, n.name+".state"), "--log-level", "debug")
	n.cmd.Env = append(os.Environ(), "SECRET=not for hooks")
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	cmd := n.cmd
	n.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Kill()
		cmd.Wait()
		if strings.Contains(n.log.String(), "DATA RACE") {
			n.t.Error("data race")
		}
		if n.t.Failed() {
			n.t.Logf("log of %s:\n%s", n.name, n.log)
		}
	})
	n.within(5*time.Second, "answers", func() bool { _, ok := n.status(); return ok })
}

func (n *node) status() (vipd.InstanceStatus, bool) {
	out, err := exec.Command(n.binary, "status", "--json", "--control", n.socket).Output()
	var st vipd.Status
	if err != nil || json.Unmarshal(out, &st) != nil || len(st.Instances) == 0 {
		return vipd.InstanceStatus{}, false
	}
	return st.Instances[0], true
}

func (n *node) vipd(args ...string) (string, error) {
	out, err := exec.Command(n.binary, append(args, "--control", n.socket)...).CombinedOutput()
	return string(out), err
}

func (n *node) signal(s syscall.Signal) { n.cmd.Process.Signal(s) }

const vip = "10.77.0.100"

func (n *node) master() bool { return n.has(n.name, vip) }

// within waits until something is so, stalls of the machine not counted, and
// returns how long that took.
func (l *lab) within(limit time.Duration, what string, so func() bool) time.Duration {
	l.t.Helper()
	before, start := l.stall.Lost(), time.Now()
	for !so() {
		if time.Since(start) > limit+l.stall.Lost()-before {
			l.wrong("not within %v: %s", limit, what)
			l.t.FailNow()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

// tolerated is the longest stall beside which nodes that advertise every 0.1 s
// hear each other: one is believed to be gone after 0.3 s and a little.
const tolerated = 150 * time.Millisecond

// wrong fails the test, or skips it if the machine stood still for so long that
// nodes had to take each other for dead.
func (l *lab) wrong(format string, args ...any) {
	l.t.Helper()
	if l.worst = max(l.worst, l.stall.TakeWorst()); l.worst > tolerated {
		l.t.Skipf("needs a machine with time to spare, this one stood still for %v: "+format, append([]any{l.worst}, args...)...)
	}
	l.t.Errorf(format, args...)
}

// never fails if something becomes so within d.
func (l *lab) never(d time.Duration, what string, so func() bool) {
	l.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if so() {
			l.wrong("%s", what)
			l.t.FailNow()
		}
	}
}

// pair starts two nodes and waits until a is master and b has heard it.
func pair(t *testing.T, more ...string) (a, b *node) {
	t.Helper()
	t.Parallel()
	l := newLab(t, "a", "b")
	a, b = l.start("a", instance(150, more...)), l.start("b", instance(100, more...))
	l.settled(a, b)
	return a, b
}

func (l *lab) settled(master, backup *node) {
	l.t.Helper()
	l.within(5*time.Second, master.name+" is master", master.master)
	l.within(5*time.Second, backup.name+" is backup and hears the master", func() bool {
		st, ok := backup.status()
		return ok && st.State == "BACKUP" && st.Master != nil && !backup.master()
	})
	// And the master has heard a hello, so that it knows its successor.
	l.within(5*time.Second, master.name+" knows its successor", func() bool {
		st, _ := master.status()
		return len(st.Peers) > 0 && st.Peers[0].Eligible
	})
}
