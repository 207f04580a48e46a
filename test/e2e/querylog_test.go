package e2e

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestTheQueryLogSaysWhatWasDecided asks a steered name with a client subnet, and
// renames the file as logrotate does.
func TestTheQueryLogSaysWhatWasDecided(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("www A 192.0.2.1\nnear STEER web\n"),
		"zones/steering.yaml": "sites:\n  fra: {addresses: [192.0.2.10]}\n  iad: {addresses: [192.0.2.20]}\n" +
			"policies:\n  web: {geo: [{cidr: [10.1.0.0/16], use: fra}, {use: iad}]}\n",
	})
	file := filepath.Join(dir, "queries.json")
	s := start(t, dir, "--log-queries", file)
	udp := dial(t, "udp", s.addr())
	udp.must(t, query("near.example.com", dns.TypeA, netip.MustParsePrefix("10.1.2.0/24")))
	lines := func() []map[string]any {
		data, _ := os.ReadFile(file)
		var out []map[string]any
		for line := range strings.Lines(string(data)) {
			var l map[string]any
			if json.Unmarshal([]byte(line), &l) == nil {
				out = append(out, l)
			}
		}
		return out
	}
	eventually(t, notice, "a line is written", func() bool { return len(lines()) == 1 })
	l := lines()[0]
	for key, want := range map[string]any{
		"name": "near.example.com.", "type": "A", "rcode": "NOERROR", "zone": "example.com.", "policy": "web", "site": "fra",
		"client": "127.0.0.1", "transport": "udp", "subnet": "10.1.2.0/24", "scope": 16.0,
	} {
		if l[key] != want {
			t.Errorf("%s is %v, want %v", key, l[key], want)
		}
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	s.hangup()
	eventually(t, notice, "the file is there again", func() bool { _, err := os.Stat(file); return err == nil })
	for range 10 {
		udp.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))
	}
	eventually(t, notice, "ten lines are written", func() bool { return len(lines()) == 10 })
	if n := s.metric("geodns_server_query_log_written_total"); n != 11 {
		t.Errorf("%v entries are counted", n)
	}
}

// TestAFloodIsLimited asks more than the rate allows, without a cookie and over TCP.
func TestAFloodIsLimited(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir, "--limits-rrl-rate", "5", "--limits-rrl-slip", "1")
	udp := dial(t, "udp", s.addr())
	whole, truncated := 0, 0
	for range 100 {
		if m := udp.must(t, query("www.example.com", dns.TypeA, netip.Prefix{})); m.Truncated && len(m.Answer) == 0 {
			truncated++
		} else {
			whole++
		}
	}
	if whole < 5 || whole > 20 || truncated < 80 {
		t.Errorf("%d whole answers, %d truncated", whole, truncated)
	}
	tcp := dial(t, "tcp", s.addr())
	for range 20 {
		if m := tcp.must(t, query("www.example.com", dns.TypeA, netip.Prefix{})); len(m.Answer) != 1 {
			t.Fatalf("over TCP: %v", m)
		}
	}
	if n := s.metric(`geodns_rate_limited_total{action="slip"}`); n != float64(truncated) {
		t.Errorf("%v slips are counted, %d were sent", n, truncated)
	}
}
