package keepalived

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/vipd"
	"github.com/geodns-vipd/geodns/pkg/diag"
	conf "github.com/geodns-vipd/geodns/pkg/keepalived"
)

// The machine of every test: eth0 and eth1 with an address each, and the
// programs and users below, of which root runs what names no user.
const (
	eth0 = "10.99.0.1/24"
	eth1 = "10.98.0.1/24"
)

var (
	programs = map[string]conf.Program{
		"/bin/true":   {Path: "/bin/true", Executable: true},
		"/bin/false":  {Path: "/bin/false", Executable: true},
		"/bin/sh":     {Path: "/bin/sh", Executable: true},
		"/etc/passwd": {Path: "/etc/passwd"},
		"/tmp":        {Path: "/tmp", Dir: true},
	}
	users = []string{"root", "nobody"}
)

// facts returns what this machine knows of cfg.
func facts(cfg *conf.Config) conf.Facts {
	iface := func(name, addr string) conf.Interface {
		return conf.Interface{Name: name, Up: true, Addrs: []conf.InterfaceAddr{
			{Prefix: netip.MustParsePrefix(addr)}, {Prefix: netip.MustParsePrefix("fe80::1:2/64")},
		}}
	}
	f := conf.Facts{
		Interfaces: []conf.Interface{{Name: "lo", Up: true, Loopback: true}, iface("eth0", eth0), iface("eth1", eth1)},
		Programs:   map[string]conf.Program{}, Users: map[string]bool{}, Groups: map[string]bool{}, Files: map[string]conf.File{},
		Tables: map[string]bool{"main": true, "local": true, "default": true}, Root: true,
	}
	for _, name := range cfg.Programs() {
		f.Programs[name] = programs[name]
	}
	names, groups := cfg.UserNames()
	for _, name := range names {
		f.Users[name] = slices.Contains(users, name)
	}
	for _, name := range groups {
		f.Groups[name] = slices.Contains(users, name)
	}
	for _, path := range cfg.SecretFiles() {
		f.Files[path] = conf.File{}
	}
	return f
}

// check returns what vipd says of the file at path on that machine, in the
// order of the lines; sentences about instances without a mistake are left out.
func check(path string, compat bool) diag.List {
	cfg, list := vipd.LoadConfig(path, vipd.LoadOptions{NoMachine: true, Compat: compat})
	list = append(list, conf.CheckMachine(cfg, facts(cfg))...)
	list.Sort()
	return list
}

// verdict is what keepalived -t said: its exit code, and its complaints, each
// once. Codes: 0 fine, 2 refused, 5 runs with something dropped or repaired, 6
// the same with scripts that it does not like; -1: it died.
type verdict struct {
	code       int
	complaints []complaint
}

// complaint is a line of keepalived's; line is 0 if it names none.
type complaint struct {
	line int
	text string
}

func (v verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "code %d\n", v.code)
	for _, c := range v.complaints {
		if c.line > 0 {
			fmt.Fprintf(&b, "%d: ", c.line)
		}
		b.WriteString(c.text + "\n")
	}
	return b.String()
}

var numbered = regexp.MustCompile(`^\((?:[^()]*: )?Line (\d+)\) (.*)$`)

// parseVerdict reads what keepalived printed. Its processes read the file one
// after the other, so most lines come several times.
func parseVerdict(code int, out string) verdict {
	v := verdict{code: code}
	for _, line := range strings.Split(out, "\n") {
		c := complaint{text: strings.TrimSpace(line)}
		if m := numbered.FindStringSubmatch(c.text); m != nil {
			c.line, c.text = atoi(m[1]), strings.TrimSpace(m[2])
		}
		if c.text != "" && !slices.Contains(v.complaints, c) {
			v.complaints = append(v.complaints, c)
		}
	}
	return v
}

// namespace is a network namespace with interfaces.
type namespace string

// newNamespace makes one with eth0, eth1 and others, or skips the test.
func newNamespace(t *testing.T, others ...string) namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	for _, program := range []string{"ip", "keepalived"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs ", program)
		}
	}
	ns := namespace(fmt.Sprintf("kt%d", os.Getpid()))
	if out, err := exec.Command("ip", "netns", "add", string(ns)).CombinedOutput(); err != nil {
		t.Skipf("network namespaces: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", string(ns)).Run() })
	ns.ip(t, "link set lo up")
	ns.ip(t, "link add eth0 type veth peer name eth1")
	ns.ip(t, "addr add "+eth0+" dev eth0")
	ns.ip(t, "addr add "+eth1+" dev eth1")
	for i, name := range others {
		ns.ip(t, fmt.Sprintf("link add name %s type veth peer name other%d", name, i))
		ns.ip(t, fmt.Sprintf("addr add 10.97.%d.1/24 dev %s", i, name))
		ns.ip(t, "link set dev "+name+" up")
	}
	ns.ip(t, "link set eth0 up")
	ns.ip(t, "link set eth1 up")
	return ns
}

func (ns namespace) ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", string(ns)}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// keepalived asks keepalived -t about files.
func (ns namespace) keepalived(t *testing.T, files []string) map[string]verdict {
	t.Helper()
	// One shell for all: to enter the namespace takes longer than to be asked.
	script := `for f in "$@"; do timeout 10 keepalived -t -f "$f" </dev/null 2>&1; printf '\n%s%d\n' "$mark" $?; done`
	const mark = "the end, with code "
	cmd := exec.Command("ip", append([]string{"netns", "exec", string(ns), "sh", "-c", script, "sh"}, files...)...)
	cmd.Env = append(os.Environ(), "mark="+mark)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("keepalived -t: %v: %s", err, out)
	}
	verdicts, rest := map[string]verdict{}, string(out)
	for _, f := range files {
		said, more, ok := strings.Cut(rest, "\n"+mark)
		if !ok {
			t.Fatalf("nothing about %s: %s", f, rest)
		}
		var code string
		code, rest, _ = strings.Cut(more, "\n")
		n := atoi(code)
		if n > 100 { // 124: it hangs; 128 and above: a signal
			n = -1
		}
		verdicts[f] = parseVerdict(n, said)
	}
	return verdicts
}

// atoi returns the number that s is, 0 if it is none.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
