package keepalived

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// parse reads one file from memory.
func parse(t *testing.T, conf string) (*Config, string) {
	t.Helper()
	cfg, diags := Parse(fstest.MapFS{"c": {Data: []byte(conf)}}, "c", Options{Hostname: "n"})
	return cfg, printed(diags)
}

const minimal = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.10 }\n%s\n}\n"

// The formulas of RFC 3768 and RFC 9568, Section 6.1, with the numbers that
// were measured on keepalived 2.2.7.
func TestMasterDown(t *testing.T) {
	for _, c := range []struct {
		version        uint8
		adv            time.Duration
		prio           uint8
		skew, down     time.Duration
		missed         int
		describedAbout string
	}{
		{2, time.Second, 100, 609375 * time.Microsecond, 3609375 * time.Microsecond, 3, "3.6 s"},
		{2, 2 * time.Second, 100, 609375 * time.Microsecond, 6609375 * time.Microsecond, 3, "6.6 s"},
		{2, time.Second, 254, 7812500 * time.Nanosecond, 3007812500 * time.Nanosecond, 3, "3 s"},
		{3, 100 * time.Millisecond, 100, 60937500 * time.Nanosecond, 360937500 * time.Nanosecond, 3, "361 ms"},
		{3, 10 * time.Millisecond, 254, 78125 * time.Nanosecond, 50078125 * time.Nanosecond, 5, "50 ms"},
	} {
		v := &Instance{Version: c.version, AdvertInterval: c.adv, DownTimerAdverts: c.missed}
		if got := v.Skew(c.prio); got != c.skew {
			t.Errorf("v%d %v prio %d: skew %v, want %v", c.version, c.adv, c.prio, got, c.skew)
		}
		if got := v.MasterDown(c.prio); got != c.down || about(got) != c.describedAbout {
			t.Errorf("v%d %v prio %d: down %v (%s), want %v (%s)", c.version, c.adv, c.prio, got, about(got), c.down, c.describedAbout)
		}
	}
}

func TestParseSeconds(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"1": time.Second, "0.92": 920 * time.Millisecond, ".5": 500 * time.Millisecond, "2.": 2 * time.Second,
		"0.0000019": time.Microsecond, "-1.5": -1500 * time.Millisecond, "999999999": 999999999 * time.Second,
	} {
		if got, err := parseSeconds(in); err != nil || got != want {
			t.Errorf("parseSeconds(%q): got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".", "-", "1s", "1e3", "1,5", "0x1", "9999999999", "1.2.3", "+1"} {
		if got, err := parseSeconds(in); err == nil {
			t.Errorf("parseSeconds(%q): got %v, want an error", in, got)
		}
	}
}

func TestIsURL(t *testing.T) {
	for s, want := range map[string]bool{
		"http://127.0.0.1/healthz": true, "https://[::1]:8443/?a=b": true, "http://h": true,
		"http://": false, "http:///x": false, "http://:80/": false, "ftp://h/": false, "h/x": false, "http://a b/": false, "http://h/\x00": false,
	} {
		if got := isURL(s); got != want {
			t.Errorf("isURL(%q): got %v", s, got)
		}
	}
}

// Measured on keepalived 2.2.7 by its dump of the configuration.
func TestScriptWords(t *testing.T) {
	for in, want := range map[string]string{
		`notify "/bin/echo a 'b c' d\x41" root`:   `notify|/bin/echo a 'b c' dA|root`,
		`script "/bin/sh -c 'echo \"a b\"' c\td"`: "script|/bin/sh -c 'echo \"a b\"' c\td",
		`x abcd" efg h jkl "mnop`:                 `x|abcd efg h jkl mnop`,
		`x abcd "efg h jkl" mnop`:                 `x|abcd|efg h jkl|mnop`,
		`x '"' "'" \\ \033 \cA \q \101\x`:         "x|\"|'|\\|\x1b|\x01|q|Ax",
		`x "unclosed word`:                        `x|unclosed word`,
		`x ''`:                                    `x|`,
	} {
		var got []string
		for _, w := range scriptWords(text{s: in, spans: []span{{}}}, true) {
			got = append(got, w.s)
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%s: got %q, want %q", in, g, want)
		}
	}
}

func TestBraceExpansion(t *testing.T) {
	for in, want := range map[string]string{
		"a":                "a",
		"a{b,c{d,e}}f":     "abf acdf acef",
		"{foo/{,cat,dog}}": "foo/ foo/cat foo/dog",
		"{a,b}{1,2}":       "a1 a2 b1 b2",
	} {
		got, err := braces(in)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("braces(%q): got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"{a", strings.Repeat("{a,b}", 20), strings.Repeat("{", 5000)} {
		if got, err := braces(in); err == nil {
			t.Errorf("braces(%.20q): got %d names, want an error", in, len(got))
		}
	}
}

// Every way to print a secret hides it.
func TestSecretIsNeverShown(t *testing.T) {
	auth := Auth{Type: AuthPass, Pass: NewSecret("hunter2")}
	shown := auth.Pass.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown += fmt.Sprintf(verb, auth) + fmt.Sprintf(verb, &auth) + fmt.Sprintf(verb, auth.Pass)
	}
	j, err := json.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	shown += string(j)
	for _, part := range []string{"hunter", "68756e", "68756E", "104 117"} {
		if strings.Contains(shown, part) {
			t.Errorf("%q shows in %s", part, shown)
		}
	}
	if auth.Pass.Reveal() != "hunter2" {
		t.Error("Reveal lost it")
	}
}

// Whatever stands in the line of a password, no message repeats it.
func TestNoMessageRepeatsAPassword(t *testing.T) {
	for _, line := range []string{
		"auth_pass %s", "auth_pass '%s' %s", "auth_pass %s!x", "auth_pas %s", "auth_pass %s {", "auth_pass \"%s", "auth_pass ”%s“", "key %s", "auth_pass %s %s %s",
	} {
		for _, block := range []string{"authentication", "auth_hmac"} {
			inner := block + " {\n" + strings.ReplaceAll(line, "%s", "hunter2hunter2") + "\n}\n"
			_, said := parse(t, fmt.Sprintf(minimal, inner))
			if strings.Contains(said, "hunter") {
				t.Errorf("%s: %s", line, said)
			}
		}
	}
}

// Each keyword that the vocabulary says is carried out has a hand that does
// so, and nothing else has.
func TestVocabularyMatchesHandlers(t *testing.T) {
	for w, k := range vocabulary["vrrp_instance"].words {
		if _, ok := instanceWords[w]; ok != k.carried {
			t.Errorf("vrrp_instance: %s is carried out: vocabulary %v, handlers %v", w, k.carried, ok)
		}
	}
	for w := range instanceWords {
		if _, ok := vocabulary["vrrp_instance"].words[w]; !ok {
			t.Errorf("vrrp_instance: %s is unknown to the vocabulary", w)
		}
	}
	for w, k := range vocabulary["global_defs"].words {
		if _, ok := globalWords[w]; ok != k.carried {
			t.Errorf("global_defs: %s is carried out: vocabulary %v, handlers %v", w, k.carried, ok)
		}
	}
	for w := range globalWords {
		if _, ok := vocabulary["global_defs"].words[w]; !ok {
			t.Errorf("global_defs: %s is unknown to the vocabulary", w)
		}
	}
}

// A carried-out keyword in any block is never passed over in silence: with a
// nonsense value it is told, or it takes that value.
func TestEveryWordThatIsNotCarriedOutIsTold(t *testing.T) {
	for kind, wrap := range map[string]string{
		topLevel:        "%s",
		"global_defs":   "global_defs {\n%s\n}",
		"vrrp_instance": strings.TrimSuffix(fmt.Sprintf(minimal, "%s"), "\n"),
	} {
		for w, k := range vocabulary[kind].words {
			if k.carried {
				continue
			}
			line := w
			if k.block {
				line += " {\n}"
			}
			_, said := parse(t, fmt.Sprintf(wrap, line))
			if !strings.Contains(said, w+" ") || !strings.Contains(said, "not carried out") {
				t.Errorf("%s in %s: %q", w, kind, said)
			}
			if hasError := !strings.Contains(said, "warning: "+w); hasError != k.weighty {
				t.Errorf("%s in %s: error is %v, want %v: %s", w, kind, hasError, k.weighty, said)
			}
		}
	}
}

// Whatever a text went through, each of its characters still knows its place:
// the slow way keeps a place for every character.
func TestTextKeepsPlaces(t *testing.T) {
	src := `  héllo "wörld" $X tail`
	whole := newText(src, at(7, 1))
	cols := map[int]int{}
	col := 1
	for i := range src {
		cols[i] = col
		col++
	}
	for i := range src {
		for j := range src[i:] {
			cut := whole.slice(i, i+j)
			for k := range cut.s {
				if got := cut.at(k); got.Line != 7 || got.Col != cols[i+k] {
					t.Fatalf("slice(%d,%d) at %d: %v, want column %d", i, i+j, k, got, cols[i+k])
				}
			}
		}
	}
	i := strings.Index(src, "$X")
	fixed := at(9, 9)
	joined := whole.slice(0, i).append(newText("value", at(1, 1)).opened(&fixed, 0)).append(whole.slice(i+2, len(src)))
	for k := range joined.s {
		got := joined.at(k)
		switch {
		case k < i:
			if got.Col != cols[k] {
				t.Errorf("before: %v, want column %d", got, cols[k])
			}
		case k < i+len("value"):
			if got != fixed {
				t.Errorf("inside: %v, want %v", got, fixed)
			}
		default:
			if want := cols[k-len("value")+2]; got.Col != want {
				t.Errorf("behind: %v, want column %d", got, want)
			}
		}
	}
}

// keepalived's own samples, where they are installed, read without an error,
// but for two that keepalived itself does not read to the end.
func TestInstalledSamples(t *testing.T) {
	paths, _ := filepath.Glob("/usr/share/doc/keepalived/samples/keepalived.conf.vrrp*")
	if len(paths) == 0 {
		t.Skip("keepalived's samples are not installed")
	}
	for _, p := range paths {
		base := filepath.Base(p)
		if base == "keepalived.conf.vrrp.rules" || base == "keepalived.conf.vrrp.lvs_syncd" {
			continue // prefixes such as 192.168.200./24; virtual_server
		}
		if _, diags := Parse(os.DirFS("/"), p, Options{Hostname: "n"}); diags.HasErrors() {
			t.Errorf("%s:\n%v", p, diags.Err())
		}
	}
}

// A named pipe is not opened: that would wait for a writer for ever.
func TestOddFilesAreRefused(t *testing.T) {
	fsys := fstest.MapFS{"pipe": {Mode: fs.ModeNamedPipe}, "big": {Data: make([]byte, maxFileSize+1)}, "dir/x": {}}
	for _, name := range []string{"pipe", "big", "dir", "none", "../../none"} {
		if _, diags := Parse(fsys, name, Options{}); !diags.HasErrors() {
			t.Errorf("%s: no error", name)
		}
	}
}

// Inputs that once broke something, or might.
func TestNothingPanics(t *testing.T) {
	for _, conf := range []string{
		strings.Repeat("{\n", 20) + "static_ipaddress {\n192.0.2.1\n}",
		strings.Repeat("vrrp_instance {\n", 40), strings.Repeat("}\n", 40), "{", "}", "\"", "$", "${", "@", "~", "~(", "~)(", "~SEQ)(", "$A=", "$A=\\",
		"$A= \\\n\\\n\n$A", "static_routes { via }", "static_routes { or }", "static_rules { fwmark }", "static_ipaddress { 192.0.2.1 dev",
		"vrrp_instance V { unicast_peer { 1.1.1.1 min_ttl } }", "include", "includea \"\"", "include {", "include [", "global_defs { umask |\n vrrp_garp_extra_if all\n }",
		"vrrp_track_process p { process\n init_file }", "vrrp_script s { script \"\"\n script ''\n weight\n}", "include_check + - +x", "vrrp_sync_group g { group }",
	} {
		cfg, _ := Parse(fstest.MapFS{"c": {Data: []byte(conf)}}, "c", Options{})
		Describe(cfg)
		Pair(cfg, cfg)
		CheckMachine(cfg, Facts{})
	}
}

func TestRandomIsRepeatable(t *testing.T) {
	conf := "global_defs {\nrandom_seed 7\nrouter_id r${_RANDOM 1 1000000}\n}\n"
	a, _ := parse(t, conf)
	b, _ := parse(t, conf)
	if a.Global.RouterID != b.Global.RouterID || !strings.HasPrefix(a.Global.RouterID, "r") || strings.Contains(a.Global.RouterID, "$") {
		t.Errorf("got %s and %s", a.Global.RouterID, b.Global.RouterID)
	}
}

func TestPredefinedVariables(t *testing.T) {
	fsys := fstest.MapFS{"etc/k/main.conf": {Data: []byte("include sub/x.conf\n")},
		"etc/k/sub/x.conf": {Data: []byte("global_defs { router_id \"${_PWD} ${_INSTANCE} ${_BANG} ${_ENV A} ${_ENV B}\" }\n")}}
	env := func(name string) (string, bool) { return "a-value", name == "A" }
	cfg, _ := Parse(fsys, "/etc/k/main.conf", Options{ConfigID: "main", Env: env})
	if got, want := cfg.Global.RouterID, "/etc/k/sub main ! a-value ${_ENV B}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := strings.Join(cfg.Files, " "); got != "etc/k/main.conf etc/k/sub/x.conf" {
		t.Errorf("files: %s", got)
	}
}

func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*")
	for _, p := range paths {
		if data, err := os.ReadFile(p); err == nil {
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, conf string) {
		if len(conf) > 4096 {
			t.Skip("long inputs only find the time it takes")
		}
		fsys := fstest.MapFS{"main.conf": {Data: []byte(conf)}, "x.conf": {Data: []byte("$A=$A x\ninclude *.conf\n")}}
		for _, compat := range []bool{false, true} {
			cfg, diags := Parse(fsys, "main.conf", Options{Hostname: "h", Compat: compat, work: 1 << 18})
			for _, d := range diags {
				if d.Pos.File == "" || d.What == "" || strings.Contains(d.String(), "\n") {
					t.Fatalf("finding without a place or a text: %q", d)
				}
			}
			Describe(cfg)
			Pair(cfg, cfg)
			CheckMachine(cfg, Facts{Interfaces: []Interface{{Name: "eth0"}}})
			cfg.Programs()
			cfg.UserNames()
		}
	})
}

func at(line, col int) diag.Pos { return diag.Pos{File: "f", Line: line, Col: col} }
