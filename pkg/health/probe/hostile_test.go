package probe

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// repeat returns a handler that takes the request, writes start and then
// piece after piece, with a pause between them, until the client goes away.
func repeat(start, piece string, pause time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		awaitRequest(c)
		if _, err := io.WriteString(c, start); err != nil {
			return
		}
		piece := []byte(piece)
		for {
			time.Sleep(pause)
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}
}

const (
	pause   = 5 * time.Millisecond
	filler  = "0123456789abcdef"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
)

var hostile = []struct {
	name   string
	handle func(net.Conn)
	want   string // with a time-out of 200ms
}{
	{"hangs after accepting", func(c net.Conn) { io.Copy(io.Discard, c) }, "fail: timeout after 200ms while waiting for headers"},
	{"drips headers", repeat("HTTP/1.1 200 OK\r\n", "X: y\r\n", pause), "fail: timeout after 200ms while waiting for headers"},
	{"drips one header line", repeat("HTTP/1.1 200 OK\r\nX: ", "y", pause), "fail: timeout after 200ms while waiting for headers"},
	{"hangs in the status line", repeat("HTTP/1.1 2", "", time.Second), "fail: timeout after 200ms while waiting for headers"},
	{"hangs in a header", repeat("HTTP/1.1 200 OK\r\nServ", "", time.Second), "fail: timeout after 200ms while waiting for headers"},
	{"hangs in a chunk length", repeat(chunked+"1", "", time.Second), "fail: timeout after 200ms while reading the body"},
	{"drips interim responses", repeat("", "HTTP/1.1 102 Processing\r\n\r\n", 10*pause), "fail: timeout after 200ms while waiting for headers"},
	{"hangs after the headers", repeat("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "", time.Second), "fail: timeout after 200ms while reading the body"},
	{"drips the body", repeat("HTTP/1.1 200 OK\r\n\r\n", "y", pause), "fail: timeout after 200ms while reading the body"},
	{"drips chunks", repeat(chunked, "1\r\ny\r\n", pause), "fail: timeout after 200ms while reading the body"},
	{"endless headers", repeat("HTTP/1.1 200 OK\r\n", strings.Repeat("X: "+filler+"\r\n", 400), 0), "fail: headers longer than 64 KiB"},
	{"endless header line", repeat("HTTP/1.1 200 OK\r\nX: ", strings.Repeat(filler, 400), 0), "fail: headers longer than 64 KiB"},
	{"endless status line", repeat("HTTP/1.1 200 ", strings.Repeat(filler, 400), 0), "fail: headers longer than 64 KiB"},
	{"endless interim responses", repeat("", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 400), 0), "fail: more than 10 interim responses"},
	{"endless zeroes", repeat("", strings.Repeat("\x00", 8000), 0), "fail: headers longer than 64 KiB"},
	{"endless body", repeat("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat(filler, 4000), 0), "pass"},
	{"endless body of a huge length", repeat("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", strings.Repeat(filler, 4000), 0), "pass"},
	{"endless chunks", repeat(chunked, strings.Repeat("4\r\nabcd\r\n", 1000), 0), "pass"},
	{"endless chunk extensions", repeat(chunked+"1;", strings.Repeat("x=y;", 1000), 0), "fail: header line too long"},
	{"endless trailers", repeat(chunked+"0\r\n", strings.Repeat("X: y\r\n", 1000), 0), "fail: http: suspiciously long trailer after chunked body"},
}

func TestHostileServerCostsAtMostTheTimeout(t *testing.T) {
	const timeout = 200 * time.Millisecond
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newHTTP(t, HTTPConfig{Port: serve(t, loop4, c.handle).port})
			if !strings.Contains(c.want, "timeout") {
				wantResult(t, c.name, probeWithin(t, p, loop4, enough), c.want)
				return
			}
			r := probeWithin(t, p, loop4, timeout)
			wantResult(t, c.name, r, c.want)
			wantLatency(t, c.name, r, timeout)
		})
	}
}

func TestResetIsNamed(t *testing.T) {
	s := serve(t, loop4, func(c net.Conn) {
		awaitRequest(c)
		c.(*net.TCPConn).SetLinger(0)
	})
	r := probeWithin(t, newHTTP(t, HTTPConfig{Port: s.port}), loop4, 5*time.Second)
	wantResult(t, "reset", r, "fail: connection reset while waiting for headers")
}

func TestMemoryOfAProbeIsBounded(t *testing.T) {
	const most = 1 << 20
	for _, c := range hostile {
		if !strings.HasPrefix(c.name, "endless") {
			continue
		}
		p := newHTTP(t, HTTPConfig{Port: serve(t, loop4, c.handle).port, Body: "never there"})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		probeWithin(t, p, loop4, 5*time.Second)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%s: allocated %d bytes, want at most %d", c.name, got, most)
		}
	}
}

// FuzzResponse: whatever a server sends, it ends in a response or an error,
// and never in more than the bytes allowed.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		ok200, chunked + "1\r\nk\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" + ok200,
		"HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x16", "SSH-2.0-x\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		f.Add([]byte(seed), "GET")
	}
	f.Fuzz(func(t *testing.T, data []byte, method string) {
		s := &scratch{br: bufio.NewReader(bytes.NewReader(data))}
		resp, err := readHeaders(s.br, method)
		if err != nil {
			return
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("status %d is not final", resp.StatusCode)
		}
		var r reply
		if err := s.readBody(resp.Body, true, &r); err != nil {
			return
		}
		if len(r.body) > MaxBody || len(r.body) > len(data) || r.cut && len(r.body) != MaxBody {
			t.Errorf("body of %d bytes, cut %v, from %d", len(r.body), r.cut, len(data))
		}
	})
}
