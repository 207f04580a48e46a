package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// conn is a connection to a target. It hands out no more bytes than left.
type conn struct {
	net.Conn // what is read and written: TLS, or tcp itself
	tcp      *net.TCPConn
	got      io.Reader // what is read in place of a connection; else nil
	to       endpoint
	left     int   // bytes that may still be read
	answered bool  // a byte of the answer to the last request has come
	err      error // why reading ended; the parsers above may hide it behind half a line
	since    time.Time
	expires  time.Time // when the first certificate of the target's chain expires; zero without TLS
}

// endpoint is what two requests must share to use one connection.
type endpoint struct {
	addr netip.AddrPort
	name string // for SNI and certificate; "" without TLS
	tls  bool
}

var errHeadersTooLong = errors.New("headers longer than 64 KiB")

// Read reads from the target, up to the limit.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		c.err = errHeadersTooLong
		return 0, c.err
	}
	var from io.Reader = c.Conn
	if c.got != nil {
		from = c.got
	}
	n, err := from.Read(b[:min(len(b), c.left)])
	c.left -= n
	c.answered = c.answered || n > 0
	if err != nil {
		c.err = err
	}
	return n, err
}

// cause returns why reading ended, if it was not the target's orderly end,
// and else err: what "malformed" means when a time-out cut a line in half.
func (c *conn) cause(err error) error {
	if c.err != nil && c.err != io.EOF {
		return c.err
	}
	return err
}

// abort closes the connection without the farewell of TLS, which could block.
func (c *conn) abort() { c.tcp.Close() }

// guard makes the connection obey ctx until the returned function is called,
// which reports whether the connection is still good for use.
func (c *conn) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		c.tcp.SetDeadline(time.Unix(1, 0)) // long ago: ends what is blocked
	})
}

// open connects to t and, for https, shakes hands.
func (p *HTTP) open(a *attempt, t target) (*conn, error) {
	tcp, err := a.dial(t.port)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp, tcp: tcp, to: p.endpoint(a, t)}
	if t.scheme != "https" {
		return c, nil
	}
	if err := a.secure(c, p.tlsFor(c.to.name)); err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

func (p *HTTP) endpoint(a *attempt, t target) endpoint {
	e := endpoint{addr: netip.AddrPortFrom(a.addr, t.port), tls: t.scheme == "https"}
	if e.tls {
		e.name = cmp.Or(p.c.TLS.SNI, hostName(t.host))
	}
	return e
}

func (p *HTTP) tlsFor(name string) *tls.Config {
	if p.tls.ServerName == name {
		return p.tls
	}
	c := p.tls.Clone()
	c.ServerName = name
	return c
}

// isStale reports whether a kept connection turned out to be closed by the
// target before the request reached it.
func (c *conn) isStale(err error) bool {
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	return closed && !c.answered
}

// idleFor is how long a connection is kept for the next probe.
const idleFor = 90 * time.Second

// idlePool keeps at most one idle connection for each endpoint.
type idlePool struct {
	mu     sync.Mutex
	conns  map[endpoint]*conn
	swept  time.Time
	closed bool
}

// take returns the idle connection to e, or nil.
func (p *idlePool) take(e endpoint, now time.Time) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[e]
	if c == nil {
		return nil
	}
	delete(p.conns, e)
	if now.Sub(c.since) > idleFor {
		c.abort()
		return nil
	}
	return c
}

// put keeps c for the next probe of its endpoint.
func (p *idlePool) put(c *conn, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.abort()
		return
	}
	if p.conns == nil {
		p.conns = map[endpoint]*conn{}
	}
	if other := p.conns[c.to]; other != nil {
		other.abort()
	}
	c.since = now
	p.conns[c.to] = c
	p.sweep(now)
}

// sweep closes what no probe has come back for, as after a target was taken
// out of the configuration.
func (p *idlePool) sweep(now time.Time) {
	if now.Sub(p.swept) < idleFor {
		return
	}
	p.swept = now
	for e, c := range p.conns {
		if now.Sub(c.since) > idleFor {
			c.abort()
			delete(p.conns, e)
		}
	}
}

func (p *idlePool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.conns {
		c.abort()
	}
	clear(p.conns)
}
