package bench

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// stream is one TCP connection on which several queries are in flight
// (RFC 7766, Section 6.2.1.1).
type stream struct {
	line
	out []byte // what the kernel has not taken yet
	in  []byte // what is no whole answer yet
}

func dialStream(server netip.AddrPort) (*stream, error) {
	fd, err := connect(unix.SOCK_STREAM, server)
	if err != nil {
		return nil, err
	}
	err = errors.Join(unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &stream{line: line{fd: fd}, in: make([]byte, 0, window*(replySize+2))}, nil
}

func (s *stream) ask(g *generator, n int) (int, error) {
	for i := range n {
		q := g.query(i)
		s.out = binary.BigEndian.AppendUint16(s.out, uint16(len(q)))
		s.out = append(s.out, q...)
	}
	sent, err := unix.Write(s.fd, s.out)
	if errors.Is(err, unix.EAGAIN) {
		return n, nil
	}
	if err != nil {
		return 0, err
	}
	s.out = append(s.out[:0], s.out[sent:]...)
	return n, nil
}

func (s *stream) hear(g *generator, now time.Time) (n int, err error) {
	got, err := unix.Read(s.fd, s.in[len(s.in):cap(s.in)])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, err
	case got == 0:
		return 0, errors.New("the server closed a connection")
	}
	s.in = s.in[:len(s.in)+got]
	at, rest := time.Since(g.begun), s.in
	for len(rest) >= 2 && len(rest) >= 2+int(binary.BigEndian.Uint16(rest)) {
		end := 2 + int(binary.BigEndian.Uint16(rest))
		g.take(rest[2:end], at)
		rest = rest[end:]
		n++
	}
	s.in = append(s.in[:0], rest...)
	return n, nil
}
