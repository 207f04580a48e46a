package vipd_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestHTTPAndFloatingAddressOnTheMasterOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	// The scripts keep the address in a file: who wrote last has it.
	holder := filepath.Join(l.dir, "holder")
	observe, claim := filepath.Join(l.dir, "observe"), filepath.Join(l.dir, "claim")
	os.WriteFile(observe, []byte("#!/bin/sh\n[ \"$(cat "+holder+")\" = \"$1\" ]\n"), 0o755)
	os.WriteFile(claim, []byte("#!/bin/sh\necho $1 > "+holder+"\n"), 0o755)
	os.WriteFile(holder, []byte("nobody\n"), 0o644)
	config := func(name string, priority int) string {
		return "global_defs { http_listen 127.0.0.1:9650 }\n" + instance(priority, fmt.Sprintf(`floating_ip exec {
        address 203.0.113.10
        observe %s %s
        claim %s %s
        interval 0.2
    }`, observe, name, claim, name))
	}
	a, b := l.start("a", config("a", 150)), l.start("b", config("b", 100))
	l.settled(a, b)
	has := func(want string) func() bool {
		return func() bool { got, _ := os.ReadFile(holder); return strings.TrimSpace(string(got)) == want }
	}
	l.within(2*time.Second, "a has the floating address", has("a"))
	says := func(n *node, want string) func() bool {
		return func() bool {
			out, _ := n.vipd("why", "VI_1")
			return strings.Contains(out, "floating address 203.0.113.10: "+want)
		}
	}
	l.within(2*time.Second, "why on a tells of the claim", says(a, "claimed, accepted within"))
	l.within(2*time.Second, "why on a tells that it came", says(a, "is here"))
	os.WriteFile(holder, []byte("somebody\n"), 0o644)
	l.within(2*time.Second, "why on a tells of the loss", says(a, "lost, held by"))
	get := func(n, path string) string {
		out, _ := exec.Command("ip", "netns", "exec", l.prefix+n, "bash", "-c",
			"exec 3<>/dev/tcp/127.0.0.1/9650; printf 'GET "+path+" HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3").Output()
		return string(out)
	}
	for _, c := range []struct{ node, path, want string }{
		{"a", "/healthz?role=master", "200 OK"},
		{"b", "/healthz?role=master", "503 "},
		{"b", "/healthz", "200 OK"},
		{"a", "/metrics", `vipd_state{instance="VI_1",state="MASTER"} 1`},
		{"a", "/api/v1/status", `"state": "MASTER"`},
		{"a", "/api/v1/why", "404 "},
	} {
		if got := get(c.node, c.path); !strings.Contains(got, c.want) {
			t.Errorf("%s on %s: no %q in\n%s", c.path, c.node, c.want, got)
		}
	}
	a.signal(syscall.SIGTERM)
	l.within(2*time.Second, "b has the floating address", has("b"))
}

// The fake cloud of the adapter's tests is joined here to a whole daemon.
func TestDigitalOceanClaimsOnTheEdge(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	holder, log := 202, []string{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/reserved_ips/203.0.113.10", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, `{"reserved_ip": {"ip": "203.0.113.10", "droplet": {"id": %d}}}`, holder)
	})
	mux.HandleFunc("POST /v2/reserved_ips/203.0.113.10/actions", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, "assign "+r.Header.Get("Authorization"))
		holder = 101
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"action": {"id": 1, "status": "completed"}}`)
	})
	cloud := httptest.NewServer(mux)
	defer cloud.Close()
	l := newLab(t, "a")
	token := filepath.Join(l.dir, "token")
	os.WriteFile(token, []byte("t0ken"), 0o600)
	proxy := forward(t, l, "a", cloud.Listener.Addr().String())
	a := l.start("a", instance(150, fmt.Sprintf(`floating_ip digitalocean {
        address 203.0.113.10
        token_file %s
        droplet_id 101
        api_url http://%s
        interval 0.5
    }`, token, proxy)))
	l.within(3*time.Second, "claimed", func() bool { mu.Lock(); defer mu.Unlock(); return holder == 101 })
	mu.Lock()
	defer mu.Unlock()
	if len(log) != 1 || log[0] != "assign Bearer t0ken" {
		t.Errorf("requests %q", log)
	}
	if out, _ := a.vipd("why", "--json"); !strings.Contains(out, `"kind": "floating"`) {
		t.Errorf("why --json tells nothing of the claim:\n%s", out)
	}
}
