package geodns

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// TestWhy holds what is said of each thing that keeps clients away to telling
// who or what decided, and until when.
func TestWhy(t *testing.T) {
	dir := tree(t, map[string]string{
		"geodns.yaml":            "zones: zones\n",
		"zones/example.com.zone": "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\nwww 30 STEER web\n",
		"zones/steering.yaml": `checks: {web: {tcp: {port: 80}}}
sites:
  fra: {addresses: [203.0.113.10], check: web, slow_start: 10m}
  iad: {addresses: [198.51.100.10], check: web, fail_back: manual}
  sgp: {addresses: [192.0.2.10], check: web, fail_back: {hold: 5m}}
policies: {web: {failover: [fra, iad, sgp]}}
`,
	})
	cfg, _ := config.Load(filepath.Join(dir, "geodns.yaml"), nil)
	l, list := Load(cfg)
	if l == nil {
		t.Fatal(list)
	}
	b := l.board()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	after := func(d time.Duration, v health.Verdict) {
		now = now.Add(d)
		for _, w := range l.Steering.Watches() {
			b.Step(w.Key, health.Result{Verdict: v, Err: "connection refused", At: now})
		}
		b.Settle(l.Sites.Subjects(), now)
	}
	said := func(site string) string {
		i, _ := l.Sites.Find(site)
		reasons := why(l, b, now)
		return strings.Trim(reasons[l.Sites.At(i).ID]+" | "+reasons[l.Sites.At(i).Addrs[0].ID], " |")
	}
	expect := func(site, want string) {
		t.Helper()
		if got := said(site); got != want {
			t.Errorf("%s: got %q, want %q", site, got, want)
		}
	}
	expect("fra", "not checked yet")
	after(time.Second, health.Pass)
	expect("fra", "checks pass since 2026-11-21 12:00:01")
	after(time.Second, health.Fail)
	after(time.Second, health.Fail)
	expect("fra", "connection refused, since 2026-11-21 12:00:03")
	after(time.Second, health.Pass)
	after(time.Second, health.Pass)
	expect("fra", "slow start since it recovered, all of them at 2026-11-21 12:10:05; checks pass since 2026-11-21 12:00:05")
	expect("iad", "until an operator lets it in: geodns undrain iad; checks pass since 2026-11-21 12:00:05")
	expect("sgp", "until 2026-11-21 12:05:05; checks pass since 2026-11-21 12:00:05")
	order := health.Order{Over: 10 * time.Minute, For: time.Hour, Who: "anna", Reason: "new disks"}
	if err := b.Drain(health.Target{Site: "fra"}, order, now); err != nil {
		t.Fatal(err)
	}
	expect("fra", "draining by degrees, done at 2026-11-21 12:10:05, until 2026-11-21 13:00:05, by anna: new disks | "+
		"slow start since it recovered, all of them at 2026-11-21 12:10:05; checks pass since 2026-11-21 12:00:05")
	after(20*time.Minute, health.Pass)
	expect("fra", "since 2026-11-21 12:00:05, until 2026-11-21 13:00:05, by anna: new disks | checks pass since 2026-11-21 12:00:05")
}
