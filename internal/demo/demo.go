// Package demo owns the web sites of the embedded example: one small HTTP
// server for each address, which can be taken down and brought up again, and
// the control listener by which a second terminal does so.
//
// It knows nothing of DNS or checks. The entry point is [Start].
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Site is one web site of the example.
type Site struct {
	Name string // as in steering.yaml
	City string // whom it plays
	Addr netip.AddrPort
}

// Sites is a set of running sites. Its methods are safe for concurrent use.
type Sites struct {
	control net.Listener

	mu    sync.Mutex
	sites []Site
	up    map[string]*http.Server // nil while down
}

// Start brings all the sites up and listens for commands at control:
// POST /{site}/down and POST /{site}/up.
func Start(sites []Site, control netip.AddrPort) (*Sites, error) {
	s := &Sites{sites: sites, up: map[string]*http.Server{}}
	for _, site := range sites {
		if err := s.Up(site.Name); err != nil {
			s.Close()
			return nil, err
		}
	}
	ln, err := net.Listen("tcp", control.String())
	if err != nil {
		s.Close()
		return nil, err
	}
	s.control = ln
	srv := &http.Server{Handler: s.mux(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends when Close closes the listener
	return s, nil
}

// ErrUnknown says that there is no site of that name.
var ErrUnknown = errors.New("no such site")

func (s *Sites) find(name string) (Site, error) {
	i := slices.IndexFunc(s.sites, func(x Site) bool { return x.Name == name })
	if i < 0 {
		return Site{}, fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	return s.sites[i], nil
}

// Up starts the web server of a site, if it is not running.
func (s *Sites) Up(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	site, err := s.find(name)
	if err != nil || s.up[name] != nil {
		return err
	}
	ln, err := net.Listen("tcp", site.Addr.String())
	if err != nil {
		return fmt.Errorf("site %s: %w", name, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from %s (%s, %s).\n", site.City, site.Name, site.Addr.Addr())
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	s.up[name] = srv
	go func() { _ = srv.Serve(ln) }() // ends when Down or Close closes the server
	return nil
}

// Down kills the web server of a site: its listener and every connection.
func (s *Sites) Down(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err != nil {
		return err
	}
	return s.stop(name)
}

func (s *Sites) stop(name string) error {
	srv := s.up[name]
	if srv == nil {
		return nil
	}
	s.up[name] = nil
	return srv.Close()
}

// IsUp reports whether the web server of a site is running.
func (s *Sites) IsUp(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up[name] != nil
}

// Close stops all of it.
func (s *Sites) Close() {
	if s.control != nil {
		s.control.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, site := range s.sites {
		_ = s.stop(site.Name) // it is closed either way
	}
}

func (s *Sites) mux() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(verb string, act func(string) error) {
		mux.HandleFunc("POST /{site}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			switch err := act(r.PathValue("site")); {
			case errors.Is(err, ErrUnknown):
				http.Error(w, err.Error(), http.StatusNotFound)
			case err != nil:
				http.Error(w, err.Error(), http.StatusInternalServerError)
			default:
				fmt.Fprintf(w, "%s is %s\n", r.PathValue("site"), verb)
			}
		})
	}
	handle("down", s.Down)
	handle("up", s.Up)
	return mux
}

// Command asks the example that listens for commands at control to take a
// site "down" or "up".
func Command(ctx context.Context, control netip.AddrPort, site, verb string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://%s/%s/%s", control, site, verb)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no example is running at %s: %w", control, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("%q: %w", site, ErrUnknown)
	}
	return fmt.Errorf("the example answered %s", resp.Status)
}
