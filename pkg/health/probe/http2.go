package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// HTTP/2 is left to net/http, at the price of its goroutines and memory. The
// address that a probe connects to travels in the context of its request.

// attemptKey is the key of the attempt in the context of a request.
type attemptKey struct{}

// transport2 returns a transport that speaks HTTP/2 only, one connection for
// each request.
func (p *HTTP) transport2() *http.Transport {
	dial := func(ctx context.Context, secure bool) (net.Conn, error) {
		a := ctx.Value(attemptKey{}).(*attempt2)
		tcp, err := a.dial(a.target.port)
		if err != nil {
			a.dialErr = err
			return nil, err
		}
		c := &conn{Conn: tcp, tcp: tcp, to: p.endpoint(a.attempt, a.target), left: maxConn2}
		if !secure {
			return c, nil
		}
		config := p.tlsFor(c.to.name).Clone()
		config.NextProtos = []string{"h2"}
		// What reads is bounded below TLS here, since the transport wants to
		// see a *tls.Conn to know what was agreed.
		s := tls.Client(c, config)
		a.stage = handshake
		if err := s.HandshakeContext(ctx); err != nil {
			a.dialErr = err
			tcp.Close()
			return nil, err
		}
		if s.ConnectionState().NegotiatedProtocol != "h2" {
			a.dialErr = errNoHTTP2
			tcp.Close()
			return nil, errNoHTTP2
		}
		a.expires = expires(s.ConnectionState())
		a.stage = waiting
		return s, nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols:              protocols,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxHeaders,
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, false) },
		DialTLSContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, true) },
	}
}

// maxConn2 is how many octets may come over one HTTP/2 connection: headers
// and body, and again as much for frames.
const maxConn2 = 2 * (MaxHeaders + MaxBody)

var errNoHTTP2 = errors.New("the server does not speak HTTP/2")

// attempt2 is an attempt while its request is with net/http.
type attempt2 struct {
	*attempt
	target  target
	dialErr error // what net/http would wrap or replace
	expires time.Time
}

// exchange2 sends one request to t over HTTP/2 and reads the response.
func (p *HTTP) exchange2(a *attempt, t target, s *scratch) (reply, error) {
	a2 := &attempt2{attempt: a, target: t}
	ctx := context.WithValue(a.ctx, attemptKey{}, a2)
	req, err := http.NewRequestWithContext(ctx, t.method, t.scheme+"://"+t.host+t.path, nil)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("User-Agent", p.c.UserAgent)
	req.Header.Set("Accept", "*/*")
	for name, value := range p.c.Headers {
		req.Header.Set(name, value)
	}
	a.stage = waiting
	resp, err := p.h2.RoundTrip(req)
	if err != nil {
		return reply{}, a2.cause(err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, location: resp.Header.Get("Location"), load: p.c.Load.header(resp.Header), expires: a2.expires}
	a.stage = reading
	if err := s.readBody(resp.Body, p.c.wantsBody(), &r); err != nil {
		return reply{}, a2.cause(err)
	}
	return r, nil
}

// cause returns what lies behind an error of net/http, whose texts are for
// programmers.
func (a *attempt2) cause(err error) error {
	switch {
	case a.dialErr != nil:
		return a.dialErr
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "frame"), strings.Contains(err.Error(), "server sent"):
		return errNoHTTP2
	}
	return err
}
