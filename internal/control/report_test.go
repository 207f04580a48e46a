package control

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestReportsAreReadStrictly(t *testing.T) {
	const operator, site = "0123456789abcdef0123", "site-token-0123456789"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(operator), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(Config{Addr: "127.0.0.1:0", TokenFile: file, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	var got []ReportRequest
	go func() {
		done <- s.Run(ctx, Routes{Report: func(_ context.Context, r ReportRequest) error {
			if !r.Trusted && r.Token != site {
				return ErrNotAllowed
			}
			got = append(got, r)
			return nil
		}})
	}()
	t.Cleanup(func() { cancel(); <-done })
	const kind, good = "application/json", `{"site": "fra", "state": "up"}`
	for _, c := range []struct {
		what, kind, token, body string
		want                    int
	}{
		{"by the token of the check", kind, "Bearer " + site, `{"site": "fra", "address": "192.0.2.1", "state": "down", "load": 3, "reason": "full"}`, http.StatusNoContent},
		{"by an operator", kind, "Bearer " + operator, good, http.StatusNoContent},
		{"by nobody", kind, "", good, http.StatusUnauthorized},
		{"by another token", kind, "Bearer x", good, http.StatusUnauthorized},
		{"as a form", "text/plain", "Bearer " + site, good, http.StatusBadRequest},
		{"an unknown key", kind, "Bearer " + site, `{"site": "fra", "state": "up", "stat": 1}`, http.StatusBadRequest},
		{"no site", kind, "Bearer " + site, `{"state": "up"}`, http.StatusBadRequest},
		{"another state", kind, "Bearer " + site, `{"site": "fra", "state": "well"}`, http.StatusBadRequest},
		{"a negative load", kind, "Bearer " + site, `{"site": "fra", "state": "up", "load": -1}`, http.StatusBadRequest},
		{"no address", kind, "Bearer " + site, `{"site": "fra", "state": "up", "address": "here"}`, http.StatusBadRequest},
		{"two lines", kind, "Bearer " + site, `{"site": "fra", "state": "up", "reason": "a\nb"}`, http.StatusBadRequest},
		{"something behind", kind, "Bearer " + site, good + good, http.StatusBadRequest},
	} {
		before := len(got)
		code, text := post(t, "http://"+s.Addr()+"/api/v1/checks/told/report", c.kind, c.token, c.body)
		if code != c.want || (len(got) > before) != (c.want == http.StatusNoContent) {
			t.Errorf("%s: %d %s, want %d; taken: %v", c.what, code, text, c.want, len(got) > before)
		}
	}
	if r := got[0]; r.Check != "told" || r.Site != "fra" || r.Address.String() != "192.0.2.1" || r.State != "down" || *r.Load != 3 || r.Reason != "full" || r.Trusted {
		t.Errorf("the report was read as %+v", r)
	}
}
