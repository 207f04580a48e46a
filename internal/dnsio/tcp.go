package dnsio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenBacklog is how many connections may wait to be accepted.
const listenBacklog = 1024

// maxBuffered is how much of answers is collected before it is written, when
// queries came together.
const maxBuffered = 64 << 10

// tcpSocket is one bound socket; it listens once the server runs.
type tcpSocket struct {
	fd   int
	port uint16
	ln   net.Listener // nil until openTCP
}

// bindTCP binds a socket without listening yet.
func bindTCP(addr netip.AddrPort) (*tcpSocket, error) {
	fd, err := socket(addr, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	port, err := boundPort(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &tcpSocket{fd: fd, port: port}, nil
}

func (t *tcpSocket) close() error {
	if t.ln != nil {
		_ = t.ln.Close() // closed already when the service was stopped
	}
	return unix.Close(t.fd)
}

// openTCP begins to listen at all TCP sockets.
func (s *Server) openTCP() error {
	for i, t := range s.tcp {
		if err := unix.Listen(t.fd, listenBacklog); err != nil {
			return &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(s.addrs[i]), Err: os.NewSyscallError("listen", err)}
		}
		dup, err := unix.FcntlInt(uintptr(t.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		f := os.NewFile(uintptr(dup), "dns-tcp")
		t.ln, err = net.FileListener(f) // duplicates once more
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// stopTCP stops accepting and ends the wait of every connection for its next
// query; answers under way are still written.
func (s *Server) stopTCP() {
	for _, t := range s.tcp {
		_ = t.ln.Close() // nothing can be done about a failure
	}
	s.conns.stop()
}

// acceptTCP accepts connections until the service stops.
func (s *Server) acceptTCP(t *tcpSocket, h Handler, running *sync.WaitGroup) {
	var pause backoff
	for {
		c, err := t.ln.Accept()
		switch {
		case err == nil:
			pause.reset()
		case s.stopping.Load() || errors.Is(err, net.ErrClosed):
			return
		default:
			s.tcpStats.acceptErrors.Add(1)
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				s.conns.evictIdle(nil) // give a descriptor back
				s.warn("no descriptors left for TCP connections", "err", err)
			}
			time.Sleep(pause.next())
			continue
		}
		s.tcpStats.accepted.Add(1)
		conn, evicted, ok := s.conns.add(c.(*net.TCPConn))
		if evicted {
			s.tcpStats.evicted.Add(1)
		}
		if !ok {
			s.tcpStats.refused.Add(1)
			reset(c.(*net.TCPConn))
			continue
		}
		running.Go(func() {
			s.serveTCP(conn, h)
			s.conns.remove(conn)
			c.Close()
		})
	}
}

// reset closes a connection without leaving anything behind here.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // then Close sends RST; else FIN, which will do
	c.Close()
}

// serveTCP answers the queries of one connection, in their order, until it
// ends, is idle for too long, or breaks a rule.
func (s *Server) serveTCP(c *tcpConn, h Handler) {
	r := bufio.NewReaderSize(c, 2048)
	var query []byte
	var out []byte
	for served := 0; s.cfg.MaxQueriesPerConn == 0 || served < s.cfg.MaxQueriesPerConn; served++ {
		var ok bool
		if query, ok = s.readQuery(c, r, query); !ok {
			break
		}
		out = s.answerTCP(c, h, query, out)
		// Answers to queries that came together leave together.
		if complete(r) && len(out) < maxBuffered && served+1 != s.cfg.MaxQueriesPerConn {
			continue
		}
		if !s.flush(c, out) {
			return
		}
		if out = out[:0]; cap(out) > 8<<10 {
			out = nil // a rare long answer must not be held by an idle connection
		}
	}
	s.flush(c, out)
}

// readQuery reads one query into buf; it reports false when the connection is
// to be closed.
func (s *Server) readQuery(c *tcpConn, r *bufio.Reader, buf []byte) ([]byte, bool) {
	if r.Buffered() == 0 {
		if !s.conns.idle(c) {
			return nil, false
		}
		_ = c.SetReadDeadline(time.Now().Add(s.cfg.Idle)) // fails only on a closed connection, as the read will
		if s.stopping.Load() {
			return nil, false
		}
		_, err := r.Peek(1)
		if s.conns.busy(c); err != nil {
			s.noteEnd(err)
			return nil, false
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout))
	var prefix [2]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		s.noteEnd(err)
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(prefix[:]))
	if n == 0 || n > s.cfg.MaxQuery {
		s.tcpStats.garbage.Add(1)
		return nil, false
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		s.noteEnd(err)
		return nil, false
	}
	return buf, true
}

// noteEnd counts a connection that was too slow.
func (s *Server) noteEnd(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) && !s.stopping.Load() {
		s.tcpStats.timedOut.Add(1)
	}
}

// complete reports whether another whole query is in the buffer already.
func complete(r *bufio.Reader) bool {
	if r.Buffered() < 2 {
		return false
	}
	prefix, _ := r.Peek(2)
	return r.Buffered() >= 2+int(binary.BigEndian.Uint16(prefix))
}

// answers holds memory for answers of any length; a connection borrows it
// while one is made.
var answers = sync.Pool{New: func() any { return new([maxMessage]byte) }}

// answerTCP appends the answer to query, with its length, to out.
func (s *Server) answerTCP(c *tcpConn, h Handler, query, out []byte) []byte {
	s.tcpStats.queries.Add(1)
	worker := <-s.shards
	room := answers.Get().(*[maxMessage]byte)
	reply := s.answer(h, worker, query, c.from, true, uint32(time.Now().Unix()), room[:0])
	s.shards <- worker
	if len(reply) == 0 {
		s.tcpStats.silent.Add(1)
	} else {
		out = binary.BigEndian.AppendUint16(out, uint16(len(reply)))
		out = append(out, reply...)
	}
	answers.Put(room)
	return out
}

// flush writes what is collected; it reports whether the client took it.
func (s *Server) flush(c *tcpConn, out []byte) bool {
	if len(out) == 0 {
		return true
	}
	_ = c.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)) // fails only on a closed connection, as the write will
	_, err := c.Write(out)
	if err != nil {
		s.noteEnd(err)
	}
	return err == nil
}
