package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manner is how a web site behaves.
type manner int32

const (
	well    manner = iota // answers 200 ok
	stopped               // nobody listens
	hanging               // accepts, reads, never answers
	broken                // answers 500
)

func (m manner) String() string { return [...]string{"well", "stopped", "hanging", "broken"}[m] }

// site is a web site on loopback that can be made to fail.
type site struct {
	t      testing.TB
	addr   netip.AddrPort
	manner atomic.Int32
	hits   atomic.Int64

	mu  sync.Mutex
	srv *http.Server // nil while stopped
}

// newSites starts n sites at 127.1.0.1 and up, all at one port.
func newSites(t testing.TB, n int) []*site {
	t.Helper()
	for range 20 {
		if sites, ok := tryN(t, n); ok {
			return sites
		}
	}
	t.Fatal("no port is free at all the addresses of the sites")
	return nil
}

func tryN(t testing.TB, n int) (sites []*site, ok bool) {
	port := uint16(0)
	for i := range n {
		s := &site{t: t, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, 0, byte(i + 1)}), port)}
		if s.listen() != nil {
			for _, s := range sites {
				s.stop()
			}
			return nil, false
		}
		port = s.addr.Port()
		sites = append(sites, s)
	}
	t.Cleanup(func() {
		for _, s := range sites {
			s.stop()
		}
	})
	return sites, true
}

// ip is the address of the site.
func (s *site) ip() netip.Addr { return s.addr.Addr() }

// be makes the site behave so from now on.
func (s *site) be(m manner) {
	s.t.Helper()
	s.manner.Store(int32(m))
	if m == stopped {
		s.stop()
		return
	}
	if err := s.listen(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		return nil
	}
	ln, err := net.Listen("tcp", s.addr.String())
	if err != nil {
		return err
	}
	s.addr = ln.Addr().(*net.TCPAddr).AddrPort()
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.srv.Serve(ln)
	return nil
}

// stop closes the listener and every connection, as a killed process does.
func (s *site) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		s.srv.Close()
		s.srv = nil
	}
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.hits.Add(1)
	switch manner(s.manner.Load()) {
	case hanging:
		<-r.Context().Done()
	case broken:
		http.Error(w, "broken", http.StatusInternalServerError)
	default:
		fmt.Fprintln(w, "ok")
	}
}
