package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// changer runs a server that notes the changes asked of it.
func changer(t *testing.T, cfg Config) (s *Server, got *[]ChangeRequest) {
	t.Helper()
	cfg.Socket, cfg.Log = filepath.Join(t.TempDir(), "control.sock"), slog.New(slog.DiscardHandler)
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	got = new([]ChangeRequest)
	go func() {
		done <- s.Run(ctx, Routes{Change: func(r ChangeRequest) (any, error) {
			if r.Site == "nowhere" {
				return nil, &Refusal{http.StatusNotFound, "no site"}
			}
			*got = append(*got, r)
			return r, nil
		}, Load: func(site string, load float64) error {
			*got = append(*got, ChangeRequest{Action: "load", Site: site, ChangeBody: ChangeBody{Reason: fmt.Sprint(load)}})
			return nil
		}})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s, got
}

// post sends a body and returns the status and the error told.
func post(t *testing.T, url, kind, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var e httpjson.Error
	_ = json.NewDecoder(resp.Body).Decode(&e)
	return resp.StatusCode, e.Error
}

func TestBodiesAreReadStrictly(t *testing.T) {
	s, got := changer(t, Config{Addr: "127.0.0.1:0"})
	const json = "application/json"
	for _, c := range []struct {
		path, kind, body string
		code             int
		text             string
	}{
		{"fra/drain", json, `{"for": "2h", "over": "10m", "reason": "x"}`, 200, ""},
		{"fra/drain", "", "", 200, ""},
		{"fra/drain", json + "; charset=utf-8", "{}", 200, ""},
		{"a%20b/undrain", json, `{"over": "0s"}`, 200, ""},
		{"fra/force", json, `{"state": "down", "address": "192.0.2.1"}`, 200, ""},
		{"nowhere/drain", json, "{}", 404, "no site"},
		{"fra/drain", json, `{"state": "down"}`, 400, `unknown key "state": one of for, over, reason`},
		{"fra/drain", json, `{"for": 7}`, 400, `7 is no time: such as "10m"`},
		{"fra/drain", json, `{"for": "soon"}`, 400, `"soon" is no time`},
		{"fra/drain", json, `{"reason": 7}`, 400, "reason is number: it has the wrong form"},
		{"fra/drain", json, `[]`, 400, "the body is no JSON object"},
		{"fra/drain", json, `{} {}`, 400, "the body is no JSON object"},
		{"fra/drain", json, `{"reason": "` + strings.Repeat("x", maxBody) + `"}`, 400, "body: http: request body too large"},
		{"fra/drain", "text/plain", "{}", 415, "Content-Type: application/json"},
		{"fra/drain", "application/x-www-form-urlencoded", "", 415, "JSON"},
		{"fra/drain", "", "{}", 415, "JSON"},
		{"fra/load", json, `{"load": 12.5}`, 200, ""},
		{"fra/load", json, `{}`, 400, "load is missing or negative"},
		{"fra/load", json, `{"load": -1}`, 400, "load is missing or negative"},
		{"fra/load", json, `{"load": "many"}`, 400, "load is string"},
		{"fra/load", json, `{"lod": 1}`, 400, `unknown key "lod"`},
		{"fra/explode", json, "{}", 404, ""},
	} {
		*got = nil
		code, text := post(t, "http://"+s.Addr()+"/api/v1/sites/"+c.path, c.kind, "", c.body)
		if code != c.code || !strings.Contains(text, c.text) || (code == 200) != (len(*got) == 1) {
			t.Errorf("%s %.60s: got %d %q and %d changes, want %d %q", c.path, c.body, code, text, len(*got), c.code, c.text)
		}
	}
	resp, err := http.Get("http://" + s.Addr() + "/api/v1/sites/fra/drain")
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v %v", resp.StatusCode, err)
	}
	resp.Body.Close()
}

func TestWhoMayChange(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listen, file, auth string
		code               int
		who                string
	}{
		{"127.0.0.1:0", "", "", 200, "127.0.0.1"},
		{"127.0.0.1:0", "", "Bearer anything", 200, "127.0.0.1"},
		{"0.0.0.0:0", "", "", 403, ""},
		{"127.0.0.1:0", token, "", 401, ""},
		{"127.0.0.1:0", token, "Bearer 0123456789abcde", 401, ""},
		{"127.0.0.1:0", token, "Bearer", 401, ""},
		{"127.0.0.1:0", token, "Basic 0123456789abcdef", 401, ""},
		{"127.0.0.1:0", token, "bearer 0123456789abcdef", 200, "token from 127.0.0.1"},
		{"0.0.0.0:0", token, "Bearer 0123456789abcdef", 200, "token from 127.0.0.1"},
	} {
		s, got := changer(t, Config{Addr: c.listen, TokenFile: c.file})
		_, port, _ := strings.Cut(strings.TrimPrefix(s.Addr(), "[::]"), ":")
		code, _ := post(t, "http://127.0.0.1:"+port+"/api/v1/sites/fra/drain", "application/json", c.auth, `{}`)
		if code != c.code {
			t.Errorf("%+v: got %d", c, code)
		}
		if len(*got) == 1 && (*got)[0].Who != c.who || (len(*got) == 1) != (c.code == 200) {
			t.Errorf("%+v: changes %+v", c, *got)
		}
	}
}

func TestTheUnixSocketTellsTheUser(t *testing.T) {
	s, got := changer(t, Config{})
	over := Duration(time.Minute)
	hour := Duration(time.Hour)
	_, err := (&Client{Server: "unix:" + s.cfg.Socket}).Change(t.Context(), "drain", "a/b c", ChangeBody{Over: &over, For: &hour})
	if err != nil || len(*got) != 1 {
		t.Fatalf("%v, %+v", err, *got)
	}
	r := (*got)[0]
	if r.Who != userName(uint32(os.Getuid())) || r.Site != "a/b c" || *r.Over != over || *r.For != hour {
		t.Errorf("got %+v", r)
	}
	_, err = (&Client{Server: "unix:" + s.cfg.Socket}).Change(t.Context(), "drain", "nowhere", ChangeBody{})
	if err == nil || err.Error() != "no site" {
		t.Errorf("nowhere: %v", err)
	}
	if got := userName(4000000000); got != "uid 4000000000" {
		t.Errorf("unknown user: %q", got)
	}
}

func TestTheTokenIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Listen(Config{Addr: "127.0.0.1:0", TokenFile: file}); err == nil || !strings.Contains(err.Error(), "admin_token_file: ") {
		t.Errorf("no file: %v", err)
	}
	write("short")
	if _, err := Listen(Config{Addr: "127.0.0.1:0", TokenFile: file}); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("short: %v", err)
	}
	write("first-token-of-all")
	s, _ := changer(t, Config{Addr: "127.0.0.1:0", TokenFile: file})
	try := func(token string) int {
		code, _ := post(t, "http://"+s.Addr()+"/api/v1/sites/fra/drain", "application/json", "Bearer "+token, "{}")
		return code
	}
	write("second-token-of-all")
	if err := s.ReadToken(); err != nil || try("first-token-of-all") != 401 || try("second-token-of-all") != 200 {
		t.Errorf("after a change: %v", err)
	}
	write("")
	if err := s.ReadToken(); err == nil || try("second-token-of-all") != 200 || try("") != 401 {
		t.Errorf("an empty file opened the door: %v", err)
	}
}
