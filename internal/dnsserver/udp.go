package dnsserver

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// receiveTimeout is how long a thread sleeps in the kernel before it looks
	// whether the service ends. Waking a thread by closing or shutting down its
	// socket would end the socket for a process that has taken it over, too.
	receiveTimeout = 200 * time.Millisecond
	// drainTime bounds the answering of what is queued at the end: under load
	// the queue never empties.
	drainTime = time.Second
)

// lane is one UDP worker. Sockets of several addresses share a worker, a batch
// at a time; with one address the lock is never waited for.
type lane struct {
	mu sync.Mutex
	_  [56]byte // lanes on different cache lines
}

// serveUDP answers what arrives at u until the service ends.
func (s *Server) serveUDP(u *udpSocket, h Handler) {
	// The goroutine is not locked to its thread: it stays on it anyway as long
	// as nothing else runs there, and locked, each yield would switch threads.
	b := newBatch(u.addr.Addr().IsUnspecified())
	var errorsInRow backoff
	heard := time.Now()
	yielded := heard
	for !s.stopping.Load() {
		n, errno := b.receive(u.fd, true)
		switch errno {
		case 0:
			errorsInRow.reset()
			now := time.Now()
			b.busy = now.Sub(heard) < oftenEnough
			heard = now
			s.answerBatch(u, b, n, h)
			if now.Sub(yielded) > maxTurn {
				runtime.Gosched()
				yielded = now
			}
		case unix.EAGAIN, unix.EINTR:
			b.busy = false
			runtime.Gosched() // somebody may want this thread to stop
		default:
			u.counters.receiveErrors.Add(1)
			if s.quiet.allow("receive", time.Now()) {
				s.cfg.Log.Warn("receiving over UDP", "listen", u.addr, "err", errno)
			}
			time.Sleep(errorsInRow.next())
		}
	}
	s.drain(u, b, h)
}

// drain answers what the socket has queued.
func (s *Server) drain(u *udpSocket, b *batch, h Handler) {
	deadline := time.Now().Add(drainTime)
	for time.Now().Before(deadline) {
		n, errno := b.receive(u.fd, false)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			return
		}
		s.answerBatch(u, b, n, h)
	}
}

// answerBatch answers the n datagrams in b, and makes it ready for the next.
func (s *Server) answerBatch(u *udpSocket, b *batch, n int, h Handler) {
	replies := s.askHandler(u, b, n, h)
	s.sendReplies(u, b, replies)
	b.rearm(n)
}

// askHandler hands the datagrams to the handler, queues the replies and returns
// how many there are.
func (s *Server) askHandler(u *udpSocket, b *batch, n int, h Handler) int {
	c := &u.counters
	now := uint32(time.Now().Unix())
	silent, replies := 0, 0
	lane := &s.lanes[u.worker]
	lane.mu.Lock()
	p, ok := h.(Preparer)
	if ok = ok && n > 1; ok {
		p.Prepare(u.worker, b.all(n))
	}
	for i := range n {
		d := b.at(i)
		if d.fate != handOn {
			c.drop(d.fate)
			continue
		}
		reply := s.answer(h, u.worker, d.packet, d.from, false, now, b.replies[replies][:0])
		if len(reply) == 0 {
			silent++
			continue
		}
		b.queue(replies, i, reply)
		replies++
	}
	if ok {
		p.Done(u.worker)
	}
	lane.mu.Unlock()
	c.received.Add(uint64(n))
	if silent > 0 {
		c.silent.Add(uint64(silent))
	}
	return replies
}

// sendReplies sends the first n queued replies. One that the kernel refuses is
// counted and left out; the others still go. The loop makes progress in every
// round, so that it ends after n.
func (s *Server) sendReplies(u *udpSocket, b *batch, n int) {
	sent := 0
	for k := 0; k < n; {
		m, errno := b.transmit(u.fd, k, n)
		switch {
		case m > 0:
			sent += m
			k += m
		case errno == unix.EINTR && !s.stopping.Load():
		case errno == unix.EMSGSIZE && b.shorten(k, s.cfg.Shorten):
		default:
			u.counters.sendErrors.Add(1)
			if s.quiet.allow("send", time.Now()) {
				s.cfg.Log.Warn("sending over UDP", "listen", u.addr, "client", b.client(k), "err", errno)
			}
			k++
		}
	}
	if sent > 0 {
		u.counters.sent.Add(uint64(sent))
	}
}

func (c *udpCounters) drop(why fate) {
	switch why {
	case oversized:
		c.oversized.Add(1)
	case portZero:
		c.portZero.Add(1)
	case notUnicast:
		c.notUnicast.Add(1)
	}
}
