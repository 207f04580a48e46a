package main

import (
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

func TestPrintStatusAndWhy(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	up, master, later := true, "192.0.2.1", now.Add(8*time.Second)
	in := vipd.InstanceStatus{
		Name: "VI_1", State: "MASTER", VRID: 50, Interface: "eth1", Priority: 100, EffectivePriority: 102, PriorityReason: "102 = 100 +2 (script chk up)",
		Master: &master, Since: now.Add(-90 * time.Second), Reason: "no advert in 3.6s of waiting", VIPs: []string{"192.0.2.10/24"},
		Tracked:   []vipd.TrackedStatus{{Name: "chk", Kind: "script", Up: &up, Weight: 2, Delta: 2}, {Name: "web", Kind: "probe"}},
		Floating:  []vipd.FloatingStatus{{Address: "203.0.113.10", Provider: "digitalocean", Wanted: true, Where: "elsewhere", Holder: "droplet 7", Contested: true, Error: "claim: 422", Next: &later}, {Address: "203.0.113.11", Provider: "exec", Where: "unknown"}},
		Refused:   []vipd.RefusedStatus{{From: "192.0.2.3", Reason: "wrong password", Hint: "the authentication block must be the same on all nodes", Count: 4}},
		LastAlarm: &vipd.AlarmStatus{At: now.Add(-time.Minute), Text: "192.0.2.3 is refused"},
	}
	st := vipd.Status{Version: "1", StartedAt: now.Add(-time.Hour), File: "v.conf", Instances: []vipd.InstanceStatus{in}}
	st.Config.OK, st.Config.At, st.Config.Errors = false, now.Add(-time.Minute), []string{"v.conf:3:1: unknown keyword"}
	var b strings.Builder
	printStatus(&b, &st, now)
	want := `vipd 1, up 1h0m0s, v.conf
the last reload was refused 1m0s ago; what was loaded before runs on:
  v.conf:3:1: unknown keyword

INSTANCE  STATE   SINCE  PRIORITY  MASTER     INTERFACE  VRID  VIPS
VI_1      MASTER  1m30s  102       192.0.2.1  eth1       50    192.0.2.10/24

VI_1
  priority 102 = 100 +2 (script chk up)
  tracked script chk: up, +2
  tracked probe web: unknown
  floating address 203.0.113.10 (digitalocean): elsewhere: droplet 7; contested; last error: claim: 422; again in 8s
  floating address 203.0.113.11 (exec): not looked at: not master
  not believed: 192.0.2.3, 4 packets: wrong password (the authentication block must be the same on all nodes)
  last alarm 1m0s ago: 192.0.2.3 is refused
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	in.Since = time.Now()
	printWhy(&b, &vipd.Why{
		Instance: in,
		History:  []vipd.Happening{{At: now, Kind: "note", Text: "too old"}, {At: now, Kind: "transition", From: "BACKUP", To: "MASTER", Cause: "silence", Text: "no advert"}, {At: now, Kind: "alarm", Text: "conflict"}},
		Outlook:  []string{"if this node failed: successor unknown"},
	}, 2)
	for _, line := range []string{
		"VI_1 is MASTER for 0s: no advert in 3.6s of waiting\n", "  2026-11-21 12:00:00.000  BACKUP → MASTER (silence): no advert\n",
		"  2026-11-21 12:00:00.000  alarm: conflict\n", "  if this node failed: successor unknown\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no %q in\n%s", line, b.String())
		}
	}
	if strings.Contains(b.String(), "too old") {
		t.Error("more lines than asked for")
	}
}
