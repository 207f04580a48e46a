package metrics

import (
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, _ := io.ReadAll(w.Result().Body)
	return string(b)
}

func wantLine(t *testing.T, text, line string) {
	t.Helper()
	if !strings.Contains("\n"+text, "\n"+line+"\n") {
		t.Errorf("no line %q", line)
	}
}

func wantNone(t *testing.T, text, part string) {
	t.Helper()
	if strings.Contains(text, part) {
		t.Errorf("there is a line with %q", part)
	}
}

func TestQueriesAreMergedOverWorkers(t *testing.T) {
	m := New(2, "v1")
	base := m.ZoneBase("example.com.")
	for worker := range 2 {
		m.Query(worker, base, 1, 0, false)
		m.Query(worker, base, 12345, 99, true)
	}
	m.Dropped(1)
	m.Inc(0, m.AnswerSlots("web", []string{"fra"})[0])
	text := scrape(t, m)
	wantLine(t, text, `geodns_queries_total{rcode="NOERROR",type="A",zone="example.com."} 2`)
	wantLine(t, text, `geodns_queries_total{rcode="other",type="other",zone="example.com."} 2`)
	wantLine(t, text, `geodns_queries_transport_total{proto="tcp"} 2`)
	wantLine(t, text, `geodns_queries_dropped_total 1`)
	wantLine(t, text, `geodns_answers_total{policy="web",site="fra"} 1`)
}

func TestSlotsAreStable(t *testing.T) {
	c := newCounters(1)
	first := c.ZoneBase("a.")
	for range 10000 {
		c.AnswerSlots("p", []string{strings.Repeat("s", int(c.next%7)+1)})
	}
	if again := c.ZoneBase("a."); again != first {
		t.Errorf("got slot %d, then %d", first, again)
	}
}

// TestGrowthLosesNothing adds zones while a worker counts.
func TestGrowthLosesNothing(t *testing.T) {
	m := New(1, "v1")
	base := m.ZoneBase("busy.")
	const n = 100_000
	var wg sync.WaitGroup
	wg.Go(func() {
		for range n {
			m.Query(0, base, 28, 3, false)
		}
	})
	for i := range 500 {
		m.ZoneBase(strings.Repeat("x", i+1))
		m.Sum(base)
	}
	wg.Wait()
	wantLine(t, scrape(t, m), `geodns_queries_total{rcode="NXDOMAIN",type="AAAA",zone="busy."} 100000`)
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := New(1, "v1")
	base := m.ZoneBase("a.")
	if n := testing.AllocsPerRun(1000, func() { m.Query(0, base, 1, 0, false) }); n != 0 {
		t.Errorf("%v allocations a query", n)
	}
}

func TestSeriesOfWhatIsGoneDisappear(t *testing.T) {
	m := New(1, "v1")
	key := func(site string) health.Key { return health.Key{Site: site, Check: "web"} }
	for _, site := range []string{"fra", "iad"} {
		m.ObserveCheck(key(site), health.Result{Verdict: health.Pass, Latency: 3 * time.Millisecond})
		m.SetHealth([]AddressHealth{{site, "192.0.2.1", true}})
	}
	m.ObserveCheck(key("fra"), health.Result{Verdict: health.Pass, Latency: 20 * time.Second, Warning: "certificate expires soon"})
	wantLine(t, scrape(t, m), `geodns_check_warnings{check="web",site="fra"} 1`)
	m.ObserveCheck(key("fra"), health.Result{})
	wantLine(t, scrape(t, m), `geodns_check_warnings{check="web",site="fra"} 0`)
	wantLine(t, scrape(t, m), `geodns_check_duration_seconds_count{check="web",site="fra"} 3`)
	m.Forget([]health.Key{key("fra")})
	m.ObserveCheck(key("iad"), health.Result{Verdict: health.Fail}) // under way while it was dropped
	m.SetHealth([]AddressHealth{{"fra", "192.0.2.1", false}})
	text := scrape(t, m)
	wantLine(t, text, `geodns_checks_total{check="web",result="pass",site="fra"} 2`)
	wantLine(t, text, `geodns_site_up{site="fra"} 0`)
	wantLine(t, text, `geodns_check_duration_seconds_bucket{check="web",site="fra",le="0.005"} 2`)
	wantNone(t, text, "iad")
}

func TestSitesAreUpWhileAnAddressIs(t *testing.T) {
	m := New(1, "v1")
	wantNone(t, scrape(t, m), "site_up")
	m.SetHealth([]AddressHealth{{"fra", "192.0.2.1", false}, {"fra", "2001:db8::1", true}, {"iad", "192.0.2.2", false}, {"iad", "192.0.2.2", false}})
	text := scrape(t, m)
	wantLine(t, text, `geodns_site_up{site="fra"} 1`)
	wantLine(t, text, `geodns_site_up{site="iad"} 0`)
	wantLine(t, text, `geodns_address_up{address="192.0.2.1",site="fra"} 0`)
}

// TestLabelsOfAnyBytes has names that would make a scrape fail.
func TestLabelsOfAnyBytes(t *testing.T) {
	m := New(1, "v1")
	m.Query(0, m.ZoneBase("\xff."), 1, 0, false)
	m.Inc(0, m.AnswerSlots("a\x00b", []string{"\xff"})[0])
	text := scrape(t, m)
	wantLine(t, text, "geodns_queries_total{rcode=\"NOERROR\",type=\"A\",zone=\"\uFFFD.\"} 1")
	wantLine(t, text, "geodns_answers_total{policy=\"a\uFFFDb\",site=\"\uFFFD\"} 1")
}

func TestLoad(t *testing.T) {
	m := New(1, "v1")
	m.SetLoad(true, time.Unix(1000, 0))
	m.SetLoad(false, time.Unix(2000, 0))
	text := scrape(t, m)
	wantLine(t, text, "geodns_config_ok 0")
	wantLine(t, text, "geodns_config_last_reload_success_timestamp_seconds 1000")
}

func TestNamesFollowTheConventions(t *testing.T) {
	m := New(1, "v1")
	m.ObserveCheck(health.Key{Site: "a", Check: "b"}, health.Result{})
	m.SetHealth([]AddressHealth{{"a", "192.0.2.1", true}})
	m.AddServer(func() []Sample {
		return []Sample{{"tcp_connections", "Open.", false, 1}, {"tcp_refused_total", "Refused.", true, 1}}
	})
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "geodns_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	m := New(1, "v1")
	base := m.ZoneBase("a.")
	for b.Loop() {
		m.Query(0, base, 1, 0, false)
	}
}
