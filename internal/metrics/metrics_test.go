package metrics

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

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
	key := func(site string) *health.Key { return &health.Key{Site: site, Check: "web"} }
	n := m.SetChecks([]*health.Key{key("fra"), key("iad"), key("never")})
	for i, site := range []string{"fra", "iad"} {
		m.ObserveCheck(n[i], *key(site), health.Result{Verdict: health.Pass, Latency: 3 * time.Millisecond})
	}
	m.ObserveCheck(n[0], *key("fra"), health.Result{Verdict: health.Pass, Latency: 20 * time.Second, Warning: "certificate expires soon"})
	m.ObserveCheck(n[1], *key("iad"), health.Result{Verdict: health.Pass, Warning: "certificate expires soon"})
	text := scrape(t, m)
	wantLine(t, text, `geodns_check_warnings{check="web",site="fra"} 1`)
	wantNone(t, text, "never")
	m.ObserveCheck(n[0], *key("fra"), health.Result{})
	text = scrape(t, m)
	wantLine(t, text, `geodns_check_warnings{check="web",site="fra"} 0`)
	wantLine(t, text, `geodns_check_duration_seconds_count{check="web",site="fra"} 3`)
	n = m.SetChecks([]*health.Key{key("new"), key("fra")})
	m.ObserveCheck(n[0], *key("new"), health.Result{Verdict: health.Fail})
	text = scrape(t, m)
	wantLine(t, text, `geodns_checks_total{check="web",result="pass",site="fra"} 2`)
	wantLine(t, text, `geodns_checks_total{check="web",result="fail",site="new"} 1`)
	wantLine(t, text, `geodns_check_duration_seconds_bucket{check="web",site="fra",le="0.005"} 2`)
	wantLine(t, text, `geodns_check_duration_seconds_bucket{check="web",site="fra",le="+Inf"} 3`)
	wantLine(t, text, `geodns_check_duration_seconds_sum{check="web",site="fra"} 20.003`)
	wantNone(t, text, "iad")
}

// TestWarningsGoWithTheirAddress takes one of two addresses out that warned.
func TestWarningsGoWithTheirAddress(t *testing.T) {
	m := New(1, "v1")
	key := func(addr string) *health.Key {
		return &health.Key{Site: "fra", Addr: netip.MustParseAddr(addr), Check: "web"}
	}
	n := m.SetChecks([]*health.Key{key("192.0.2.1"), key("192.0.2.2")})
	if n[0] != n[1] {
		t.Errorf("series %d and %d for two addresses of one site", n[0], n[1])
	}
	for i, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		m.ObserveCheck(n[i], *key(addr), health.Result{Verdict: health.Pass, Warning: "soon"})
	}
	wantLine(t, scrape(t, m), `geodns_check_warnings{check="web",site="fra"} 2`)
	m.SetChecks([]*health.Key{key("192.0.2.2")})
	wantLine(t, scrape(t, m), `geodns_check_warnings{check="web",site="fra"} 1`)
}

func TestHealthIsAskedForAtAScrape(t *testing.T) {
	m := New(1, "v1")
	wantNone(t, scrape(t, m), "site_up")
	m.AddHealth(func() Health {
		return Health{
			Sites: []SiteHealth{
				{Site: "fra", Up: true, Share: 0.5, Capacity: math.Inf(1), Load: math.NaN()},
				{Site: "iad", Held: true, Kept: true, Capacity: 100, Load: 7},
			},
			Addresses: []AddressHealth{{"fra", netip.MustParseAddr("2001:db8::1"), true}, {"iad", netip.MustParseAddr("192.0.2.2"), false}},
			InForce:   []Override{{"web", "fra", "", "drained"}},
		}
	})
	text := scrape(t, m)
	for _, line := range []string{
		`geodns_site_up{site="fra"} 1`, `geodns_site_up{site="iad"} 0`,
		`geodns_address_up{address="2001:db8::1",site="fra"} 1`, `geodns_address_up{address="192.0.2.2",site="iad"} 0`,
		`geodns_site_share{site="fra"} 0.5`, `geodns_site_capacity{site="fra"} +Inf`, `geodns_site_load{site="fra"} NaN`,
		`geodns_site_capacity{site="iad"} 100`, `geodns_site_held{site="iad"} 1`, `geodns_site_kept{site="fra"} 0`,
		`geodns_override{address="",policy="web",site="fra",state="drained"} 1`,
	} {
		wantLine(t, text, line)
	}
}

// TestScrapeOfManyChecksIsLean holds the memory of a scrape: an object for each
// series would cost hundreds of megabytes where there are tens of thousands.
func TestScrapeOfManyChecksIsLean(t *testing.T) {
	m := New(1, "v1")
	keys := make([]*health.Key, 5000)
	for i := range keys {
		keys[i] = &health.Key{Site: fmt.Sprint("s", i), Check: "web"}
	}
	for i, n := range m.SetChecks(keys) {
		m.ObserveCheck(n, *keys[i], health.Result{Verdict: health.Pass, Latency: time.Millisecond})
	}
	r, w := httptest.NewRequest("GET", "/metrics", nil), discard{http.Header{}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m.Handler().ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / uint64(len(keys)); got > 400 {
		t.Errorf("%d octets for each check, want at most 400", got)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func TestScrapeIsPackedForThoseWhoAsk(t *testing.T) {
	m := New(1, "v1")
	for accept, packed := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "gzip; q=0": false, "br": false, "": false} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept-Encoding", accept)
		m.Handler().ServeHTTP(w, r)
		var body io.Reader = w.Body
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("%q: packed: %v", accept, got)
		} else if packed {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Errorf("%q: %v", accept, err)
		}
		wantLine(t, string(text), "geodns_queries_dropped_total 0")
		wantLine(t, string(text), "geodns_config_ok 0")
	}
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

// TestTextIsWellFormed has the library's own parser and its rules of good names
// look at a scrape that has everything.
func TestTextIsWellFormed(t *testing.T) {
	m := New(1, "v1")
	k := health.Key{Site: "a", Check: "b"}
	m.ObserveCheck(m.SetChecks([]*health.Key{&k})[0], k, health.Result{})
	m.Query(0, m.ZoneBase("a\"b\\."), 1, 0, false)
	m.AnswerSlots("a\nb", []string{"fra", "iad"})
	m.AddHealth(func() Health {
		return Health{[]SiteHealth{{Site: "a"}}, []AddressHealth{{Site: "a"}}, []Override{{Site: "a"}}}
	})
	m.AddServer(func() []Sample {
		return []Sample{{"tcp_connections", "Open.", false, 1}, {"tcp_refused_total", "Refused.", true, 1}}
	})
	text := scrape(t, m)
	wantLine(t, text, `geodns_queries_total{rcode="NOERROR",type="A",zone="a\"b\\."} 1`)
	wantLine(t, text, `geodns_answers_total{policy="a\nb",site="fra"} 0`)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "geodns_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if n := strings.Count(text, "\n# TYPE geodns_"); n < 24 {
		t.Errorf("only %d metrics", n)
	}
}

func BenchmarkQuery(b *testing.B) {
	m := New(1, "v1")
	base := m.ZoneBase("a.")
	for b.Loop() {
		m.Query(0, base, 1, 0, false)
	}
}
