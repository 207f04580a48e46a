package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// servedBy asks for www as n clients, each in a /24 of its own, and returns
// the one address that each is answered.
func (s *server) servedBy(n int) []netip.Addr {
	s.t.Helper()
	a := dial(s.t, "udp", s.addr())
	out := make([]netip.Addr, n)
	for i := range out {
		m := a.must(s.t, query("www.example.com", dns.TypeA, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24)))
		out[i] = only(m)
		if o := subnetOf(m); o == nil || out[i] != out[0] && o.SourceScope < 24 {
			s.t.Fatalf("client %d: scope in %v", i, m)
		}
	}
	return out
}

// share is the part of the clients that an address has.
func share(of []netip.Addr, addr string) float64 {
	n := 0
	for _, a := range of {
		if a.String() == addr {
			n++
		}
	}
	return float64(n) / float64(len(of))
}

// post sends JSON to the admin listener.
func (s *server) post(path, body string) int {
	s.t.Helper()
	resp, err := http.Post("http://"+s.admin+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// tellsWhoHasThem compares what the simulation says of fra, which sends clients
// on, with what was answered: the part that stays, and that the rest goes to one
// site. The tree of the policy marks that site too.
func (s *server) tellsWhoHasThem(stays float64, to string) {
	s.t.Helper()
	var told struct {
		Sends []struct {
			Site  string
			Stays float64
			To    map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(s.get("/api/v1/simulate")), &told); err != nil {
		s.t.Fatal(err)
	}
	if n := told.Sends; len(n) != 1 || n[0].Site != "fra" || math.Abs(n[0].Stays-stays) > 0.015 || math.Abs(n[0].To[to]+n[0].Stays-1) > 0.001 {
		s.t.Errorf("the simulation says %+v; %.3f of the clients stayed at fra and all others went to %s", told.Sends, stays, to)
	}
	var tree struct {
		Policies []struct {
			Tree struct {
				Targets []struct {
					Name  string
					Taken bool
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(s.get("/api/v1/policies")), &tree); err != nil {
		s.t.Fatal(err)
	}
	for _, target := range tree.Policies[0].Tree.Targets {
		if target.Taken != (target.Name == "fra" || target.Name == to) {
			s.t.Errorf("the tree says taken %v of %s, and clients have fra and %s", target.Taken, target.Name, to)
		}
	}
}

// twoLooks is the time in which a load that is told now is surely seen: the first
// look at the loads may come before a check has brought it.
const twoLooks = 2*health.SpillInterval + 5*time.Second

// TestExcessMovesOn tells a load beyond the capacity, by the API and by the
// header of a check: only the excess moves, always the same clients.
func TestExcessMovesOn(t *testing.T) {
	t.Parallel()
	load := atomic.Int64{}
	load.Store(50)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Load", fmt.Sprint(load.Load()))
	}))
	t.Cleanup(web.Close)
	for _, way := range []string{"API", "header", "no room", "one is full"} {
		t.Run(way, func(t *testing.T) {
			check, checks, spare := "", "", ""
			load.Store(50)
			if way == "header" {
				check = ", check: web"
				checks = fmt.Sprintf("checks:\n  web: {http: {port: %s, load: {header: X-Load}}, interval: 100ms, fall: 50, target: 127.0.0.1}\n", web.URL[strings.LastIndex(web.URL, ":")+1:])
			}
			if way == "no room" || way == "one is full" {
				spare = ", capacity: 100"
			}
			next, third := "127.2.0.2", "}\npolicies:\n  web: {failover: [fra, iad]}\n"
			if way == "one is full" {
				next, third = "127.2.0.3", "}\n  sgp: {addresses: [127.2.0.3]}\npolicies:\n  web: {failover: [fra, iad, sgp]}\n"
			}
			dir := folder(t, files{
				"zones/example.com.zone": zoneText("www 5 STEER web\n"),
				"zones/steering.yaml":    checks + "sites:\n  fra: {addresses: [127.2.0.1], capacity: 100" + check + "}\n  iad: {addresses: [127.2.0.2]" + spare + third,
			})
			s := start(t, dir)
			const clients = 3000
			if part := share(s.servedBy(clients), "127.2.0.1"); part != 1 {
				t.Fatalf("before any report fra has %v", part)
			}
			report := func(n int64) {
				load.Store(n)
				if way != "header" && s.post("/api/v1/sites/fra/load", fmt.Sprintf(`{"load": %d}`, n)) >= 300 {
					t.Error("the report was not taken")
				}
			}
			if way == "no room" {
				s.post("/api/v1/sites/iad/load", `{"load": 95}`)
				report(105)
				s.awaitLog(0, regexp.MustCompile(`site=fra .*to="over capacity" reason="no other site has room`), twoLooks)
				if part := share(s.servedBy(clients), "127.2.0.1"); part != 1 {
					t.Errorf("fra has %v, and iad no room", part)
				}
				return
			}
			if way == "one is full" {
				s.post("/api/v1/sites/iad/load", `{"load": 95}`)
			}
			report(105)
			eventually(t, twoLooks, "some clients move", func() bool { return s.metric(`geodns_site_share{site="fra"}`) < 1 })
			first := s.servedBy(clients)
			if part := share(first, "127.2.0.1"); part < 0.93 || part > 0.97 { // of 105 the site can take 100
				t.Errorf("fra keeps %.3f of its clients, and is 5 %% over", part)
			}
			if share(first, "127.2.0.1")+share(first, next) != 1 {
				t.Error("some clients have neither")
			}
			for i, a := range s.servedBy(clients) {
				if a != first[i] {
					t.Fatalf("client %d moved without a cause", i)
				}
			}
			s.tellsWhoHasThem(share(first, "127.2.0.1"), map[string]string{"127.2.0.2": "iad", "127.2.0.3": "sgp"}[next])
			if s.metric(`geodns_site_capacity{site="fra"}`) != 100 || s.metric(`geodns_site_load{site="fra"}`) != 105 {
				t.Error("capacity and load are not in the metrics")
			}
			// kill -9, and the same clients are where they were.
			time.Sleep(1200 * time.Millisecond)
			load.Store(90)
			s.cmd.Process.Kill()
			<-s.ended
			s = start(t, dir)
			for i, a := range s.servedBy(clients) {
				if a != first[i] {
					t.Fatalf("client %d moved over a restart: %v, then %v", i, first[i], a)
				}
			}
		})
	}
}
