package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
)

// TestScripts runs the commands as testdata/script tells. Beside the commands
// of testscript there are
//
//	code N PROG ARG…      run a program, which must end with exit code N
//	await TIME PROG ARG…  run a program again and again until it succeeds
//
// Each script has free ports in $DNS and $ADMIN, one for the example in $DEMO, and a geo
// database in $WORK/geo.mmdb that never grows old.
func TestScripts(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "geo.mmdb")
	geodbtest.WriteCity(t, database, geodbtest.Places{
		"2.125.160.0/19": {Country: "GB", Subdivisions: []string{"GB-ENG"}, City: "Boxford", Lat: 51.75, Lon: -1.25, HasLocation: true},
		"91.10.0.0/16":   {Country: "DE"},
		"12.0.0.0/8":     {Country: "US"},
		"2a00:1::/32":    {Country: "DE"},
	})
	data, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(program)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("DNS", strconv.Itoa(freePort(t)))
			env.Setenv("ADMIN", strconv.Itoa(freePort(t)))
			demo := freePort(t, 1, 80)
			env.Setenv("DEMO", strconv.Itoa(demo))
			env.Setenv("DEMO_ADMIN", strconv.Itoa(demo+1))
			return os.WriteFile(filepath.Join(env.WorkDir, "geo.mmdb"), data, 0o644)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code":  scriptCode,
			"await": scriptAwait,
		},
	})
}

// scriptCode is the command code.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROG ARG…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// scriptAwait is the command await.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await TIME PROG ARG…")
	}
	within, err := time.ParseDuration(args[0])
	ts.Check(err)
	over := timer(within)
	for {
		if err = ts.Exec(args[1], args[2:]...); err == nil {
			return
		}
		if over() {
			ts.Fatalf("%v", fmt.Errorf("not within %v: %w", within, err))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
