package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

// buildVipd builds vipd beside geodns, once.
var buildVipd = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "vipd"), "../../cmd/vipd").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build vipd: %w\n%s", err, out)
	}
	return nil
})

func newVipdWorld(t *testing.T) *world {
	t.Helper()
	if err := buildVipd(); err != nil {
		t.Fatal(err)
	}
	return newWorld(t, bin)
}

// vipdRuns stands before the blocks of commands that TestVipdDocuments runs.
const vipdRuns = "<!-- not run: vipd_test.go runs it -->\n"

// TestVipdDocuments runs the commands of the documents on vipd whose output
// depends on no network, and loads every configuration shown: one that no
// command shown checks must be without a complaint.
func TestVipdDocuments(t *testing.T) {
	for _, name := range []string{"docs/vipd.md", "docs/vipd-reference.md"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			steps, err := parse(strings.ReplaceAll(read(t, name), vipdRuns, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			w := newVipdWorld(t)
			files, loaded := map[string]int{}, 0
			for _, s := range steps {
				switch s.kind {
				case newFolder:
					loaded += w.loadVipdFiles(name, files)
					clear(files)
					w.folder()
				case writeFile:
					w.write(s.name, s.text)
					files[s.name] = s.line
				case runCommands:
					if err := w.block(s); err != nil {
						t.Errorf("%s:%d: %v", name, s.line, err)
					}
					for f := range files {
						if strings.Contains(s.text, " "+f) {
							delete(files, f)
							loaded++
						}
					}
				}
			}
			if loaded += w.loadVipdFiles(name, files); loaded == 0 {
				t.Error("no configuration loaded: is the document marked?")
			}
		})
	}
}

// loadVipdFiles checks configurations that no command shown has checked, and
// returns how many.
func (w *world) loadVipdFiles(document string, files map[string]int) int {
	w.t.Helper()
	n := 0
	for f, line := range files {
		if filepath.Ext(f) != ".conf" {
			continue
		}
		n++
		out, code := w.run("vipd check --no-machine " + f)
		if code != 0 || regexp.MustCompile(`(?m)^[^:]+:\d+:\d+: (?:warning: |[^n]|n[^o])`).MatchString(out) {
			w.t.Errorf("%s:%d: %s: code %d\n%s", document, line, f, code, out)
		}
	}
	return n
}

// TestEveryVipdCommandAndFlagIsTold compares the help with the reference, in
// both directions.
func TestEveryVipdCommandAndFlagIsTold(t *testing.T) {
	w := newVipdWorld(t)
	help, code := w.run("vipd --help")
	if code != 0 {
		t.Fatalf("vipd --help: code %d\n%s", code, help)
	}
	var commands []string
	for _, m := range subcommand.FindAllStringSubmatch(afterLine(help, "Available Commands:"), -1) {
		if m[1] != "help" && m[1] != "completion" {
			commands = append(commands, m[1])
		}
	}
	if len(commands) < 7 {
		t.Fatalf("only these commands: %v", commands)
	}
	told := map[string]string{}
	for _, part := range strings.Split(read(t, "docs/vipd-reference.md"), "\n### vipd ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		told[title] = body
	}
	for _, c := range commands {
		body, ok := told[c]
		if !ok {
			t.Errorf("vipd %s has no section", c)
			continue
		}
		help, _ := w.run("vipd " + c + " --help")
		var flags []string
		for _, m := range helpFlag.FindAllStringSubmatch(afterLine(help, "Flags:"), -1) {
			if flags = append(flags, m[1]); m[1] != "help" && !strings.Contains(body, "`--"+m[1]) {
				t.Errorf("vipd %s: --%s is not told", c, m[1])
			}
		}
		for _, m := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(body, -1) {
			if !slices.Contains(flags, m[1]) {
				t.Errorf("vipd %s: there is no flag --%s", c, m[1])
			}
		}
		delete(told, c)
	}
	for c := range told {
		t.Errorf("there is no command vipd %s", c)
	}
}

// TestEveryVipdMetricIsTold takes the metrics from where they are described.
func TestEveryVipdMetricIsTold(t *testing.T) {
	code := read(t, "internal/vipd/metrics.go")
	text := section(t, "docs/vipd-reference.md", "Metrics")
	var names []string
	for _, m := range regexp.MustCompile(`\bdesc\("([a-z_]+)"|NewDesc\("vipd_([a-z_]+)"`).FindAllStringSubmatch(code, -1) {
		names = append(names, "vipd_"+m[1]+m[2])
	}
	compareLists(t, "metric", 15, names, regexp.MustCompile("(?m)^\\| `(vipd_[a-z_]+)`"), text)
}

// TestEveryVipdHookVariableIsTold takes the variables from where they are set.
func TestEveryVipdHookVariableIsTold(t *testing.T) {
	var names []string
	for _, m := range regexp.MustCompile(`"(VIPD_[A-Z]+)=`).FindAllStringSubmatch(read(t, "internal/vipd/notify.go"), -1) {
		names = append(names, m[1])
	}
	compareLists(t, "variable", 6, names, regexp.MustCompile("(?m)^\\| `(VIPD_[A-Z]+)`"), section(t, "docs/vipd-reference.md", "Hooks"))
}

// TestEveryVipdKeyOfJSONIsTold takes the keys from the types that are printed.
func TestEveryVipdKeyOfJSONIsTold(t *testing.T) {
	keys := append(jsonKeys(reflect.TypeFor[vipd.Status](), ""), jsonKeys(reflect.TypeFor[vipd.Why](), "why.")...)
	keys = slices.DeleteFunc(keys, func(k string) bool { return strings.HasPrefix(k, "why.instance") })
	compareLists(t, "key", 50, keys, regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)`"), section(t, "docs/vipd-reference.md", "JSON"))
}

// TestEveryWordAddedIsTold takes the words of the blocks that keepalived does
// not have from the vocabulary.
func TestEveryWordAddedIsTold(t *testing.T) {
	code, text := read(t, "pkg/keepalived/keywords.go"), section(t, "docs/vipd-reference.md", "What vipd adds to keepalived.conf")
	var names []string
	for _, kind := range []string{"floating_ip", "vrrp_probe", "auth_hmac"} {
		m := regexp.MustCompile(`"` + kind + `": *\{\{weightyWord, "([a-z_ ]+)"`).FindStringSubmatch(code)
		if m == nil {
			t.Fatalf("the words of %s are not found", kind)
		}
		names = append(names, strings.Fields(m[1])...)
	}
	compareLists(t, "word", 12, append(names, "http_listen", "hello_port"), regexp.MustCompile("(?m)^\\| `([a-z_]+)"), text)
}

// jsonKeys returns the paths of all values of a type that are no objects.
func jsonKeys(typ reflect.Type, prefix string) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		of, path := f.Type, prefix+name
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
				path += "[]"
			}
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct && of != reflect.TypeFor[time.Time]() {
			out = append(out, jsonKeys(of, path+".")...)
			continue
		}
		out = append(out, path)
	}
	return out
}

// compareLists compares what there is with what a document tells.
func compareLists(t *testing.T, what string, atLeast int, are []string, told *regexp.Regexp, text string) {
	t.Helper()
	if len(are) < atLeast {
		t.Fatalf("only these: %v", are)
	}
	var have []string
	for _, m := range told.FindAllStringSubmatch(text, -1) {
		have = append(have, m[1])
	}
	for _, a := range are {
		if !slices.Contains(have, a) {
			t.Errorf("%s %s is not told", what, a)
		}
	}
	for _, h := range have {
		if !slices.Contains(are, h) {
			t.Errorf("there is no %s %s", what, h)
		}
	}
}

// section returns a part of a document, from its heading to the next of the
// same level.
func section(t *testing.T, document, title string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, document), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("%s has no section %s", document, title)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// TestVipdUnitIsAccepted lets systemd judge the unit, with the program where
// the test has it.
func TestVipdUnitIsAccepted(t *testing.T) {
	unit := read(t, "dist/vipd.service")
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	w := newVipdWorld(t)
	w.write("vipd.service", strings.ReplaceAll(unit, "/usr/local/bin/vipd", filepath.Join(bin, "vipd")))
	if out, code := w.run("systemd-analyze verify --man=no ./vipd.service"); code != 0 || strings.Contains(out, "vipd.service") {
		t.Errorf("systemd-analyze verify: code %d\n%s", code, out)
	}
	for _, command := range regexp.MustCompile(`(?m)^Exec\w+=/usr/local/bin/(.*)$`).FindAllStringSubmatch(unit, -1) {
		if out, code := w.run(command[1] + " --help"); code != 0 {
			t.Errorf("%s: code %d\n%s", command[1], code, out)
		}
	}
}

// TestVipdUnitRuns runs what ExecStart says until it is ready, in a network
// namespace of its own, with the capabilities of the unit that keep addresses
// and nothing else of root's.
func TestVipdUnitRuns(t *testing.T) {
	for _, program := range []string{"unshare", "setpriv", "ip"} {
		if _, err := exec.LookPath(program); err != nil || os.Geteuid() != 0 {
			t.Skip("needs root, unshare, setpriv and ip")
		}
	}
	w := newVipdWorld(t)
	w.write("vipd.conf", "vrrp_instance VI_1 {\n state BACKUP\n interface d0\n virtual_router_id 50\n priority 254\n version 3\n"+
		" advert_int 0.1\n virtual_ipaddress { 192.0.2.100/24 }\n}\n")
	const caps = "-all,+net_admin,+net_raw"
	out, code := w.run(`unshare --net bash -c 'ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip addr add 192.0.2.1/24 dev d0 || exit 9
setpriv --bounding-set=` + caps + ` --inh-caps=` + caps + ` --ambient-caps=` + caps + ` vipd run -f vipd.conf --control s --state . &
for i in $(seq 100); do ip -o addr show d0 | grep -q " 192.0.2.100/" && break; sleep 0.1; done
vipd status --control s; kill $!; wait $!; echo ended $?; ip -o addr show d0'`)
	if code == 9 {
		t.Skipf("no network namespace: %s", out)
	}
	if code != 0 || !regexp.MustCompile(`VI_1 +MASTER`).MatchString(out) || !strings.Contains(out, "ended 0") || strings.Contains(afterLine(out, "ended 0"), "192.0.2.100") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// TestWhatVipdDoesNotYetIsSo takes what docs/vipd.md lists as not carried out:
// each is told by check, as an error or as a warning.
func TestWhatVipdDoesNotYetIsSo(t *testing.T) {
	w := newVipdWorld(t)
	text, _, _ := strings.Cut(section(t, "docs/vipd.md", "What it is beside keepalived"), "\n## ")
	_, text, _ = strings.Cut(text, "\n### Not yet\n")
	for _, c := range []struct {
		word, top, inside string
		refused           bool
	}{
		{word: "auth_type AH", inside: "authentication { auth_type AH\n auth_pass x }", refused: true},
		{word: "track_bfd", inside: "track_bfd { x }", refused: true},
		{word: "bfd_instance", top: "bfd_instance x { }", refused: true},
		{word: "vrf", inside: "vrf red", refused: true},
		{word: "net_namespace", top: "net_namespace x", refused: true},
		{word: "use_vmac", inside: "use_vmac"},
		{word: "use_ipvlan", inside: "use_ipvlan"},
		{word: "no_accept", inside: "no_accept"},
		{word: "virtual_server", top: "virtual_server 192.0.2.1 80 { }", refused: true},
		{word: "track_group", top: "track_group g { group { VI_1 } }\nstatic_ipaddress { 192.0.2.9/24 dev eth1 track_group g }", refused: true},
		{word: "garp_extra_if", inside: "garp_extra_if 3"},
		{word: "floating_ip", inside: "floating_ip aws { address 192.0.2.3 }", refused: true},
	} {
		if !strings.Contains(text, "`"+c.word+"`") {
			t.Errorf("%s is not told", c.word)
		}
		w.write("vipd.conf", c.top+"\nvrrp_instance VI_1 {\nstate BACKUP\ninterface eth1\nvirtual_router_id 50\npriority 100\n"+
			"virtual_ipaddress { 192.0.2.100 }\n"+c.inside+"\n}\n")
		out, code := w.run("vipd check --no-machine vipd.conf")
		if (code == 1) != c.refused || !c.refused && !strings.Contains(out, ": warning: "+c.word) {
			t.Errorf("%s: code %d, refused should be %v\n%s", c.word, code, c.refused, out)
		}
	}
}
