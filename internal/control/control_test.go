package control

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// start runs a server on loopback and a Unix socket and returns both.
func start(t *testing.T, cfg Config) (*Server, string) {
	t.Helper()
	cfg.Addr, cfg.Socket = "127.0.0.1:0", filepath.Join(t.TempDir(), "control.sock")
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- s.Run(ctx, Routes{
			Status: func(url.Values) (any, error) { return map[string]int{"sites": 3}, nil },
			Explain: func(r ExplainRequest) (any, error) {
				if r.Name == "" {
					return nil, &BadRequest{"name is missing"}
				}
				return r, nil
			},
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metric 1\n") }),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, cfg.Socket
}

func TestClientReachesBothListeners(t *testing.T) {
	s, socket := start(t, Config{})
	for _, server := range []string{"http://" + s.Addr(), "unix:" + socket} {
		c := &Client{Server: server}
		got, err := c.Status(t.Context())
		if err != nil || !strings.Contains(string(got), `"sites": 3`) {
			t.Errorf("%s: status: got %s, %v", server, got, err)
		}
		if _, err := c.Explain(t.Context(), ExplainRequest{}); err == nil || err.Error() != "name is missing" {
			t.Errorf("%s: explain without a name: got %v", server, err)
		}
		got, err = c.Explain(t.Context(), ExplainRequest{Name: "a.b", Down: []string{"x", "y"}})
		if err != nil || !strings.Contains(string(got), `"y"`) {
			t.Errorf("%s: explain: got %s, %v", server, got, err)
		}
	}
}

func TestSocketIsForItsOwnerAlone(t *testing.T) {
	_, socket := start(t, Config{})
	fi, err := os.Stat(socket)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", fi.Mode(), err)
	}
}

func TestSocketOfAnEarlierRunIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	for range 2 {
		s, err := Listen(Config{Socket: path})
		if err != nil {
			t.Fatal(err)
		}
		s.listeners[0].(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
		s.Close()
	}
}

func TestForeignHostsAndOriginsAreRefused(t *testing.T) {
	s, _ := start(t, Config{Hosts: []string{"geodns.internal"}})
	_, port, _ := strings.Cut(s.Addr(), ":")
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{s.Addr(), "", 200},
		{"localhost:" + port, "", 200},
		{"geodns.internal:" + port, "", 200},
		{"GeoDNS.internal.", "", 200},
		{s.Addr(), "http://" + s.Addr(), 200},
		{"evil.example", "", 403},
		{"127.0.0.2:" + port, "", 403},
		{s.Addr(), "http://evil.example", 403},
		{s.Addr(), "null", 403},
	} {
		req, _ := http.NewRequest("GET", "http://"+s.Addr()+"/metrics", nil)
		req.Host = c.host
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("host %q origin %q: got %d, want %d", c.host, c.origin, resp.StatusCode, c.want)
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	s, _ := start(t, Config{})
	resp, err := http.Post("http://"+s.Addr()+"/api/v1/status", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %d, want 405", resp.StatusCode)
	}
}
