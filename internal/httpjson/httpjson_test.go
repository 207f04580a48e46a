package httpjson

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRepliesOverASocket asks a server at a Unix socket, and reads what it says.
func TestRepliesOverASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	if err := os.WriteFile(path, []byte("left behind"), 0o644); err != nil {
		t.Fatal(err)
	}
	ln, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) {
		Write(w, http.StatusOK, map[string]string{"text": "a < b"})
	})
	mux.HandleFunc("/wrong", func(w http.ResponseWriter, _ *http.Request) { Fail(w, http.StatusNotFound, "no such site") })
	mux.HandleFunc("/findings", func(w http.ResponseWriter, _ *http.Request) {
		Write(w, http.StatusUnprocessableEntity, Error{"mistakes", []string{"f:1:1: one"}})
	})
	srv := NewServer(mux, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go srv.Serve(ln)
	defer srv.Close()

	client := &http.Client{Transport: Unix(path)}
	for _, c := range []struct {
		path, body, refused string
		most                int64
		findings            []string
	}{
		{"/good", "{\n  \"text\": \"a < b\"\n}\n", "", 100, nil},
		{"/good", "{\n", "", 2, nil},
		{"/wrong", "", "no such site", 100, nil},
		{"/findings", "", "mistakes", 100, []string{"f:1:1: one"}},
		{"/nowhere", "", "the server answered 404 Not Found", 100, nil},
	} {
		resp, err := client.Get("http://localhost" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := Read(resp, c.most)
		var refused *RefusedError
		errors.As(err, &refused)
		switch {
		case string(body) != c.body:
			t.Errorf("%s: got %q, want %q", c.path, body, c.body)
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.path, err)
		case c.refused != "" && (refused == nil || refused.Text != c.refused || !slices.Equal(refused.Findings, c.findings)):
			t.Errorf("%s: got %v, want %q %v", c.path, err, c.refused, c.findings)
		}
	}
}

func TestPathThatIsTooLong(t *testing.T) {
	if _, err := ListenUnix("/" + strings.Repeat("x", maxSocketPath)); err == nil || !strings.Contains(err.Error(), "the kernel takes 107") {
		t.Error(err)
	}
}
