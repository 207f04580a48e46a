package geodns

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// describe returns what a load gave as text, so that two can be compared: the
// findings, and of each zone its records and compiled policies.
func describe(l *Loaded, findings []string) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f)
	}
	if l == nil {
		return b.String()
	}
	fmt.Fprintln(&b, l.Summary(), len(l.Watched))
	for i, z := range l.bound {
		fmt.Fprintln(&b, z.Origin, z.Serial, z.Records, z.Zone == l.Zones[i])
		for j, p := range z.Policies {
			at := p.Spec().Pos
			if z.Steers[j].Text[0] == '{' {
				at = diag.Pos{} // of whichever record has this text
			}
			fmt.Fprintln(&b, " ", z.Steers[j].Owner, p.Spec(), p.Sites() == l.Sites, at)
		}
	}
	return b.String()
}

// TestReloadGivesWhatAFirstLoadGives edits files at random, also into mistakes
// and out of them, and compares what a loader with a memory makes of them with
// what one without makes.
func TestReloadGivesWhatAFirstLoadGives(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	zoneText := func() string {
		text := fmt.Sprintf("$TTL 300\n@ SOA ns1 h %d 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n", random.IntN(3))
		for i := range random.IntN(4) {
			text += pick("", "", "\n") + fmt.Sprintf("w%d ", i) + pick("STEER web", "STEER two", "STEER fra", "A 192.0.2.7",
				`STEER "{geo: [{continent: [EU], use: fra}, {use: iad}]}"`, `STEER "{failover: [iad, fra]}"`,
				"STEER web\nw"+fmt.Sprint(i)+" A 192.0.2.1", "A 192.0.2.9", "A 192.0.2.10", "STEER two", pick("STEER nobody", "A 192.0.2", "STEER gone")) + "\n"
		}
		return text + pick("", "$INCLUDE part\n", pick("", "", "$INCLUDE lost\n"))
	}
	steering := func() string {
		return "sites:\n  fra: {addresses: [192.0.2.1]}\n  iad: {addresses: [192.0.2." + pick("2", "3") + "]}\n" +
			"policies:\n  web: {failover: [fra, iad]}\n  two: {geo: [{country: [" + pick("DE", "FR", "IT", "NL", "nowhere") + "], use: iad}, {use: fra}]}\n" +
			pick("", "", "  gone: {failover: [iad]}\n")
	}
	dir := tree(t, map[string]string{"a.zone": zoneText(), "steering.yaml": steering(), "part": "p A 192.0.2.9\n"})
	cfg := config.Geodns{Folders: []string{dir}, Databases: []string{builtin}}
	var memory loader
	kept, good := 0, 0
	for i := range 300 {
		name := pick("a.zone", "b.zone", "c.zone", "c.zone", "part", "steering.yaml")
		path := filepath.Join(dir, name)
		switch {
		case name == "steering.yaml":
			put(t, path, steering())
		case name == "part":
			put(t, path, pick("p A 192.0.2.9\n", "p A 192.0.2.8\n", "p STEER web\n", "p STEER two\n", "p A x\n"))
		case random.IntN(4) == 0 && name != "a.zone":
			_ = os.Remove(path) // it may not be there
		default:
			put(t, path, zoneText())
		}
		got, findings := memory.load(cfg)
		var none loader
		none.databases.files = memory.databases.files // reading the database takes long
		want, fresh := none.load(cfg)
		if a, b := describe(got, lines(findings)), describe(want, lines(fresh)); a != b {
			t.Fatalf("step %d, %s changed: with memory:\n%s\nwithout:\n%s", i, name, a, b)
		}
		if got != nil {
			good++
			kept += len(got.Zones) - got.fresh
		}
	}
	if good < 20 || kept < 20 {
		t.Errorf("%d good loads kept %d zones: too few to mean anything", good, kept)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReloadKeepsWhatDidNotChange changes one thing at a time and looks which
// zones and policies are the same ones as before.
func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	const head = "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n"
	dir := tree(t, map[string]string{
		"a.zone": head + "www STEER web\n", "b.zone": head + "www STEER web\n",
		"steering.yaml": "sites:\n  fra: {addresses: [192.0.2.1]}\npolicies:\n  web: {geo: [{continent: [EU], use: fra}, {use: fra}]}\n",
	})
	cfg := config.Geodns{Folders: []string{dir}, Databases: []string{builtin}}
	var l loader
	load := func() *Loaded {
		t.Helper()
		out, list := l.load(cfg)
		if list.HasErrors() {
			t.Fatal(list)
		}
		return out
	}
	first := load()
	put(t, filepath.Join(dir, "b.zone"), head+"www STEER web\nnew A 192.0.2.2\n")
	second := load()
	if second.fresh != 1 || second.bound[0] != first.bound[0] || second.Zones[1] == first.Zones[1] {
		t.Errorf("a zone changed: %d read", second.fresh)
	}
	if second.Sites != first.Sites || second.bound[1].Policies[0] != first.bound[1].Policies[0] {
		t.Error("a zone changed: sites or policies were made anew")
	}
	put(t, filepath.Join(dir, "steering.yaml"), "sites:\n  fra: {addresses: [192.0.2.2]}\npolicies:\n  web: {failover: [fra]}\n")
	third := load()
	if third.fresh != 0 || !slices.Equal(third.Zones, second.Zones) || third.bound[0] == second.bound[0] {
		t.Errorf("the steering changed: %d zones read", third.fresh)
	}
}

// cpuTime returns what this process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestReloadOfOneZoneCostsThatZone changes one zone among a thousand, and a
// small one beside one of many records (GEODNS_BIG_ZONE, a number of records,
// makes it bigger).
func TestReloadOfOneZoneCostsThatZone(t *testing.T) {
	const head = "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n"
	records := 50_000
	if n := os.Getenv("GEODNS_BIG_ZONE"); n != "" {
		fmt.Sscan(n, &records)
	}
	files := map[string]string{"steering.yaml": "sites:\n  fra: {addresses: [192.0.2.1]}\npolicies:\n  web: {geo: [{continent: [EU], use: fra}, {use: fra}]}\n"}
	for i := range 1000 {
		files[fmt.Sprintf("many/z%d.example.zone", i)] = head + "www STEER web\n" + strings.Repeat("x A 192.0.2.7\n", 10)
	}
	var big strings.Builder
	big.WriteString(head)
	for i := range records {
		fmt.Fprintf(&big, "h%d A 192.0.2.%d\n", i, i%250)
	}
	files["big/big.example.zone"], files["big/small.example.zone"] = big.String(), head
	dir := tree(t, files)
	put(t, filepath.Join(dir, "many/steering.yaml"), files["steering.yaml"])
	for folder, zone := range map[string]string{"many": "z5.example.zone", "big": "small.example.zone"} {
		cfg := config.Geodns{Folders: []string{filepath.Join(dir, folder)}, Databases: []string{builtin}}
		var l loader
		begin := cpuTime(t)
		if _, list := l.load(cfg); list.HasErrors() {
			t.Fatal(list)
		}
		all, least := cpuTime(t)-begin, time.Hour
		for i := range 5 {
			put(t, filepath.Join(dir, folder, zone), head+fmt.Sprintf("new A 192.0.2.%d\n", i))
			begin = cpuTime(t)
			out, list := l.load(cfg)
			least = min(least, cpuTime(t)-begin)
			if list.HasErrors() || out.fresh != 1 {
				t.Fatalf("%d zones read; %v", out.fresh, list)
			}
		}
		t.Logf("%s: first load %v of CPU, one small zone changed %v", folder, all, least)
		// Against the first load, which a slow or shared machine stretches alike.
		if least > max(50*time.Millisecond, all/3) {
			t.Errorf("%s: a small change costs %v of CPU, all of it %v", folder, least, all)
		}
	}
}
