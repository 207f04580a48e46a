package geodns

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// statusServer returns a server of so many sites, each with a file check, whose
// checker answers until the test ends. The second site is down.
func statusServer(t *testing.T, n int) *Server {
	t.Helper()
	var text strings.Builder
	text.WriteString("checks:\n  up: {file: {path: /nowhere}}\nsites:\n")
	for i := range n {
		fmt.Fprintf(&text, "  s%d: {addresses: [10.0.%d.%d], check: up}\n", i, i>>8, i&255)
	}
	dir := tree(t, map[string]string{
		"zones/example.com.zone": "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n",
		"zones/steering.yaml":    text.String(),
		"geodns.yaml":            "zones: zones\n",
	})
	s := &Server{Log: slog.New(slog.DiscardHandler), metrics: metrics.New(1, "v1"), keeper: &keeper{}}
	s.handler = newHandler(1, s.metrics.Counters)
	s.checker = newChecker(s.Log, s.metrics)
	cfg, list := config.Load(filepath.Join(dir, "geodns.yaml"), nil)
	loaded, more := Load(cfg)
	if loaded == nil {
		t.Fatal(list, more)
	}
	results := make([]health.Result, len(loaded.targets))
	for i := range results {
		results[i] = health.Result{Verdict: health.Pass}
	}
	results[1] = health.Result{Verdict: health.Fail, Err: "refused"}
	s.checker.configure(loaded.targets, loaded.targets, results, loaded.boardRules(), s.swap(loaded))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // as Run does, but without a probe
		defer close(ended)
		for {
			select {
			case f := <-s.checker.calls:
				f(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return s
}

// TestTheStatusIsOfWhatIsAskedFor reads it with different queries, with few
// sites and with many, of which it is written otherwise.
func TestTheStatusIsOfWhatIsAskedFor(t *testing.T) {
	for _, n := range []int{3, statusWide + statusStep + 1} {
		s := statusServer(t, n)
		for query, want := range map[string]struct{ sites, recents int }{
			"":                      {n, n},
			"recent=0":              {n, 0},
			"recent=1&site=s1":      {1, 1},
			"site=s0&site=s2":       {2, 2},
			"site=nobody":           {0, 0},
			"only=down":             {1, 1},
			"only=down&site=s2":     {0, 0},
			"recent=false&site=s0":  {1, 0},
			"something=else&site=s": {0, 0},
		} {
			var st Status
			text := statusText(t, s, query)
			if err := json.Unmarshal(text, &st); err != nil {
				t.Fatalf("%d sites, %s: %v in %s", n, query, err, text)
			}
			recents := 0
			for _, site := range st.Sites {
				recents += len(site.Addresses[0].Checks[0].RecentMS)
			}
			if len(st.Sites) != want.sites || recents != want.recents || st.Overrides == nil || len(st.Zones) != 1 {
				t.Errorf("%d sites, %q: %d sites, %d times, want %d and %d", n, query, len(st.Sites), recents, want.sites, want.recents)
			}
		}
		for _, query := range []string{"recent=maybe", "only=up", "only="} {
			q, _ := url.ParseQuery(query)
			if _, err := s.status(q); err == nil {
				t.Errorf("%q is taken", query)
			}
		}
	}
}

// TestTheStatusOfFewSitesIsWrittenAsUsual compares the pieces with the whole.
func TestTheStatusOfFewSitesIsWrittenAsUsual(t *testing.T) {
	s := statusServer(t, 3)
	got := statusText(t, s, "")
	var st Status
	if err := json.Unmarshal(got, &st); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(st, "", "  ")
	if err != nil || string(want)+"\n" != string(got) {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

func statusText(t *testing.T, s *Server, query string) []byte {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := s.status(q)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var b bytes.Buffer
	if err := reply.(statusReply).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
