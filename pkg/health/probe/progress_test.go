package probe

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// verdictOf returns what the blocking client says about a response that comes
// in data and ends with last.
func verdictOf(p *HTTP, data []byte, last error) error {
	return p.review(&attempt{addr: netip.IPv4Unspecified()}, &replay{data: data, last: last}, newScratch())
}

// FuzzProgress: the end of a response is found in the same place however it is
// cut, and nothing that has not ended passes.
func FuzzProgress(f *testing.F) {
	for _, seed := range []string{
		ok200, chunked + "1\r\nk\r\n0\r\nX: y\r\n\r\n", chunked + "1;a=b\r\nk\r\n00\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" + ok200,
		"HTTP/1.0 200 OK\r\n\r\nbody", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "SSH-2.0-x\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx", chunked + "10000\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(3), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint8, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		p, err := NewHTTP(HTTPConfig{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		var whole, bit progress
		at := whole.advance(data, 0, head)
		for n := 0; n < len(data) && bit.at < complete; {
			n = min(len(data), n+int(step)+1)
			bit.advance(data[:n], 0, head)
		}
		if len(data) > 0 && (bit.at == complete) != (at == complete) {
			t.Errorf("%q: all at once %d, bit by bit %d", data, at, bit.at)
		}
		if at < complete && len(data) < MaxHeaders {
			// What is not complete must not pass as such; an error may stand already.
			if err := verdictOf(p, data, errMore); err == nil {
				t.Errorf("%q: passes, but is said to go on (%d)", data, at)
			}
		}
	})
}

func TestProgressFindsTheEnd(t *testing.T) {
	for _, c := range []struct {
		name, response string
		want           part
	}{
		{"length", ok200, complete},
		{"chunks", chunked + "3\r\nok\n\r\n0\r\n\r\n", complete},
		{"chunks with trailers", chunked + "3;x=y\r\nok\n\r\n0\r\nA: b\r\n\r\n", complete},
		{"until it closes", "HTTP/1.1 200 OK\r\n\r\nok", plainBody},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", complete},
		{"after an interim response", "HTTP/1.1 103 Early Hints\r\n\r\n", statusLine},
		{"64 KiB of more", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("x", MaxBody), complete},
		{"64 KiB in a larger chunk", chunked + "20000\r\n" + strings.Repeat("x", MaxBody), complete},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", strange},
		{"another protocol", "220 mail ESMTP\r\n", strange},
		{"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", strange},
	} {
		var g progress
		if got := g.advance([]byte(c.response), 0, false); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		p := newHTTP(t, HTTPConfig{})
		err := verdictOf(p, []byte(c.response), errMore)
		if more := errors.Is(err, errMore); more && c.want == complete {
			t.Errorf("%s: the reader wants more", c.name)
		}
	}
}

func TestReplayReads(t *testing.T) {
	if err := iotest.TestReader(&replay{data: []byte("abc"), filler: 3, last: io.EOF}, []byte("abc\x00\x00\x00")); err != nil {
		t.Error(err)
	}
	got, err := io.ReadAll(&replay{data: []byte("abc"), last: errMore})
	if !bytes.Equal(got, []byte("abc")) || !errors.Is(err, errMore) {
		t.Errorf("got %q, %v", got, err)
	}
}
