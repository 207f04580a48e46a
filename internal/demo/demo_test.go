package demo

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func free(t *testing.T) netip.AddrPort {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	return netip.MustParseAddrPort(ln.Addr().String())
}

func TestSitesGoDownAndUp(t *testing.T) {
	site := Site{"fra", "Frankfurt", free(t)}
	control := free(t)
	s, err := Start([]Site{site}, control)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	get := func(path string) string {
		resp, err := http.Get("http://" + site.Addr.String() + path)
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	if got := get("/"); !strings.Contains(got, "Frankfurt") {
		t.Errorf("page: got %q", got)
	}
	for _, verb := range []string{"down", "down", "up", "up"} {
		if err := Command(t.Context(), control, "fra", verb); err != nil {
			t.Fatalf("%s: %v", verb, err)
		}
		up := verb == "up"
		if got := get("/healthz") == "ok\n"; got != up || s.IsUp("fra") != up {
			t.Errorf("after %s: answers %v, IsUp %v", verb, got, s.IsUp("fra"))
		}
	}
	if err := Command(t.Context(), control, "xyz", "down"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown site: got %v", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
