package probe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// persistent returns a handler that answers each request on a connection.
func persistent(response string) func(net.Conn) {
	return func(c net.Conn) {
		for br := bufio.NewReader(c); ; {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			if _, err := io.WriteString(c, response); err != nil {
				return
			}
		}
	}
}

func TestConnectionsAreNotKeptUnlessAskedTo(t *testing.T) {
	s := serve(t, loop4, persistent(ok200))
	p := newHTTP(t, HTTPConfig{Port: s.port})
	for range 3 {
		wantResult(t, "probe", probeWithin(t, p, loop4, 5*time.Second), "pass")
	}
	if got := s.connections(); got != 3 {
		t.Errorf("got %d connections, want 3", got)
	}
}

func TestKeepAliveUsesOneConnectionForEachAddress(t *testing.T) {
	ca := newAuthority()
	for name, c := range map[string]struct {
		server *server
		config HTTPConfig
	}{
		"http":  {serve(t, loop4, persistent(ok200)), HTTPConfig{}},
		"https": {serveTLS(t, loop4, ca.server("www.example.com"), persistent(ok200)), HTTPConfig{Scheme: "https", Host: "www.example.com", TLS: TLSConfig{RootCAs: ca.pool()}}},
	} {
		c.config.Port, c.config.KeepAlive = c.server.port, true
		p := newHTTP(t, c.config)
		for range 5 {
			wantResult(t, name, probeWithin(t, p, loop4, 5*time.Second), "pass")
		}
		if got := c.server.connections(); got != 1 {
			t.Errorf("%s: got %d connections, want 1", name, got)
		}
		c.server.closeAll() // as a server does after its own idle time
		wantResult(t, name+" after the server closed", probeWithin(t, p, loop4, 5*time.Second), "pass")
		if got := c.server.connections(); got != 2 {
			t.Errorf("%s: got %d connections after a close, want 2", name, got)
		}
	}
}

func TestKeepAliveGivesUpConnectionsThatAreNotFitForIt(t *testing.T) {
	for name, response := range map[string]string{
		"closing":           "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"more than a reply": ok200 + "HTTP/1.1 500 Not Asked For\r\n\r\n",
		"body not read":     "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000),
	} {
		s := serve(t, loop4, persistent(response))
		p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: true})
		for range 2 {
			wantResult(t, name, probeWithin(t, p, loop4, 5*time.Second), "pass")
		}
		if got := s.connections(); got != 2 {
			t.Errorf("%s: got %d connections, want 2", name, got)
		}
	}
}

// TestHalfAnAnswerOnAKeptConnectionIsAFailure: only a connection that was
// closed before the request reached the server is tried again.
func TestHalfAnAnswerOnAKeptConnectionIsAFailure(t *testing.T) {
	s := serve(t, loop4, func(c net.Conn) {
		br := bufio.NewReader(c)
		for _, response := range []string{ok200, "HTTP/1.1 200 OK\r\nServer: x\r\n"} {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			io.WriteString(c, response)
		}
	})
	p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: true})
	wantResult(t, "first", probeWithin(t, p, loop4, 5*time.Second), "pass")
	wantResult(t, "second", probeWithin(t, p, loop4, 5*time.Second), "fail: connection closed while waiting for headers")
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// TestDeadServerIsNotHiddenByAKeptConnection: once the server is gone the
// next probe says so.
func TestDeadServerIsNotHiddenByAKeptConnection(t *testing.T) {
	hang := make(chan bool)
	s := serve(t, loop4, func(c net.Conn) {
		br := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			select {
			case <-hang:
				io.Copy(io.Discard, c)
				return
			default:
				io.WriteString(c, ok200)
			}
		}
	})
	p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: true})
	wantResult(t, "alive", probeWithin(t, p, loop4, 5*time.Second), "pass")
	close(hang)
	wantResult(t, "dead", probeWithin(t, p, loop4, 100*time.Millisecond), "fail: timeout after 100ms while waiting for headers")
}

func TestCloseEndsKeptConnections(t *testing.T) {
	ended := make(chan bool, 2)
	s := serve(t, loop4, func(c net.Conn) {
		persistent(ok200)(c)
		ended <- true
	})
	p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: true})
	for _, when := range []string{"before Close", "after Close"} {
		wantResult(t, when, probeWithin(t, p, loop4, 5*time.Second), "pass")
		p.Close()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Fatalf("the connection made %s is still open", when)
		}
	}
}

func TestIdleConnectionsAreGivenUpInTheEnd(t *testing.T) {
	s := serve(t, loop4, persistent(ok200))
	p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: true})
	probeWithin(t, p, loop4, 5*time.Second)
	var e endpoint
	for e = range p.idle.conns {
	}
	later := time.Now().Add(idleFor + time.Second)
	if c := p.idle.take(e, later); c != nil || len(p.idle.conns) != 0 {
		t.Errorf("an old connection was used again")
	}

	probeWithin(t, p, loop4, 5*time.Second)
	p.idle.mu.Lock()
	p.idle.sweep(later)
	left := len(p.idle.conns)
	p.idle.mu.Unlock()
	if left != 0 {
		t.Errorf("%d connections are left of targets that nobody probes", left)
	}
}

func TestOneProberServesManyProbesAtOnce(t *testing.T) {
	const probes, each = 20, 25
	s := serve(t, loop4, persistent(ok200))
	for _, keep := range []bool{false, true} {
		p := newHTTP(t, HTTPConfig{Port: s.port, KeepAlive: keep, Body: "ok"})
		var wg sync.WaitGroup
		for range probes {
			wg.Go(func() {
				for range each {
					wantResult(t, "probe", probeWithin(t, p, loop4, 10*time.Second), "pass")
				}
			})
		}
		wg.Wait()
		if n := len(p.idle.conns); n > 1 {
			t.Errorf("%d idle connections to one address", n)
		}
	}
}
