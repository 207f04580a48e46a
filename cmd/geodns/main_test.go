package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
)

// try runs a command line in a folder of its own.
func try(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, err strings.Builder
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args   string
		code   int
		stderr string // what it holds
	}{
		{"", cli.ExitOK, ""},
		{"--version", cli.ExitOK, ""},
		{"bogus", cli.ExitMisused, "geodns: unknown command \"bogus\""},
		{"check --bogus", cli.ExitMisused, "geodns: unknown flag: --bogus\nsee: geodns check --help\n"},
		{"check extra", cli.ExitMisused, "geodns: unknown command \"extra\""},
		{"explain", cli.ExitMisused, "geodns: accepts between 1 and 2 arg(s), received 0\nsee: geodns explain --help\n"},
		{"demo down", cli.ExitMisused, "geodns: accepts 1 arg(s), received 0\nsee: geodns demo down --help\n"},
		{"check", cli.ExitFailed, ""}, // its findings are its output
		{"explain www.example.com", cli.ExitFailed, "zones: no such file or directory: "},
		{"status", cli.ExitFailed, "geodns: unix:/var/lib/geodns/control.sock: "},
		{"status --token-file nowhere", cli.ExitFailed, "geodns: open nowhere: no such file or directory"},
		{"serve --log-level loud", cli.ExitFailed, "--log-level: log.level \"loud\" is not known: one of debug, info, warn, error\n"},
	} {
		code, _, stderr := try(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("geodns %s: exit code %d, %q; want %d, %q", c.args, code, stderr, c.code, c.stderr)
		}
	}
}

// TestEveryCommandIsDescribed looks at the help of each, which people read
// first.
func TestEveryCommandIsDescribed(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short description %q", c.CommandPath(), c.Short)
		}
		if c.RunE == nil || c.Args == nil {
			t.Errorf("%s: does nothing, or does not look at its arguments", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 90 {
				t.Errorf("%s: line of %d characters in its help", c.CommandPath(), len(line))
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(rootCommand())
}

func TestWhichServersAreCalled(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	several := filepath.Join(dir, "several.yaml")
	if err := os.WriteFile(several, []byte("servers: [10.0.0.1:8053, \"https://b.example\"]\nstate: s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(dir, "alone.yaml")
	if err := os.WriteFile(alone, []byte("state: s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		f    clientFlags
		want []string
	}{
		{"flags first", clientFlags{config: several, servers: []string{"127.0.0.1:1", "http://a.example/", "unix:x/control.sock"}},
			[]string{"http://127.0.0.1:1", "http://a.example", "unix:x/control.sock"}},
		{"then servers of the file", clientFlags{config: several}, []string{"http://10.0.0.1:8053", "https://b.example"}},
		{"then its socket", clientFlags{config: alone}, []string{"unix:" + filepath.Join(dir, "s/control.sock")}},
		{"then that of the default state", clientFlags{}, []string{"unix:/var/lib/geodns/control.sock"}},
	} {
		got, err := c.f.targets()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q %v, want %q", c.what, got, err, c.want)
		}
	}
	if _, err := (&clientFlags{servers: []string{"ftp://a"}}).targets(); err == nil || !strings.HasPrefix(err.Error(), "--server ftp://a: ") {
		t.Errorf("ftp: %v", err)
	}
}
