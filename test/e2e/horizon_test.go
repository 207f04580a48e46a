package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTTLCountsDownWhileAChangeComesNearer lets a site fail and recover under a
// TTL that is a range: with each probe that speaks against the state the TTL
// loses an interval, down to the least, and no answer that was true then lives
// longer than the least TTL, or an interval, after the change.
func TestTTLCountsDownWhileAChangeComesNearer(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	s := start(t, folder(t, files{
		"zones/example.com.zone": zoneText("www 60/2 STEER \"{failover: [fra, iad]}\"\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d}, interval: 1s, timeout: 1s, fall: 4, rise: 3}\nsites:\n  fra: {addresses: [%v], check: web}\n  iad: {addresses: [%v], check: web}\n",
			sites[0].addr.Port(), sites[0].ip(), sites[1].ip()),
	}))
	a := dial(t, "udp", s.addr())
	type answer struct {
		ttl  uint32
		site int
	}
	var seen []answer
	var first []time.Time // of each of seen
	look := func() answer {
		m := a.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))
		got := answer{m.Answer[0].Header().Ttl, slices.IndexFunc(sites, func(s *site) bool { return s.ip() == only(m) })}
		if len(seen) == 0 || seen[len(seen)-1] != got {
			seen, first = append(seen, got), append(first, time.Now())
		}
		return got
	}
	until := func(want answer) {
		t.Helper()
		eventually(t, 15*time.Second, fmt.Sprintf("%+v, after %+v", want, seen), func() bool { return look() == want })
	}
	until(answer{4, 0})
	sites[0].be(stopped)
	until(answer{3, 1}) // three successes would bring fra back
	sites[0].be(well)
	until(answer{4, 0})
	want := []answer{{4, 0}, {3, 0}, {2, 0}, {3, 1}, {2, 1}, {4, 0}}
	if !slices.Equal(seen, want) {
		t.Fatalf("answers were %v, want %v", seen, want)
	}
	// The last answer of each kind was given when the next kind came.
	for _, change := range []int{3, 5} {
		for i := range change {
			end := first[i+1].Add(time.Duration(seen[i].ttl) * time.Second)
			if over := end.Sub(first[change]); seen[i].site != seen[change].site && over > 2500*time.Millisecond {
				t.Errorf("an answer with %+v outlives the change by %v", seen[i], over)
			}
		}
	}
}
