package probe

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// pages answers each path of one server; other paths get 404.
func pages(bodies map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		line, _, _ := strings.Cut(awaitRequest(c), "\r\n")
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return
		}
		response, ok := bodies[fields[1]]
		if !ok {
			response = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
		}
		io.WriteString(c, strings.ReplaceAll(response, "METHOD", fields[0]))
	}
}

func redirectTo(status int, location string) string {
	return fmt.Sprintf("HTTP/1.1 %d Redirect\r\nLocation: %s\r\n\r\nthis body is not read", status, location)
}

func TestRedirectsGoToTheProbedAddressOnly(t *testing.T) {
	const echo = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nMETHOD"
	for _, c := range []struct {
		name, location string // LISTEN stands for the port of the server
		host, method   string
		status         int
		want           string
	}{
		{"a path", "/ok", "", "GET", 302, "pass"},
		{"a relative path", "ok", "", "GET", 301, "pass"},
		{"the address", "http://127.0.0.1:LISTEN/ok", "", "GET", 307, "pass"},
		{"the address, probed by name", "http://127.0.0.1:LISTEN/ok", "www.example.com", "GET", 308, "pass"},
		{"the name in capitals", "http://WWW.example.com:LISTEN/ok", "www.example.com", "GET", 302, "pass"},
		{"a path, probed by a name without port", "/ok", "www.example.com", "GET", 302, "pass"},
		{"the same name without port", "http://www.example.com/ok", "www.example.com", "GET", 302, "pass"},
		{"the mapped address", "http://[::ffff:127.0.0.1]:LISTEN/ok", "", "GET", 302, "pass"},
		{"without scheme", "//127.0.0.1:LISTEN/ok", "", "GET", 302, "pass"},
		{"POST seen other", "/ok", "", "POST", 303, "pass"},
		{"POST moved", "/ok", "", "POST", 301, "pass"},
		{"POST kept", "/ok", "", "POST", 307, `fail: body lacks "GET"`},

		{"a loop", "/", "", "GET", 302, `fail: too many redirects (limit 3), the last to "/"`},
		{"a missing page", "/missing", "", "GET", 302, "fail: status 404, want 200-299"},
		{"another name", "http://login.example/x", "www.example.com", "GET", 302, `fail: redirected elsewhere: "http://login.example/x"`},
		{"another name, without host", "http://www.example.com/", "", "GET", 302, `fail: redirected elsewhere: "http://www.example.com/"`},
		{"another address", "http://127.0.0.2:LISTEN/ok", "", "GET", 302, `fail: redirected elsewhere: "http://127.0.0.2:LISTEN/ok"`},
		{"no host", "http:///ok", "", "GET", 302, `fail: redirected elsewhere: "http:///ok"`},
		{"another scheme", "ftp://127.0.0.1/ok", "", "GET", 302, `fail: redirected to "ftp://127.0.0.1/ok", which is not HTTP`},
		{"a port out of range", "http://127.0.0.1:65536/ok", "", "GET", 302, `fail: redirected elsewhere: "http://127.0.0.1:65536/ok"`},
		{"port 0", "http://127.0.0.1:0/ok", "", "GET", 302, `fail: redirected to "http://127.0.0.1:0/ok", which has no such port`},
		{"garbage", "http://[::1", "", "GET", 302, `fail: redirected to "http://[::1", which is no URL`},
		{"nowhere", "", "", "GET", 302, "fail: status 302, want 200-299"},
	} {
		t.Run(c.name, func(t *testing.T) {
			routes := map[string]string{"/ok": echo}
			s := serve(t, loop4, pages(routes))
			fill := strings.NewReplacer("LISTEN", portText(s)[1:])
			routes["/"] = redirectTo(c.status, fill.Replace(c.location))
			p := newHTTP(t, HTTPConfig{Port: s.port, Host: c.host, Method: c.method, Redirects: 3, Body: "GET"})
			r := probeWithin(t, p, loop4, 5*time.Second)
			wantResult(t, c.location, r, fill.Replace(c.want))
		})
	}
}

func TestRedirectChainIsFollowedUpToTheLimit(t *testing.T) {
	s := serve(t, loop4, pages(map[string]string{
		"/": redirectTo(302, "/1"), "/1": redirectTo(302, "/2"), "/2": ok200,
	}))
	for n, want := range []string{
		`fail: status 302 (to "/1"), want 200-299`,
		`fail: too many redirects (limit 1), the last to "/2"`,
		"pass",
		"pass",
	} {
		p := newHTTP(t, HTTPConfig{Port: s.port, Redirects: n})
		wantResult(t, fmt.Sprintf("redirects %d", n), probeWithin(t, p, loop4, 5*time.Second), want)
	}
}

func TestRedirectsShareOneTimeout(t *testing.T) {
	s := serve(t, loop4, func(c net.Conn) {
		awaitRequest(c)
		time.Sleep(80 * time.Millisecond)
		io.WriteString(c, redirectTo(302, "/"))
	})
	p := newHTTP(t, HTTPConfig{Port: s.port, Redirects: 5})
	r := probeWithin(t, p, loop4, 200*time.Millisecond)
	wantResult(t, "slow redirects", r, "fail: timeout after 200ms while waiting for headers")
	wantLatency(t, "slow redirects", r, 200*time.Millisecond)
}

func TestRedirectFromHTTPToHTTPSIsVerifiedAndNeverBack(t *testing.T) {
	ca := newAuthority()
	up := serveTLS(t, loop4, ca.server("www.example.com"), replies(ok200))
	plain := serve(t, loop4, replies(redirectTo(301, "https://www.example.com"+portText(up)+"/")))
	config := HTTPConfig{Port: plain.port, Host: "www.example.com", Redirects: 1}
	wantResult(t, "unknown authority", probeWithin(t, newHTTP(t, config), loop4, 5*time.Second), "fail: certificate signed by unknown authority")
	config.TLS.RootCAs = ca.pool()
	wantResult(t, "known authority", probeWithin(t, newHTTP(t, config), loop4, 5*time.Second), "pass")

	down := serveTLS(t, loop4, ca.server("www.example.com"), replies(redirectTo(301, "http://www.example.com/")))
	config.Scheme, config.Port = "https", down.port
	wantResult(t, "back", probeWithin(t, newHTTP(t, config), loop4, 5*time.Second), `fail: redirected from https to "http://www.example.com/"`)
}

// FuzzRedirected: wherever a server points, a probe goes to the address that
// it was given, and what it sends there is one request.
func FuzzRedirected(f *testing.F) {
	for _, seed := range []string{"/ok", "http://a.example/", "//203.0.113.10:81/x?y#z", "http://[::ffff:cb00:710a]/", "https://a.example:65536/", "/a b\r\nX: y", "http:x", "?q"} {
		f.Add(seed, 302)
	}
	addr := netip.MustParseAddr("203.0.113.10")
	from := target{scheme: "http", port: 8080, method: "POST", host: "a.example:8080", path: "/start?x=y"}
	f.Fuzz(func(t *testing.T, location string, status int) {
		to, err := from.redirected(addr, status, location)
		if err != nil {
			return
		}
		if name := strings.ToLower(hostName(to.host)); name != "a.example" && name != "203.0.113.10" && name != "::ffff:203.0.113.10" && name != "::ffff:cb00:710a" {
			if ip, err := netip.ParseAddr(name); err != nil || ip.Unmap() != addr {
				t.Errorf("%q: host %q", location, to.host)
			}
		}
		if to.port == 0 || to.scheme != "http" && to.scheme != "https" {
			t.Errorf("%q: %+v", location, to)
		}
		request := string(to.append(nil, "\r\n"))
		if n := strings.Count(request, "\r\n"); n != strings.Count(request, "\n") || n > 4 || strings.Count(request, " ") > 4 {
			t.Errorf("%q: request %q", location, request)
		}
	})
}
