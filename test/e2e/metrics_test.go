package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestMetricsCountWhatWasAsked asks a known number of questions of each kind
// and finds just these in the metrics.
func TestMetricsCountWhatWasAsked(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	sites[1].be(broken)
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\nplain A 192.0.2.9\n"),
		"zones/example.net.zone": zoneText("plain A 192.0.2.9\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d, path: /}, interval: 300ms, timeout: 300ms}\nsites:\n"+
			"  s0: {addresses: [%v], check: web}\n  s1: {addresses: [%v], check: web}\npolicies:\n  web: {failover: [s1, s0]}\n",
			sites[0].addr.Port(), sites[0].ip(), sites[1].ip()),
	}))
	udp, tcp := dial(t, "udp", s.addr()), dial(t, "tcp", s.addr())
	want := map[string]float64{}
	for _, q := range []struct {
		times  int
		a      *asker
		name   string
		qtype  uint16
		series string
	}{
		{7, udp, "www.example.com", dns.TypeA, `geodns_queries_total{rcode="NOERROR",type="A",zone="example.com."}`},
		{3, tcp, "www.example.com", dns.TypeA, `geodns_queries_total{rcode="NOERROR",type="A",zone="example.com."}`},
		{5, udp, "plain.example.net", dns.TypeAAAA, `geodns_queries_total{rcode="NOERROR",type="AAAA",zone="example.net."}`},
		{4, tcp, "nowhere.example.net", dns.TypeMX, `geodns_queries_total{rcode="NXDOMAIN",type="MX",zone="example.net."}`},
		{6, udp, "www.example.org", dns.TypeA, `geodns_queries_total{rcode="REFUSED",type="A",zone=""}`},
		{2, udp, "plain.example.com", 4711, `geodns_queries_total{rcode="NOERROR",type="other",zone="example.com."}`},
		{2, udp, "plain.example.com", 65400, `geodns_queries_total{rcode="NOERROR",type="other",zone="example.com."}`},
	} {
		for range q.times {
			q.a.must(t, query(q.name, q.qtype, netip.Prefix{}))
		}
		want[q.series] += float64(q.times)
		want[`geodns_queries_transport_total{proto="`+q.a.conn.LocalAddr().Network()+`"}`] += float64(q.times)
	}
	want[`geodns_answers_total{policy="web",site="s0"}`] = 10
	want[`geodns_answers_total{policy="web",site="s1"}`] = 0
	silent, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range 8 {
		fmt.Fprint(silent, "short")
	}
	want["geodns_queries_dropped_total"] = 8
	want[`geodns_site_up{site="s0"}`], want[`geodns_site_up{site="s1"}`] = 1, 0
	want[fmt.Sprintf(`geodns_address_up{address="%v",site="s1"}`, sites[1].ip())] = 0
	want["geodns_config_ok"] = 1
	eventually(t, notice, "the last packets are counted", func() bool { return s.metric("geodns_queries_dropped_total") == 8 })
	page := s.get("/metrics")
	for series, n := range want {
		if got := s.metric(series); got != n || n == 0 && !strings.Contains(page, series) {
			t.Errorf("%s = %v, want %v", series, got, n)
		}
	}
	for site, m := range map[*site]string{sites[0]: "s0", sites[1]: "s1"} {
		result := "pass"
		if m == "s1" {
			result = "fail"
		}
		before := site.hits.Load()
		got := int64(s.metric(fmt.Sprintf(`geodns_checks_total{check="web",result="%s",site="%s"}`, result, m)))
		if after := site.hits.Load(); got < before-1 || got > after {
			t.Errorf("%s: %d probes counted; the site saw %d to %d", m, got, before, after)
		}
	}
	promtool(t, page)
}

// promtool lets Prometheus judge the page, if it is installed.
func promtool(t *testing.T, page string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Log("promtool is not installed: its judgment is left out")
		return
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestTheNetworkAddsNoSeries sends many names, types, classes, opcodes and
// options, and expects the same series after as before.
func TestTheNetworkAddsNoSeries(t *testing.T) {
	t.Parallel()
	s := start(t, folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")}))
	a := dial(t, "udp", s.addr())
	a.timeout = 50 * time.Millisecond // some get silence
	burst := func(mark string) {
		for i := range uint16(600) {
			m := query(fmt.Sprintf("%s%d.example.%s", mark, i, []string{"com", "org", mark}[i%3]), i*109, netip.MustParsePrefix("198.51.100.0/24"))
			m.Question[0].Qclass = []uint16{1, 1, 3, 4, i}[i%5]
			if i%11 == 0 {
				m.Opcode = int(i % 16)
			}
			_, _ = a.do(m)
		}
	}
	burst("first")
	before := seriesOf(s.get("/metrics"))
	burst("secondlabel")
	page := s.get("/metrics")
	if after := seriesOf(page); !bytes.Equal([]byte(before), []byte(after)) {
		t.Errorf("series before:\n%s\nafter:\n%s", before, after)
	}
	if strings.Contains(page, "secondlabel") || strings.Contains(page, "198.51.100") {
		t.Error("the metrics hold what somebody sent")
	}
	if log := s.log.String(); strings.Contains(log, "secondlabel") {
		t.Errorf("the log holds what somebody sent:\n%s", tail(log, 20))
	}
}

var valueAtEnd = regexp.MustCompile(`(?m) \S+$`)

// seriesOf returns the names and labels of a page without the values.
func seriesOf(page string) string {
	var b strings.Builder
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "geodns_") {
			b.WriteString(valueAtEnd.ReplaceAllString(line, ""))
		}
	}
	return b.String()
}
