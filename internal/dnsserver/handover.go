package dnsserver

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Conn is a TCP connection between two servers, in two processes or, if a
// hand-over fails, back in the first.
type Conn struct {
	// FD is the connection's descriptor.
	FD int
	// Received is what was read from it and is not answered: the beginning of
	// a query.
	Received []byte

	queries int
}

// Detach ends accepting and returns the TCP connections, which are the caller's
// now, to be given to [Server.Attach] of this server or another. Those that
// still have answers to take stay and are served to their end. What waits to be
// accepted waits for whoever has the sockets.
func (s *Server) Detach() (out []Conn) {
	var mu sync.Mutex
	s.eachLoop(func(l *tcpLoop) {
		l.deafen()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range l.conns {
			if c.out != nil {
				continue
			}
			out = append(out, Conn{FD: c.fd, Received: c.in, queries: c.queries})
			_ = unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_DEL, c.fd, nil)
			l.forget(c)
		}
	})
	return out
}

// Attach serves connections from now on, and accepts again if that had ended.
// It must be called while Run runs; otherwise, and beyond the bounds on
// connections, they are closed.
func (s *Server) Attach(conns []Conn) {
	share := make(map[*tcpLoop][]Conn)
	loops := s.runningLoops()
	for i, c := range conns {
		if len(loops) == 0 {
			unix.Close(c.FD)
			continue
		}
		l := loops[i%len(loops)]
		share[l] = append(share[l], c)
	}
	for _, l := range loops {
		if !l.do(func() { l.attach(share[l]) }) {
			for _, c := range share[l] {
				unix.Close(c.FD)
			}
		}
	}
}

// attach takes connections, and listens.
func (l *tcpLoop) attach(conns []Conn) {
	// Anew also if it listens: the server that gave the connections may have been
	// woken for another one and have left it.
	if !l.stopping && l.resume.IsZero() {
		_ = l.listen() // what could be listened at before can be again
	}
	for _, c := range conns {
		sa, err := unix.Getpeername(c.FD)
		if err == nil {
			err = unix.SetNonblock(c.FD, true)
		}
		if err != nil {
			unix.Close(c.FD) // the client has gone
			continue
		}
		l.resumeConn(c, &conn{fd: c.FD, from: peer(sa), client: clientOf(peer(sa).Addr()), queries: c.queries})
	}
}

// resumeConn serves a connection where another server left off.
func (l *tcpLoop) resumeConn(from Conn, c *conn) {
	if !l.take(c) {
		return
	}
	if len(from.Received) > 0 {
		l.process(c, from.Received)
	}
}

// eachLoop runs f in the goroutine of each loop and waits for them.
func (s *Server) eachLoop(f func(*tcpLoop)) {
	var wg sync.WaitGroup
	for _, l := range s.runningLoops() {
		wg.Go(func() { l.do(func() { f(l) }) })
	}
	wg.Wait()
}

func (s *Server) runningLoops() []*tcpLoop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loops
}
