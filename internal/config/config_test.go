package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// TestMistakes loads each testdata/*.yaml; what is wrong with it stands in the
// .txt file beside it, one line each.
func TestMistakes(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	if len(files) == 0 {
		t.Fatal("no testdata")
	}
	for _, f := range files {
		_, list := Load(f, nil)
		got := text(list)
		golden := strings.TrimSuffix(f, ".yaml") + ".txt"
		want, _ := os.ReadFile(golden) // a new one is empty until -update
		goldentest.Compare(t, golden, string(want), got)
	}
}

func text(list diag.List) string {
	list.Sort()
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

func write(t *testing.T, content string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "geodns.yaml")
	if err := os.WriteFile(f, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDefaults(t *testing.T) {
	got, list := Load(write(t, ""), nil)
	if len(list) > 0 {
		t.Fatal(text(list))
	}
	dir := filepath.Dir(got.File)
	want := Geodns{
		File:      got.File,
		Listen:    []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:53"), netip.MustParseAddrPort("[::]:53")},
		Folders:   []string{"zones"},
		Databases: []string{"builtin"}, DatabaseAt: []diag.Pos{{File: got.File}},
		Admin: "127.0.0.1:8053", AdminHosts: []string{},
		State:  "/var/lib/geodns",
		Log:    Log{Level: "info", Format: "text", QueriesFormat: "json", QueriesSample: 1},
		Limits: Limits{UDPSize: 1232, TCPConnections: 2000, TCPConnectionsPer: 100, TCPIdle: 10 * time.Second, RRLWindow: 15, RRLSlip: 2},
	}
	want.Folders[0] = filepath.Join(dir, "zones")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	f := write(t, "zones: z\nstate: s\ngeo: {database: [builtin, a.mmdb, /b.mmdb]}\nadmin_token_file: tok\n")
	dir := filepath.Dir(f)
	if err := os.WriteFile(filepath.Join(dir, "tok"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, list := Load(f, nil)
	if at := got.DatabaseAt; len(at) != 3 || at[1] != (diag.Pos{File: f, Line: 3, Col: 27}) {
		t.Errorf("places of the databases: %v", at)
	}
	if len(list) > 0 {
		t.Fatal(text(list))
	}
	if want := filepath.Join(dir, "z"); got.Folders[0] != want {
		t.Errorf("zones: got %s, want %s", got.Folders[0], want)
	}
	if want := []string{"builtin", filepath.Join(dir, "a.mmdb"), "/b.mmdb"}; !reflect.DeepEqual(got.Databases, want) {
		t.Errorf("databases: got %v, want %v", got.Databases, want)
	}
	if got.State != filepath.Join(dir, "s") || got.AdminTokenFile != filepath.Join(dir, "tok") {
		t.Errorf("state %s, token %s", got.State, got.AdminTokenFile)
	}
}

func TestFlagBeforeEnvironmentBeforeFile(t *testing.T) {
	f := write(t, "nsid: file\nversion: file\nuser: file\nlog: {level: warn}\nlisten: 127.0.0.1:53\nadmin: 127.0.0.1:1\n")
	t.Setenv("GEODNS_NSID", "env")
	t.Setenv("GEODNS_VERSION", "env")
	t.Setenv("GEODNS_GEO_DATABASE", "a.mmdb, builtin")
	t.Setenv("GEODNS_LOG_LEVEL", "debug")
	t.Setenv("GEODNS_ADMIN", "")
	t.Setenv("GEODNS_PORT_53_UDP_ADDR", "10.0.0.1") // as Kubernetes sets for a service named geodns
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse([]string{"--nsid=flag", "--listen=127.0.0.1:1,127.0.0.1:2", "--limits-tcp-idle=3s"}); err != nil {
		t.Fatal(err)
	}
	got, list := Load(f, flags)
	if len(list) > 0 {
		t.Fatal(text(list))
	}
	for _, c := range []struct{ name, got, want string }{
		{"nsid", got.NSID, "flag"}, {"version", got.Version, "env"}, {"user", got.User, "file"},
		{"log.level", got.Log.Level, "debug"}, {"admin", got.Admin, ""},
		{"databases", strings.Join(got.Databases, " "), "a.mmdb builtin"},
		{"idle", got.Limits.TCPIdle.String(), "3s"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
	if len(got.Listen) != 2 || got.Listen[1].Port() != 2 {
		t.Errorf("listen: got %v", got.Listen)
	}
}

func TestZoneList(t *testing.T) {
	f := write(t, "zones: [more, {name: 0/25.2.0.192.in-addr.arpa, file: rev.zone}]\n")
	got, list := Load(f, nil)
	if len(list) > 0 {
		t.Fatal(text(list))
	}
	dir := filepath.Dir(f)
	want := []ZoneFile{{"0/25.2.0.192.in-addr.arpa", filepath.Join(dir, "rev.zone")}}
	if !reflect.DeepEqual(got.ZoneFiles, want) || !reflect.DeepEqual(got.Folders, []string{filepath.Join(dir, "more")}) {
		t.Errorf("got %v and %v", got.ZoneFiles, got.Folders)
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	_, list := Load("/nowhere/geodns.yaml", nil)
	if got := text(list); !strings.HasPrefix(got, "/nowhere/geodns.yaml: no such file") {
		t.Errorf("got %q", got)
	}
}

func TestEveryOptionHasFlagAndEnvironment(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	for _, o := range options {
		if flags.Lookup(o.flag()) == nil {
			t.Errorf("%s: no flag --%s", o.key, o.flag())
		}
	}
	if got := findOption("geo.database"); got.flag() != "geo-database" || got.env() != "GEODNS_GEO_DATABASE" {
		t.Errorf("got --%s and %s", got.flag(), got.env())
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte("listen: [a]\nzones: [{name: a, file: b}]\n"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, _ := parseFile("geodns.yaml", data); c != nil {
			c.nested()
		}
	})
}
