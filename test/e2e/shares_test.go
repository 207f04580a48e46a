package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// drawn counts the answers to n questions for name, asked by several clients.
func drawn(t *testing.T, s *server, name string, n int) map[netip.Addr]int {
	t.Helper()
	const clients = 8
	var mu sync.Mutex
	count := map[netip.Addr]int{}
	var wg sync.WaitGroup
	for range clients {
		a := dial(t, "udp", s.addr())
		wg.Go(func() {
			for range n / clients {
				m, err := a.ask(name, dns.TypeA)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				count[only(m)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return count
}

// TestWeightsOverTheWire draws 20,000 answers and holds the shares against the
// weights: with all sites up, with one down, and with all but weight 0 down.
func TestWeightsOverTheWire(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 5)
	weights := []int{5, 3, 1, 1, 0}
	var list, targets strings.Builder
	for i, site := range sites {
		fmt.Fprintf(&list, "  s%d: {addresses: [%v], check: web}\n", i, site.ip())
		fmt.Fprintf(&targets, "s%d: %d, ", i, weights[i])
	}
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d, path: /}, interval: 500ms, timeout: 500ms, fall: 2, rise: 2}\nsites:\n%spolicies:\n  web: {weighted: {%s}}\n",
			sites[0].addr.Port(), list.String(), strings.TrimSuffix(targets.String(), ", ")),
	}))
	const n = 20000
	judge := func(what string, weights ...int) {
		t.Helper()
		sum, expect := 0, map[netip.Addr]float64{}
		for _, w := range weights {
			sum += w
		}
		for i, w := range weights {
			if w > 0 {
				expect[sites[i].ip()] = float64(n) * float64(w) / float64(sum)
			}
		}
		chiSquare(t, what, drawn(t, s, "www.example.com", n), expect)
	}
	judge("all up", weights...)

	sites[0].be(stopped)
	eventually(t, notice, "s0 is down", func() bool { return s.metric(`geodns_site_up{site="s0"}`) == 0 })
	judge("the heaviest down", 0, 3, 1, 1, 0)

	for _, site := range sites[1:4] {
		site.be(stopped)
	}
	eventually(t, notice, "all but s4 are down", func() bool {
		return s.metric(`geodns_site_up{site="s1"}`)+s.metric(`geodns_site_up{site="s2"}`)+s.metric(`geodns_site_up{site="s3"}`) == 0
	})
	judge("weight 0 alone", 0, 0, 0, 0, 1)

	sites[4].be(stopped)
	eventually(t, notice, "all are down", func() bool { return s.metric(`geodns_site_up{site="s4"}`) == 0 })
	judge("all down, served as if all were up", weights...)
}

// chiSquare fails the test if counts this far from what is expected come about
// less than once in 10,000 runs of a right server.
func chiSquare(t *testing.T, what string, got map[netip.Addr]int, expect map[netip.Addr]float64) {
	t.Helper()
	// Upper points of the distribution at 0.0001, by degrees of freedom.
	limits := []float64{0, 15.14, 18.42, 21.11, 23.51}
	sum := 0.0
	for a, e := range expect {
		d := float64(got[a]) - e
		sum += d * d / e
	}
	for a, n := range got {
		if expect[a] == 0 {
			t.Errorf("%s: %v was answered %d times, never is right", what, a, n)
		}
	}
	if limit := limits[len(expect)-1]; sum > limit && len(expect) > 1 {
		t.Errorf("%s: chi-square %.1f, at most %.1f is right: got %v, want %v", what, sum, limit, got, expect)
	} else {
		t.Logf("%s: chi-square %.1f (limit %.1f)", what, sum, limit)
	}
}
