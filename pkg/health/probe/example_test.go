package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health/probe"
)

// A prober is made once for each check and used for all addresses.
func ExampleNewHTTP() {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "www.example.com" && r.URL.Path == "/healthz" {
			fmt.Fprintln(w, "ok")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer web.Close()
	at := netip.MustParseAddrPort(web.Listener.Addr().String())

	for _, host := range []string{"www.example.com", "old.example.com"} {
		p, err := probe.NewHTTP(probe.HTTPConfig{Port: at.Port(), Path: "/healthz", Host: host, Body: "ok"})
		if err != nil {
			fmt.Println(err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		r := p.Probe(ctx, at.Addr())
		cancel()
		fmt.Printf("%v %q\n", r.Verdict, r.Err)
	}
	// Output:
	// pass ""
	// fail "status 503, want 200-299"
}
