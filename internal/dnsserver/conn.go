package dnsserver

import (
	"container/list"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// maxMessage is the length of the longest message that TCP can carry.
	maxMessage = 65535
	// prefixLen is the length of the field before each message
	// (RFC 1035, Section 4.2.2).
	prefixLen = 2
	// smallQuery is the room for queries that every connection has; a longer
	// query gets a buffer of its own for as long as it lasts.
	smallQuery = 1024
	// writeEarly is how many bytes of answers are collected before they are
	// written, though more queries are at hand.
	writeEarly = 16 << 10
)

// answerBuffers lends out the memory in which answers are collected. Only a
// connection that is being answered holds one.
var answerBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, writeEarly)
	return &b
}}

// conn is one TCP connection. It belongs to the goroutine of serve, but for
// its place in the table.
type conn struct {
	srv     *Server
	handler Handler
	tcp     *net.TCPConn
	from    netip.AddrPort
	client  netip.Prefix

	buf     []byte // received, not yet answered
	queries int    // answered or left in silence so far
	// begun is when the first byte of the query in buf came; zero if buf is
	// empty.
	begun time.Time

	// Guarded by connTable.mu; nil while the connection is busy.
	idleAll, idleClient *list.Element
}

func (s *Server) newConn(tcp *net.TCPConn, h Handler) *conn {
	from := netip.AddrPort{}
	if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		from = a.AddrPort()
	}
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	return &conn{srv: s, handler: h, tcp: tcp, from: from, client: clientOf(from.Addr())}
}

// serve answers queries until the client goes, is too slow, or the service
// ends.
func (c *conn) serve() {
	defer c.tcp.Close()
	defer c.srv.conns.remove(c)
	c.buf = make([]byte, 0, smallQuery)
	for c.read() && c.answerAll() && !c.exhausted() {
		c.shrink()
	}
}

// read waits for bytes and appends them to buf. It returns false if the
// connection is at its end.
func (c *conn) read() bool {
	if !c.setReadDeadline() {
		return false
	}
	idle := len(c.buf) == 0
	n, err := c.tcp.Read(c.buf[len(c.buf):cap(c.buf)])
	if n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.srv.stopping.Load() {
			c.srv.tcpStats.timedOut.Add(1)
		}
		return false
	}
	c.buf = c.buf[:len(c.buf)+n]
	if !idle {
		return true
	}
	c.begun = time.Now()
	return c.srv.conns.setBusy(c)
}

// setReadDeadline gives an idle connection the idle time-out, and one that has
// begun a query what is left of the time for it: a client that sends a byte now
// and then does not last any longer. At the end of the service all have until
// Server.stopAt.
func (c *conn) setReadDeadline() bool {
	deadline := c.begun.Add(c.srv.cfg.ReadTimeout)
	if len(c.buf) == 0 {
		deadline = time.Now().Add(c.srv.cfg.Idle)
	}
	if err := c.tcp.SetReadDeadline(deadline); err != nil {
		return false
	}
	// After, not before: what stopTCP has set must not be replaced.
	return !c.srv.stopping.Load() || c.tcp.SetReadDeadline(c.srv.stopAt) == nil
}

// answerAll answers every complete query in buf and keeps the rest. It returns
// false if the connection must be closed.
func (c *conn) answerAll() bool {
	if !c.complete() {
		return c.makeRoom()
	}
	lent := answerBuffers.Get().(*[]byte)
	defer func() {
		if cap(*lent) <= 2*writeEarly {
			answerBuffers.Put(lent)
		}
	}()
	rest := c.buf
	for len(rest) > 0 {
		var n int
		*lent, n = c.collect((*lent)[:0], rest)
		if n == 0 {
			break
		}
		rest = rest[n:]
		if !c.write(*lent) {
			return false
		}
		if c.exhausted() {
			return false
		}
	}
	c.keep(rest)
	return c.makeRoom()
}

// complete reports whether buf begins with a whole query.
func (c *conn) complete() bool {
	return len(c.buf) >= prefixLen && len(c.buf)-prefixLen >= int(binary.BigEndian.Uint16(c.buf))
}

// keep leaves rest, a tail of buf, as the beginning of the next query.
func (c *conn) keep(rest []byte) {
	c.buf = c.buf[:copy(c.buf, rest)]
	if len(c.buf) > 0 {
		c.begun = time.Now()
		return
	}
	c.begun = time.Time{}
	c.srv.conns.setIdle(c)
}

// makeRoom sees to it that the query which buf begins with fits. It returns
// false if its length is not acceptable: 0, or beyond the limit.
func (c *conn) makeRoom() bool {
	if len(c.buf) < prefixLen {
		return true
	}
	n := int(binary.BigEndian.Uint16(c.buf))
	if n == 0 || n > c.srv.cfg.MaxQuery {
		c.srv.tcpStats.garbage.Add(1)
		return false
	}
	if prefixLen+n > cap(c.buf) {
		c.buf = append(make([]byte, 0, prefixLen+n), c.buf...)
	}
	return true
}

// shrink gives the memory of a long query back once it is answered.
func (c *conn) shrink() {
	if len(c.buf) == 0 && cap(c.buf) > smallQuery {
		c.buf = make([]byte, 0, smallQuery)
	}
}

// exhausted reports whether the connection has had all its queries.
func (c *conn) exhausted() bool {
	limit := c.srv.cfg.MaxQueriesPerConn
	return limit > 0 && c.queries >= limit
}

// collect answers the complete queries that in begins with and appends the
// answers to out, each after its length, until out is long enough to be
// written. It returns how many bytes of in it has used.
func (c *conn) collect(out, in []byte) (_ []byte, used int) {
	worker := <-c.srv.shards
	defer func() { c.srv.shards <- worker }()
	now := uint32(time.Now().Unix())
	for len(out) < writeEarly && !c.exhausted() {
		query, n := next(in[used:], c.srv.cfg.MaxQuery)
		if n == 0 {
			break
		}
		used += n
		c.queries++
		c.srv.tcpStats.queries.Add(1)
		out = c.answerOne(worker, query, now, out)
	}
	return out, used
}

// next returns the query that in begins with, and its length with the prefix;
// 0 if it is not complete or its length not acceptable.
func next(in []byte, limit int) (query []byte, n int) {
	if len(in) < prefixLen {
		return nil, 0
	}
	length := int(binary.BigEndian.Uint16(in))
	if length == 0 || length > limit || length > len(in)-prefixLen {
		return nil, 0
	}
	n = prefixLen + length
	return in[prefixLen:n:n], n
}

// answerOne appends the answer to query to out, with its length before it.
// Prefix and message go out in one write (RFC 7766, Section 8).
func (c *conn) answerOne(worker int, query []byte, now uint32, out []byte) []byte {
	start := len(out) + prefixLen
	out = append(out, 0, 0)
	// The handler appends where the answer is to stand; where it has had to
	// make room elsewhere, the answer is copied.
	reply := c.srv.answer(c.handler, worker, query, c.from, true, now, out[start:])
	if len(reply) == 0 || len(reply) > maxMessage {
		c.srv.tcpStats.silent.Add(1)
		return out[:start-prefixLen]
	}
	if start+len(reply) <= cap(out) && &reply[0] == &out[:start+1][start] {
		out = out[:start+len(reply)]
	} else {
		out = append(out, reply...)
	}
	binary.BigEndian.PutUint16(out[start-prefixLen:], uint16(len(reply)))
	return out
}

// write sends the answers. A client that does not take them in time is cut
// off; its connection is reset, so that they do not stay in the kernel.
func (c *conn) write(answers []byte) bool {
	if len(answers) == 0 {
		return true
	}
	err := c.tcp.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout))
	if err == nil {
		_, err = c.tcp.Write(answers)
	}
	if err == nil {
		return true
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.srv.tcpStats.timedOut.Add(1)
		_ = c.tcp.SetLinger(0)
	}
	return false
}
