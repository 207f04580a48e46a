package dnsserver

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tcpLoop serves its share of the TCP connections from one goroutine, and one
// thread, which waits in the kernel as those of UDP do. A connection that waits
// costs its socket and one small structure: no goroutine and no buffer.
type tcpLoop struct {
	srv     *Server
	handler Handler
	worker  int

	poll poller
	in   []byte // what is read from a connection, beginning with what it had left
	out  []byte // the answers that are collected

	conns     map[int32]*conn
	listening bool
	resume    time.Time // when accepting goes on after an error; zero if it never stopped
	stopping  bool
	stopAt    time.Time // when nothing is read any more

	idle, begun, unsent waiting
	acceptErrors        backoff

	mu sync.Mutex // guards posted and ended
	// posted are functions to be run by the loop's goroutine.
	posted []func()
	ended  bool
}

// tcpLoops returns how many loops serve TCP.
func tcpLoops() int { return min(TCPShards, runtime.GOMAXPROCS(0)) }

// newTCPLoop returns a loop that listens already. It must be run or closed.
func (s *Server) newTCPLoop(worker int, h Handler) (*tcpLoop, error) {
	l := &tcpLoop{
		srv: s, handler: h, worker: worker,
		in: make([]byte, readAtOnce+prefixLen+s.cfg.MaxQuery), out: make([]byte, 0, writeEarly),
		conns:  make(map[int32]*conn),
		idle:   waiting{limit: s.cfg.Idle},
		begun:  waiting{limit: s.cfg.ReadTimeout},
		unsent: waiting{limit: s.cfg.WriteTimeout},
	}
	if err := l.poll.open(); err != nil {
		return nil, err
	}
	if err := l.listen(); err != nil {
		l.poll.close()
		return nil, err
	}
	return l, nil
}

// listen has the loop accept connections, and look at once whether there are any.
func (l *tcpLoop) listen() error {
	for i := range l.srv.tcp {
		if err := l.listenAt(i); err != nil {
			return err
		}
	}
	l.listening = true
	return nil
}

// listenAt puts the loop at the end of those that wait for connections at a
// socket. The kernel wakes the first of them that has nothing else to do, and no
// other. Whoever is woken and does not accept must see to it that somebody looks.
func (l *tcpLoop) listenAt(i int) error {
	sock := l.srv.tcp[i]
	_ = unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_DEL, sock.fd, nil) // it may not be there
	// Listeners are told from connections by a number that no descriptor has.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: int32(-1 - i)}
	if err := unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_ADD, sock.fd, &e); err != nil {
		return fmt.Errorf("listen tcp %v: epoll: %w", sock.addr, err)
	}
	return nil
}

// overfull reports whether it is others' turn to accept: connections that stay are
// spread over the loops, while those that ask once and go may all be one loop's,
// which spares waking the others.
func (l *tcpLoop) overfull() bool {
	const slack = 4
	return len(l.conns) > l.srv.conns.len()/len(l.srv.runningLoops())+slack
}

// deafen ends accepting.
func (l *tcpLoop) deafen() {
	for _, sock := range l.srv.tcp {
		_ = unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_DEL, sock.fd, nil) // it may not be there
	}
	l.listening = false
}

// rest ends accepting for a while.
func (l *tcpLoop) rest(d time.Duration) {
	l.deafen()
	l.resume = l.poll.now.Add(d)
}

// post has the loop's goroutine run f soon; it reports false if the loop has
// ended.
func (l *tcpLoop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posted = append(l.posted, f)
	l.poll.wake()
	return true
}

// do runs f in the loop's goroutine and waits for it; it reports false if the
// loop has ended.
func (l *tcpLoop) do(f func()) bool {
	done := make(chan struct{})
	if !l.post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// run serves until stop has been posted and every connection is closed.
func (l *tcpLoop) run() {
	defer l.end()
	yielded := l.poll.now
	for !l.stopping || len(l.conns) > 0 {
		events, woken := l.poll.wait(l.nextDeadline())
		now := l.poll.now
		for i := range events {
			l.handle(&events[i])
		}
		if woken {
			l.runPosted()
		}
		l.expire(now)
		if len(events) == 0 || now.Sub(yielded) > maxTurn {
			runtime.Gosched() // see serveUDP
			yielded = now
		}
	}
}

// end closes what is left and runs what was posted too late.
func (l *tcpLoop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.runPosted()
	for _, c := range l.conns {
		l.close(c)
	}
	l.poll.close()
}

func (l *tcpLoop) runPosted() {
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// nextDeadline returns when the loop must look at its time-outs; the zero time
// means never.
func (l *tcpLoop) nextDeadline() (next time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	sooner(l.idle.first())
	sooner(l.begun.first())
	sooner(l.unsent.first())
	sooner(l.resume)
	if l.stopping {
		sooner(l.stopAt)
	}
	return next
}

// handle acts on one event.
func (l *tcpLoop) handle(e *unix.EpollEvent) {
	if e.Fd < 0 {
		if i := int(-1 - e.Fd); l.listening && l.accept(l.srv.tcp[i]) && l.overfull() {
			_ = l.listenAt(i) // what could be listened at before can be again
		}
		return
	}
	c := l.conns[e.Fd]
	switch {
	case c == nil: // closed by an event before, in the same round
	case c.out != nil:
		l.flush(c)
	default:
		l.read(c)
	}
}

// expire closes the connections whose time has come.
func (l *tcpLoop) expire(now time.Time) {
	for _, list := range []*waiting{&l.idle, &l.begun, &l.unsent} {
		for c := list.expired(now); c != nil; c = list.expired(now) {
			l.srv.tcpStats.timedOut.Add(1)
			l.cut(c)
		}
	}
	if !l.resume.IsZero() && !now.Before(l.resume) {
		l.resume = time.Time{}
		if !l.stopping {
			_ = l.listen() // what could be listened at before can be again
		}
	}
	if l.stopping && !now.Before(l.stopAt) {
		for _, c := range l.conns {
			if c.out == nil {
				l.close(c)
			}
		}
		l.stopAt = time.Time{} // the others have their write time-out
	}
}

// stop ends accepting now, reading at a time, and the loop when all is sent.
func (l *tcpLoop) stop(at time.Time) {
	l.deafen()
	l.resume = time.Time{}
	l.stopping, l.stopAt = true, at
}
