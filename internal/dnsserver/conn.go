package dnsserver

import (
	"container/list"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxMessage is the length of the longest message that TCP can carry.
	maxMessage = 65535
	// prefixLen is the length of the field before each message
	// (RFC 1035, Section 4.2.2).
	prefixLen = 2
	// readAtOnce is how many bytes are read from a connection before the others
	// have their turn.
	readAtOnce = 16 << 10
	// writeEarly is how many bytes of answers are collected before they are
	// written, though more queries are at hand.
	writeEarly = 16 << 10
	// maxBuffered bounds, over all connections, the bytes of queries that have
	// begun and of answers that clients have not taken.
	maxBuffered = 64 << 20
)

// conn is one TCP connection. It belongs to the goroutine of its loop, but for
// its place in the table.
type conn struct {
	fd     int
	from   netip.AddrPort
	client netip.Prefix

	in      []byte // received, not yet answered; nil while idle
	out     []byte // answers that the kernel has not taken; nil if none
	sent    int    // of out
	last    bool   // nothing comes after out: the connection is closed then
	queries int    // answered or left in silence so far

	// Where it waits for its time-out.
	where      *waiting
	prev, next *conn
	deadline   time.Time

	// Guarded by connTable.mu; nil while the connection is busy.
	idleAll, idleClient *list.Element
}

// add starts serving a connection that the table has taken; it reports false if
// it is closed again.
func (l *tcpLoop) add(c *conn) bool {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	if err := unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_ADD, c.fd, &e); err != nil {
		l.srv.conns.remove(c)
		reset(c.fd)
		return false
	}
	l.conns[int32(c.fd)] = c
	return l.settle(c)
}

// close ends a connection. What the kernel has of its answers is still sent.
func (l *tcpLoop) close(c *conn) {
	l.forget(c)
	unix.Close(c.fd)
}

// cut ends a connection. One that does not take its answers is reset, so that
// they do not stay in the kernel.
func (l *tcpLoop) cut(c *conn) {
	stuck := c.out != nil
	l.forget(c)
	if stuck {
		reset(c.fd)
		return
	}
	unix.Close(c.fd)
}

// forget takes a connection out of everything but the kernel. The table comes
// first: as long as the connection is in it, others may use its descriptor.
func (l *tcpLoop) forget(c *conn) {
	l.srv.conns.remove(c)
	delete(l.conns, int32(c.fd))
	c.leave()
	l.hold(c, nil, nil)
}

// hold replaces what is kept for a connection. It reports false if that is more
// than all may have together.
func (l *tcpLoop) hold(c *conn, in, out []byte) bool {
	more := cap(in) + cap(out) - cap(c.in) - cap(c.out)
	c.in, c.out, c.sent = in, out, 0
	return more == 0 || l.srv.buffered.Add(int64(more)) <= maxBuffered || more < 0
}

// read takes what a connection has sent and answers it.
func (l *tcpLoop) read(c *conn) {
	kept := copy(l.in, c.in)
	n, err := unix.Read(c.fd, l.in[kept:])
	switch {
	case err == nil && n > 0:
		l.process(c, l.in[:kept+n])
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default:
		l.close(c) // the client has closed it, or the table has
	}
}

// process answers every complete query in data, which is not the connection's
// own, and keeps the rest.
func (l *tcpLoop) process(c *conn, data []byte) {
	another := len(c.in) == 0 // what is kept at the end is another query than before
	for {
		var used int
		l.out, used = l.collect(c, l.out[:0], data)
		data = data[used:]
		another = another || used > 0
		switch {
		case c.exhausted(l.srv.cfg.MaxQueriesPerConn):
			c.last = true
		case !acceptable(data, l.srv.cfg.MaxQuery):
			l.srv.tcpStats.garbage.Add(1)
			c.last = true
		}
		if done := l.write(c, data); !done {
			return
		}
		if c.last {
			l.close(c)
			return
		}
		if used == 0 {
			break
		}
	}
	if cap(l.out) > 2*writeEarly {
		l.out = make([]byte, 0, writeEarly)
	}
	l.keep(c, data, another)
}

// keep remembers the beginning of a query, or that there is none. The time for
// a query runs from its first byte: a client that sends a byte now and then does
// not last any longer.
func (l *tcpLoop) keep(c *conn, rest []byte, another bool) {
	if len(rest) == 0 {
		l.hold(c, nil, nil)
		l.settle(c)
		return
	}
	if !l.hold(c, append(c.in[:0:0], rest...), nil) || !l.srv.conns.setBusy(c) {
		l.cut(c)
		return
	}
	if another {
		l.begun.add(c, l.poll.now)
	}
}

// settle puts a connection among the idle ones; it reports false if it was
// dropped to make room, and is closed.
func (l *tcpLoop) settle(c *conn) bool {
	if !l.srv.conns.setIdle(c) {
		l.close(c)
		return false
	}
	l.idle.add(c, l.poll.now)
	return true
}

// write sends the answers in l.out. If the kernel does not take all, the rest
// and the data still to be answered wait for the client, and it returns false;
// so it does if the connection is closed.
func (l *tcpLoop) write(c *conn, data []byte) (done bool) {
	if len(l.out) == 0 {
		return true
	}
	n, err := unix.Write(c.fd, l.out)
	if err == nil && n == len(l.out) {
		return true
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		l.close(c)
		return false
	}
	rest := l.out[max(n, 0):]
	if !l.hold(c, append([]byte(nil), data...), append([]byte(nil), rest...)) || !l.srv.conns.setBusy(c) || !l.want(c, unix.EPOLLOUT) {
		l.cut(c)
		return false
	}
	l.unsent.add(c, l.poll.now)
	return false
}

// flush sends what waits for the client, and goes on where that had stopped.
func (l *tcpLoop) flush(c *conn) {
	n, err := unix.Write(c.fd, c.out[c.sent:])
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		l.close(c)
		return
	}
	if c.sent += max(n, 0); c.sent < len(c.out) {
		return // the time for it runs on
	}
	readOn := !c.last && !(l.stopping && l.stopAt.IsZero())
	if !readOn || !l.want(c, unix.EPOLLIN) {
		l.close(c)
		return
	}
	data := c.in
	l.hold(c, nil, nil)
	c.leave()
	l.process(c, data)
}

// want says which event the loop waits for.
func (l *tcpLoop) want(c *conn, events uint32) bool {
	e := unix.EpollEvent{Events: events, Fd: int32(c.fd)}
	return unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_MOD, c.fd, &e) == nil
}

// acceptable reports whether data may go on as a query: it has no length yet,
// or one that is neither 0 nor beyond the limit.
func acceptable(data []byte, limit int) bool {
	if len(data) < prefixLen {
		return true
	}
	n := int(binary.BigEndian.Uint16(data))
	return n != 0 && n <= limit
}

// exhausted reports whether the connection has had all its queries.
func (c *conn) exhausted(limit int) bool { return limit > 0 && c.queries >= limit }

// collect answers the complete queries that in begins with and appends the
// answers to out, each after its length, until out is long enough to be
// written. It returns how many bytes of in it has used.
func (l *tcpLoop) collect(c *conn, out, in []byte) (_ []byte, used int) {
	now := uint32(l.poll.now.Unix())
	for len(out) < writeEarly && !c.exhausted(l.srv.cfg.MaxQueriesPerConn) {
		query, n := next(in[used:], l.srv.cfg.MaxQuery)
		if n == 0 {
			break
		}
		used += n
		c.queries++
		l.srv.tcpStats.queries.Add(1)
		out = l.answerOne(c, query, now, out)
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
func (l *tcpLoop) answerOne(c *conn, query []byte, now uint32, out []byte) []byte {
	start := len(out) + prefixLen
	out = append(out, 0, 0)
	// The handler appends where the answer is to stand; where it has had to
	// make room elsewhere, the answer is copied.
	reply := l.srv.answer(l.handler, l.worker, query, c.from, true, now, out[start:])
	if len(reply) == 0 || len(reply) > maxMessage {
		l.srv.tcpStats.silent.Add(1)
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
