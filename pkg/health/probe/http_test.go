package probe

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

const ok200 = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"

func TestResponseIsJudged(t *testing.T) {
	long := strings.Repeat("x", MaxBody)
	for _, c := range []struct {
		name, response string
		config         HTTPConfig
		want           string
	}{
		{"200", ok200, HTTPConfig{}, "pass"},
		{"204 without body", "HTTP/1.1 204 No Content\r\n\r\n", HTTPConfig{}, "pass"},
		{"HTTP/1.0 until close", "HTTP/1.0 200 OK\r\n\r\nok", HTTPConfig{Body: "ok"}, "pass"},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", HTTPConfig{Body: "ok"}, "pass"},
		{"interim responses first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok200, HTTPConfig{}, "pass"},
		{"101 when wanted", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", HTTPConfig{Status: []StatusRange{{101, 101}}}, "pass"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", HTTPConfig{Method: "HEAD"}, "pass"},

		{"503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", HTTPConfig{}, "fail: status 503, want 200-299"},
		{"not in any range", ok200, HTTPConfig{Status: []StatusRange{{204, 204}, {300, 399}}}, "fail: status 200, want 204 or 300-399"},
		{"in the second range", "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", HTTPConfig{Status: []StatusRange{{200, 299}, {301, 301}}}, "pass"},
		{"redirect not followed", "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n", HTTPConfig{}, `fail: status 302 (to "https://login.example/"), want 200-299`},

		{"body contains", ok200, HTTPConfig{Body: "k"}, "pass"},
		{"body lacks", ok200, HTTPConfig{Body: "ready"}, `fail: body lacks "ready"`},
		{"empty body lacks", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTPConfig{Body: "ok"}, `fail: body lacks "ok"`},
		{"body matches", ok200, HTTPConfig{BodyRegex: regexp.MustCompile(`(?m)^ok$`)}, "pass"},
		{"body does not match", ok200, HTTPConfig{BodyRegex: regexp.MustCompile(`^\d+$`)}, `fail: body does not match "^\\d+$"`},
		{"both wanted", ok200, HTTPConfig{Body: "ok", BodyRegex: regexp.MustCompile("no")}, `fail: body does not match "no"`},
		{"ends at 64 KiB", "HTTP/1.1 200 OK\r\n\r\n" + long[2:] + "ok", HTTPConfig{Body: "ok"}, "pass"},
		{"begins behind 64 KiB", "HTTP/1.1 200 OK\r\n\r\n" + long[1:] + "ok", HTTPConfig{Body: "ok"}, `fail: body lacks "ok" in its first 64 KiB`},

		{"closed at once", "", HTTPConfig{}, "fail: connection closed while waiting for headers"},
		{"closed in the status line", "HTTP/1.1 2", HTTPConfig{}, `fail: malformed HTTP status code "2"`},
		{"closed in the headers", "HTTP/1.1 200 OK\r\nServer: x\r\n", HTTPConfig{}, "fail: connection closed while waiting for headers"},
		{"closed in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", HTTPConfig{}, "fail: connection closed while reading the body"},
		{"closed in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", HTTPConfig{}, "fail: connection closed while reading the body"},
		{"another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", HTTPConfig{}, `fail: malformed HTTP response "SSH-2.0-OpenSSH_9.2p1"`},
		{"binary", "\x00\x01\x02\n", HTTPConfig{}, `fail: malformed HTTP response "\x00\x01\x02"`},
		{"a TLS alert", "\x15\x03\x01\x00\x02\x02\x16", HTTPConfig{}, "fail: the server speaks TLS, not plain HTTP"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", HTTPConfig{}, `fail: http: message cannot contain multiple Content-Length headers; got ["1" "2"]`},
	} {
		for _, addr := range []netip.Addr{loop4, loop6} {
			c.config.Port = serve(t, addr, replies(c.response)).port
			r := probeWithin(t, newHTTP(t, c.config), addr, 5*time.Second)
			wantResult(t, c.name+" on "+addr.String(), r, c.want)
		}
	}
}

func TestRequestIsAsConfigured(t *testing.T) {
	for _, c := range []struct {
		name   string
		config HTTPConfig
		want   string // PORT stands for the port
	}{
		{"default", HTTPConfig{}, "GET / HTTP/1.1\nHost: 127.0.0.1:PORT\nAccept: */*\nConnection: close\nUser-Agent: geodns-vipd-probe/1\n\n"},
		{"host as written", HTTPConfig{Host: "www.example.com", Path: "/healthz?full=1"}, "GET /healthz?full=1 HTTP/1.1\nHost: www.example.com\nAccept: */*\nConnection: close\nUser-Agent: geodns-vipd-probe/1\n\n"},
		{"host with port", HTTPConfig{Host: "www.example.com:8080", UserAgent: "me"}, "GET / HTTP/1.1\nHost: www.example.com:8080\nAccept: */*\nConnection: close\nUser-Agent: me\n\n"},
		{"bare IPv6 host", HTTPConfig{Host: "2001:db8::1", UserAgent: "me"}, "GET / HTTP/1.1\nHost: [2001:db8::1]\nAccept: */*\nConnection: close\nUser-Agent: me\n\n"},
		{"kept alive", HTTPConfig{KeepAlive: true, Method: "HEAD"}, "HEAD / HTTP/1.1\nHost: 127.0.0.1:PORT\nAccept: */*\nUser-Agent: geodns-vipd-probe/1\n\n"},
		{"POST has a length", HTTPConfig{Method: "POST", UserAgent: "me"}, "POST / HTTP/1.1\nHost: 127.0.0.1:PORT\nContent-Length: 0\nAccept: */*\nConnection: close\nUser-Agent: me\n\n"},
		{"headers added and replaced", HTTPConfig{Headers: map[string]string{"X-Probe": "1", "user-agent": "mine", "Authorization": "Bearer x"}}, "GET / HTTP/1.1\nHost: 127.0.0.1:PORT\nAccept: */*\nAuthorization: Bearer x\nConnection: close\nX-Probe: 1\nuser-agent: mine\n\n"},
	} {
		got := make(chan string, 1)
		s := serve(t, loop4, func(conn net.Conn) {
			got <- awaitRequest(conn)
			conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		})
		c.config.Port = s.port
		wantResult(t, c.name, probeWithin(t, newHTTP(t, c.config), loop4, 5*time.Second), "pass")
		want := strings.ReplaceAll(c.want, "\n", "\r\n")
		request := strings.Replace(<-got, portText(s), ":PORT", 1)
		if request != want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, request, want)
		}
	}
}

func TestDefaultPortIsNotInTheHostHeader(t *testing.T) {
	for _, c := range []struct {
		target target
		addr   string
		want   string
	}{
		{target{scheme: "http", port: 80}, "203.0.113.10", "203.0.113.10"},
		{target{scheme: "https", port: 443}, "203.0.113.10", "203.0.113.10"},
		{target{scheme: "https", port: 80}, "203.0.113.10", "203.0.113.10:80"},
		{target{scheme: "http", port: 80}, "2001:db8::1", "[2001:db8::1]"},
		{target{scheme: "http", port: 8080}, "fe80::1%eth0", "[fe80::1]:8080"},
		{target{scheme: "http", port: 8080, host: "a.example"}, "203.0.113.10", "a.example"},
	} {
		if got := c.target.at(netip.MustParseAddr(c.addr)).host; got != c.want {
			t.Errorf("%+v at %s: got %q, want %q", c.target, c.addr, got, c.want)
		}
	}
}

func TestNewHTTPTellsEveryMistakeAtOnce(t *testing.T) {
	for _, c := range []struct {
		config HTTPConfig
		want   []string // the beginning of each line
	}{
		{HTTPConfig{}, nil},
		{HTTPConfig{Scheme: "https", Host: "[::1]:8443", Path: "/a%20b?c=d", Method: "PROPFIND"}, nil},
		{HTTPConfig{Scheme: "ftp", Path: "healthz", Method: "get", Host: "a b", Redirects: 6},
			[]string{`scheme "ftp"`, `path "healthz"`, `method "get"`, `host "a b"`, "redirects 6"}},
		{HTTPConfig{Path: "/a b"}, []string{`path "/a b"`}},
		{HTTPConfig{Path: "/ä"}, []string{`path "/ä"`}},
		{HTTPConfig{Path: "/100%"}, []string{`path "/100%"`}},
		{HTTPConfig{Path: "/a#b"}, []string{`path "/a#b"`}},
		{HTTPConfig{Path: "/\r\nX: y"}, []string{`path "/\r\nX: y"`}},
		{HTTPConfig{Host: "a\r\nX: y"}, []string{`host "a\r\nX: y"`}},
		{HTTPConfig{Host: "http://a"}, []string{`host "http://a"`}},
		{HTTPConfig{Host: "a:port"}, []string{`host "a:port"`}},
		{HTTPConfig{Host: "1:2:3"}, []string{`host "1:2:3"`}},
		{HTTPConfig{UserAgent: "a\nb"}, []string{`user agent "a\nb"`}},
		{HTTPConfig{Method: "CONNECT"}, []string{`method "CONNECT"`}},
		{HTTPConfig{Method: "HEAD", Body: "ok"}, []string{"method HEAD"}},
		{HTTPConfig{Status: []StatusRange{{299, 200}, {200, 299}, {99, 200}}}, []string{"status 299-200", "status 99-200"}},
		{HTTPConfig{Headers: map[string]string{"A B": "x", "C": "y\r\nz", "host": "a", "content-length": "1", "Transfer-Encoding": "chunked", "X": "ok"}},
			[]string{`header "A B"`, "header C", "header Transfer-Encoding", "header content-length", "header host"}},
	} {
		var lines []string
		if _, err := NewHTTP(c.config); err != nil {
			lines = strings.Split(err.Error(), "\n")
		}
		if len(lines) != len(c.want) {
			t.Errorf("%+v:\n got %q\nwant %q", c.config, lines, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%+v: got %q, want %q…", c.config, lines[i], want)
			}
		}
	}
}

func TestConfigIsNotAlteredByTheProber(t *testing.T) {
	c := HTTPConfig{Headers: map[string]string{"X": "1"}}
	newHTTP(t, c)
	if len(c.Headers) != 1 || c.Scheme != "" {
		t.Errorf("got %+v", c)
	}
}
