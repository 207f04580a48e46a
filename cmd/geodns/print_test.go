package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/demo"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/simulate"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) *time.Time {
	t := noon.Add(-d)
	return &t
}

const statusJSON = `{
  "version": "1.0", "started_at": "2026-11-21T09:00:00Z", "listen": ["192.0.2.53:53", "[2001:db8::53]:53"],
  "config": {"ok": false, "at": "2026-11-21T11:59:30Z", "loaded_at": "2026-11-21T09:00:00Z", "errors": ["zones/a.zone:3:1: wrong: right"], "warnings": []},
  "state": {"ok": false, "error": "no space left on device"},
  "zones": [{"name": "example.com."}],
  "sites": [
    {"name": "fra", "up": false, "share": 0.5, "forced": "up", "kept_by": ["web"], "since": "2026-11-21T11:55:00Z", "addresses": [
      {"address": "203.0.113.10", "up": false, "share": 1, "since": "2026-11-21T11:55:00Z", "last_error": "connection refused", "checks": [{"latency_ms": 0.4}, {"latency_ms": 12.34}]}]},
    {"name": "iad", "up": true, "share": 0, "since": null, "addresses": [{"address": "2001:db8:f::10", "up": true, "share": 1, "held": true, "since": null, "last_error": "", "checks": []}]},
    {"name": "sgp", "up": true, "share": 1, "since": null, "addresses": [{"address": "192.0.2.10", "up": true, "share": 1, "since": null, "last_error": "", "checks": [
      {"check": "most", "state": "up", "since": "2026-11-21T11:55:00Z", "calculated": "2 of a, b, ok", "needed": 2, "members": [
        {"check": "a", "of": "most", "state": "up", "since": "2026-11-21T11:55:00Z", "last_error": "timeout", "latency_ms": 1.2},
        {"check": "b", "of": "most", "state": "down", "since": "2026-11-21T11:59:00Z", "last_error": "connection refused", "latency_ms": 0.2},
        {"check": "ok", "of": "most", "state": "up", "since": null, "calculated": "not c", "latency_ms": 0},
        {"check": "c", "of": "ok", "state": "down", "since": null, "last_error": "no such file", "latency_ms": 0.1}]},
      {"check": "open", "state": "unknown", "since": null, "calculated": "not maintenance", "needed": 0, "members": [
        {"check": "maintenance", "of": "open", "state": "unknown", "since": null}]}]}]}
  ],
  "overrides": [
    {"policy": "", "site": "fra", "address": "", "state": "draining", "share": 0.5, "set": "2026-11-21T11:59:00Z",
     "who": "anna", "reason": "new disks", "done_at": "2026-11-21T12:01:00Z", "until": "2026-11-21T14:00:00Z"},
    {"policy": "web", "site": "iad", "address": "", "state": "drained", "share": 0, "set": "2026-11-21T11:59:00Z", "who": "", "reason": "", "done_at": null, "until": null}
  ]
}`

const statusText = `geodns 1.0, up 3h0m, 1 zones, listening at 192.0.2.53:53 [2001:db8::53]:53
the last reload was refused 30s ago; what was loaded 3h0m ago is served:
  zones/a.zone:3:1: wrong: right
overrides and states are not kept as they should: no space left on device

SITE  ADDRESS                  STATE                                              SINCE  LATENCY   LAST ERROR
fra                            down, forced up, 50%, kept in by the guard of web  5m               
      203.0.113.10             down                                               5m     12.3 ms   connection refused
iad                            up, drained                                        -                
      2001:db8:f::10           up, held back until undrain                        -      no check  
sgp                            up                                                 -                
      192.0.2.10               up                                                 -      1.2 ms    
        most: 2 of a, b, ok    up                                                 5m               2 up, 2 needed
          a                    up                                                 5m     1.2 ms    
          b                    down                                               1m     0.2 ms    connection refused
          ok: not c            up                                                 -                
        ok:                                                                                        
          c                    down                                               -      0.1 ms    no such file
        open: not maintenance  unknown                                            -                0 up, none may be
          maintenance          unknown                                            -                

fra is draining (50% of its clients, done at 2026-11-21T12:01:00Z) until 2026-11-21T14:00:00Z, by anna: new disks; set 1m ago
iad in policy web is drained; set 1m ago
`

func TestStatusTable(t *testing.T) {
	var st geodns.Status
	if err := json.Unmarshal([]byte(statusJSON), &st); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	printStatusTable(&b, st, noon)
	if got := b.String(); got != statusText {
		t.Errorf("got\n%s\nwant\n%s", got, statusText)
	}
}

func TestStatusOfANodeThatIsNotWell(t *testing.T) {
	for _, c := range []struct {
		reply string
		ok    bool
		fails bool
	}{
		{statusJSON, false, false},
		{strings.Replace(statusJSON, `"ok": false`, `"ok": true`, 1), true, false},
		{"<html>", false, true},
	} {
		for _, asJSON := range []bool{false, true} {
			f := clientFlags{json: asJSON}
			ok, err := f.printStatus(&strings.Builder{}, node{reply: json.RawMessage(c.reply)}, false)
			if ok != c.ok || (err != nil) != c.fails {
				t.Errorf("%.20s: ok = %v, err = %v", c.reply, ok, err)
			}
		}
	}
}

func TestAgo(t *testing.T) {
	for _, c := range []struct {
		t    *time.Time
		want string
	}{
		{nil, "-"}, {new(time.Time), "-"}, {before(0), "0s"}, {before(59 * time.Second), "59s"}, {before(5 * time.Minute), "5m"},
		{before(90 * time.Minute), "1h30m"}, {before(47 * time.Hour), "47h0m"}, {before(72 * time.Hour), "3d"},
	} {
		if got := ago(c.t, noon); got != c.want {
			t.Errorf("ago(%v) = %q, want %q", c.t, got, c.want)
		}
	}
}

func TestExplanationsAsJSON(t *testing.T) {
	one := &answer.Explanation{Name: "a.example.", Policy: "{geo: [{cidr: [<&>], use: a}]}", Sites: []string{}, Answers: []string{}}
	var b bytes.Buffer
	if err := printJSON(&b, []*answer.Explanation{one}); err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(b.Bytes(), &object); err != nil {
		t.Errorf("one explanation is no object: %v\n%s", err, &b)
	}
	for _, key := range []string{"name", "type", "client", "policy", "sites", "answers", "ttl", "scope", "steps"} {
		if _, ok := object[key]; !ok {
			t.Errorf("no %q in %s", key, &b)
		}
	}
	if object["answers"] == nil || !strings.Contains(b.String(), "<&>") {
		t.Errorf("answers are null, or text is escaped for HTML:\n%s", &b)
	}
	b.Reset()
	var list []map[string]any
	if err := printJSON(&b, []*answer.Explanation{one, one}); err != nil || json.Unmarshal(b.Bytes(), &list) != nil || len(list) != 2 {
		t.Errorf("two explanations are no list: %v\n%s", err, &b)
	}
}

func TestExplanationForPeople(t *testing.T) {
	var b strings.Builder
	printExplanation(&b, &answer.Explanation{Name: "a.example.", Type: "A", RCode: "NOERROR", TTL: 30, Answers: []string{}, Notes: []string{"n"}})
	if got, want := b.String(), "a.example. A\nNOERROR, TTL 30, scope /0\nnote: n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b.Reset()
	printExplanation(&b, &answer.Explanation{Name: "a.example.", Type: "A", Client: "192.0.2.1", RCode: "NOERROR", TTL: 5, Scope: 24,
		Sites: []string{"x", "y"}, Answers: []string{"a.example. 5 IN A 192.0.2.9"}})
	if got, want := b.String(), "a.example. A for client 192.0.2.1\nNOERROR from x, y, TTL 5, scope /24\n  a.example. 5 IN A 192.0.2.9\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindingsAreSortedOneALine(t *testing.T) {
	var list diag.List
	list.Warnf(diag.Pos{File: "b", Line: 1, Col: 1}, "", "late")
	list.Errorf(diag.Pos{File: "a", Line: 10, Col: 1}, "so", "second")
	list.Errorf(diag.Pos{File: "a", Line: 9, Col: 1}, "", "first")
	var b strings.Builder
	cli.PrintDiags(&b, list)
	if got, want := b.String(), "a:9:1: first\na:10:1: second: so\nb:1:1: warning: late\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDemoTextHasItsPorts looks for the ports in each line that is to be
// copied.
func TestDemoTextHasItsPorts(t *testing.T) {
	for _, port := range []uint16{5300, 15300} {
		p := portsFrom(port)
		text := demoText(p)
		for line := range strings.Lines(text) {
			if strings.Contains(line, "%!") {
				t.Errorf("port %d: %s", port, line)
			}
			if strings.Contains(line, "demo down") && strings.Contains(line, "--port") != (port != 5300) {
				t.Errorf("port %d: %s", port, line)
			}
		}
		if n := strings.Count(text, "  dig @127.0.0.1 -p "); n != 5 {
			t.Errorf("port %d: %d lines with dig, want 5", port, n)
		}
	}
}

func TestSitesAreToggledByTheirNames(t *testing.T) {
	any := netip.MustParseAddrPort("127.0.0.1:0")
	sites, err := demo.Start([]demo.Site{{Name: "fra", City: "Frankfurt", Addr: any}}, any)
	if err != nil {
		t.Fatal(err)
	}
	defer sites.Close()
	var out strings.Builder
	toggleByKey(strings.NewReader("fra\n\n  fra  \nnowhere\nfra"), &out, sites)
	if got, want := out.String(), "fra is down\nfra is up\n\"nowhere\": no such site\nfra is down\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if sites.IsUp("fra") {
		t.Error("fra is up")
	}
}

func TestSimulationSaysWhoIsFullAlready(t *testing.T) {
	var b strings.Builder
	printSimulation(&b, &simulate.Result{Sends: []simulate.Sending{
		{Site: "fra", Stays: 0.625, To: map[string]float64{"iad": 0.25, "sgp": 0.125}},
	}})
	const want = "site fra is over its capacity before the change: it keeps 62.5 % of its clients and sends on 25.0 % to iad, 12.5 % to sgp\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
