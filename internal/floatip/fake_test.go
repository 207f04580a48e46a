package floatip

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakeCloud is a DigitalOcean of one reserved IP: the API and the metadata
// service.
type fakeCloud struct {
	*httptest.Server

	mu     sync.Mutex
	holder int // droplet; 0: nobody
	locked bool
	steps  int // looks until an accepted claim has come true
	next   int // droplet to which it is moving
	fail   []func(http.ResponseWriter)
	log    []string // requests, in order
	token  string
}

const (
	fakeAddr  = "203.0.113.10"
	fakeToken = "secret-token"
)

func newFakeCloud(t *testing.T) *fakeCloud {
	f := &fakeCloud{token: fakeToken}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/reserved_ips/{ip}", f.get)
	mux.HandleFunc("POST /v2/reserved_ips/{ip}/actions", f.act)
	mux.HandleFunc("GET /metadata/v1/id", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "101") })
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// provider returns a client of the fake, on droplet 101.
func (f *fakeCloud) provider(t *testing.T) *DigitalOcean {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(fakeToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &DigitalOcean{Address: mustAddr(fakeAddr), TokenFile: path, APIURL: f.URL, MetadataURL: f.URL}
}

func (f *fakeCloud) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, " ")
}

func (f *fakeCloud) move(droplet int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holder = droplet
}

func (f *fakeCloud) held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.holder
}

// begin answers what every request gets first; false: it has been answered.
func (f *fakeCloud) begin(w http.ResponseWriter, r *http.Request, what string) bool {
	f.log = append(f.log, what)
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"id":"unauthorized","message":"Unable to authenticate you"}`)
		return false
	}
	if len(f.fail) > 0 {
		fail := f.fail[0]
		f.fail = f.fail[1:]
		fail(w)
		return false
	}
	return true
}

func (f *fakeCloud) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begin(w, r, "get") {
		return
	}
	if f.next != 0 {
		if f.steps--; f.steps <= 0 {
			f.holder, f.next, f.locked = f.next, 0, false
		}
	}
	ip := map[string]any{"ip": r.PathValue("ip"), "locked": f.locked, "droplet": nil}
	if f.holder != 0 {
		ip["droplet"] = map[string]any{"id": f.holder, "name": fmt.Sprintf("lb-%d", f.holder)}
	}
	json.NewEncoder(w).Encode(map[string]any{"reserved_ip": ip})
}

func (f *fakeCloud) act(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begin(w, r, "assign") {
		return
	}
	var body struct {
		Type    string `json:"type"`
		Droplet int    `json:"droplet_id"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Type != "assign" || body.Droplet == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if f.locked {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"id":"unprocessable_entity","message":"The floating IP already has a pending event."}`)
		return
	}
	f.next, f.locked = body.Droplet, true
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{"action": map[string]any{"id": 1, "status": "in-progress", "type": "assign_ip"}})
}
