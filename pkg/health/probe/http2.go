package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// HTTP/2 is left to net/http, at the price of its goroutines and memory. The
// connection is made here and travels in the context of its request, so that
// what goes wrong with it is known as it was.

// connKey is the key of the connection in the context of a request.
type connKey struct{}

// transport2 returns a transport that speaks HTTP/2 only, over the connection
// that a request brings.
func (p *HTTP) transport2() *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c := ctx.Value(connKey{}).(*handed)
		if c.taken.Swap(true) {
			return nil, errors.New("one connection for each request")
		}
		return c.conn, nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols:              protocols,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxHeaders,
		DialContext:            dial,
		DialTLSContext:         dial,
	}
}

// handed is a connection that a request brings.
type handed struct {
	conn  net.Conn
	taken atomic.Bool
}

// open2 connects to t and, for https, agrees on TLS and HTTP/2. What comes
// over the connection is bounded below TLS, since the transport wants to see a
// *tls.Conn to know what was agreed.
func (p *HTTP) open2(a *attempt, t target) (c net.Conn, end time.Time, err error) {
	tcp, err := a.dial(t.port)
	if err != nil {
		return nil, end, err
	}
	below := &conn{Conn: tcp, tcp: tcp, to: p.endpoint(a, t), left: maxConn2}
	if t.scheme != "https" {
		return below, end, nil
	}
	config := p.tlsFor(below.to.name).Clone()
	config.NextProtos = []string{"h2"}
	a.stage = handshake
	release := below.guard(a.ctx)
	secure := tls.Client(below, config)
	err = secure.Handshake()
	release()
	state := secure.ConnectionState()
	if err == nil && state.NegotiatedProtocol != "h2" {
		err = errNoHTTP2
	}
	if err != nil {
		below.abort()
		return nil, end, err
	}
	return secure, expires(state), nil
}

// maxConn2 is how many octets may come over one HTTP/2 connection: headers
// and body, and again as much for frames.
const maxConn2 = 2 * (MaxHeaders + MaxBody)

var errNoHTTP2 = errors.New("the server does not speak HTTP/2")

// exchange2 sends one request to t over HTTP/2 and reads the response.
func (p *HTTP) exchange2(a *attempt, t target, s *scratch) (reply, error) {
	c, end, err := p.open2(a, t)
	if err != nil {
		return reply{}, err
	}
	defer c.Close() // after the transport has closed it, it does nothing
	ctx := context.WithValue(a.ctx, connKey{}, &handed{conn: c})
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
		return reply{}, a.cause2(err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, location: resp.Header.Get("Location"), load: p.c.Load.header(resp.Header), expires: end}
	a.stage = reading
	if err := s.readBody(resp.Body, p.c.wantsBody(), &r); err != nil {
		return reply{}, a.cause2(err)
	}
	return r, nil
}

// cause2 returns what lies behind an error of net/http, whose texts are for
// programmers.
func (a *attempt) cause2(err error) error {
	text := err.Error()
	switch {
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "frame"), strings.Contains(text, "server sent"),
		strings.Contains(text, "could not be established"): // what is no frame had come before the request was made
		return errNoHTTP2
	}
	return err
}
