package geodns

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// TestWhatProbersHoldOutlivesAReload loads one configuration after the other as
// a server does, and counts how often the program of a check is started.
func TestWhatProbersHoldOutlivesAReload(t *testing.T) {
	starts := filepath.Join(t.TempDir(), "starts")
	program := func(more string) string {
		return fmt.Sprintf(`[/bin/sh, -c, "echo x >> %s; while read id rest; do echo $id up; done %s"]`, starts, more)
	}
	text := func(command, interval, path, sites string) string {
		return "checks:\n" +
			"  kept: {exec: {command: " + command + ", keep_alive: true}, interval: " + interval + "}\n" +
			"  web: {http: {port: 80, path: " + path + ", keep_alive: true}}\n" +
			"sites: " + sites + "\n"
	}
	const three = "{a: {addresses: [192.0.2.1], check: [kept, web]}, b: {addresses: [192.0.2.2], check: kept}, c: {addresses: [192.0.2.3], check: kept}}"
	const two = "{b: {addresses: [192.0.2.2], check: [kept, web]}, d: {addresses: [192.0.2.4], check: kept}}"
	dir := tree(t, map[string]string{"zones/example.com.zone": "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n"})
	var l loader
	c := newChecker(slog.New(slog.DiscardHandler), nil)
	defer func() {
		for _, p := range c.probers(nil) {
			p.Close()
		}
	}()
	var web closer
	for i, step := range []struct {
		text   string
		starts int
		newWeb bool
	}{
		{text(program(""), "10s", "/a", three), 1, true},
		{text(program(""), "10s", "/a", two), 1, false},
		{"# moved\n" + text(program(""), "20s", "/a", three), 1, false},
		{text(program(""), "20s", "/b", three), 1, true},
		{text(program("; true"), "20s", "/b", three), 2, false},
		{"sites: {}\n", 2, false},
		{text(program("; true"), "20s", "/b", three), 3, true},
	} {
		if err := os.WriteFile(filepath.Join(dir, "zones/steering.yaml"), []byte(step.text), 0o644); err != nil {
			t.Fatal(err)
		}
		loaded, list := l.load(config.Geodns{Folders: []string{filepath.Join(dir, "zones")}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
		if loaded == nil {
			t.Fatalf("step %d: %v", i, list)
		}
		c.configure(loaded.targets, nil, nil, loaded.boardRules(), func(*health.Board, []health.Subject) {})
		for _, w := range loaded.targets {
			if w.Key.Check == "web" {
				now, _ := closerOf(w.prober)
				if (now != web) != step.newWeb {
					t.Errorf("step %d: another prober of web: %v, want %v", i, now != web, step.newWeb)
				}
				web = now
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if r := w.prober.Probe(ctx, w.Key.Addr); r.Verdict != health.Pass {
				t.Errorf("step %d: %v: %v", i, w.Key, r)
			}
			cancel()
		}
		told, _ := os.ReadFile(starts)
		if n := strings.Count(string(told), "x"); n != step.starts {
			t.Errorf("step %d: the program was started %d times so far, want %d", i, n, step.starts)
		}
	}
}
