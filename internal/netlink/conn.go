package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	vnl "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Errors that a caller may want to tell from others, with errors.Is. What the
// kernel said is inside an [OpError] as a unix.Errno.
var (
	// ErrNoInterface: there is no interface of that name.
	ErrNoInterface = errors.New("no such interface")
	// ErrLate: the deadline of a renewal had gone by, nothing of it remains.
	ErrLate = errors.New("too late to renew")
	// ErrTableName: the name of a routing table was not turned into a number.
	ErrTableName = errors.New("routing table known by name only")
)

// OpError is one thing that the kernel refused.
type OpError struct {
	Op   string // "add", "renew", "remove"
	What string // "192.0.2.10/24 dev eth0"
	Err  error  // unix.Errno, or one of the Err… above
	Said string // the kernel's own words, often empty
}

func (e *OpError) Error() string {
	if e.Said != "" {
		return fmt.Sprintf("%s %s: %v: %s", e.Op, e.What, e.Err, e.Said)
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.What, e.Err)
}

func (e *OpError) Unwrap() error { return e.Err }

// Conn is a socket for requests, for one goroutine at a time.
type Conn struct {
	s   *nl.NetlinkSocket
	h   map[int]*nl.SocketHandle // for the library's requests
	fd  int
	out batch
	in  []byte
}

const (
	answerTimeout = 2 * time.Second // the kernel answers within the call; this only bounds a bug
	dumpTries     = 20
	// batchMax bounds the messages of one call, so that the answers, if each is
	// an error, fit into the receive buffer.
	batchMax = 128
)

// Open returns a socket in the network namespace of the calling thread.
func Open() (*Conn, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	c := &Conn{s: s, fd: s.GetFd(), in: make([]byte, 1<<16)}
	c.h = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}
	tv := unix.NsecToTimeval(int64(answerTimeout))
	if err := errors.Join(s.SetReceiveTimeout(&tv), s.SetSendTimeout(&tv)); err != nil {
		s.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	// An answer need not repeat the question, but may say what was wrong with it.
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	// Lists may be narrowed: a router has a million routes, few of them ours.
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return c, nil
}

// Close closes the socket.
func (c *Conn) Close() error {
	c.s.Close()
	return nil
}

// body is the fixed part of a request, with attributes.
type body []byte

func (b body) Len() int          { return len(b) }
func (b body) Serialize() []byte { return b }

// dump calls f for each answer to a request for a whole list, after a call of
// reset. A list that changed while it was read (IPv6's duplicate detection is
// enough) is read again.
func (c *Conn) dump(typ int, resType uint16, request body, reset func(), f func(answer []byte)) error {
	var err error
	for range dumpTries {
		req := nl.NewNetlinkRequest(typ, unix.NLM_F_DUMP)
		req.Sockets = c.h
		req.AddData(request)
		reset()
		err = req.ExecuteIter(unix.NETLINK_ROUTE, resType, func(answer []byte) bool {
			f(answer)
			return true
		})
		if !errors.Is(err, vnl.ErrDumpInterrupted) {
			return err
		}
	}
	return err
}

// answer is what the kernel said to one message; nil Err is yes.
type answer struct {
	err  error
	said string
}

// send carries out the messages in c.out in their order, and returns the
// kernel's answer to each. The kernel carries them out within the call. A
// message that fails does not stop those after it. alive, if not nil, is asked
// before each call; false ends it with ErrLate.
func (c *Conn) send(alive func() bool) ([]answer, error) {
	m := &c.out
	answers := make([]answer, len(m.starts))
	for first := 0; first < len(m.starts); first += batchMax {
		if alive != nil && !alive() {
			return answers, ErrLate
		}
		last := min(first+batchMax, len(m.starts))
		if err := c.sendSome(first, last, answers); err != nil {
			return answers, err
		}
	}
	return answers, nil
}

func (c *Conn) sendSome(first, last int, answers []answer) error {
	m, sh := &c.out, c.h[unix.NETLINK_ROUTE]
	seq0 := atomic.AddUint32(&sh.Seq, uint32(last-first)) - uint32(last-first) + 1
	for i := first; i < last; i++ {
		hdr := m.b[m.starts[i]:]
		binary.NativeEndian.PutUint32(hdr[8:], seq0+uint32(i-first))
	}
	end := len(m.b)
	if last < len(m.starts) {
		end = m.starts[last]
	}
	// Errors come unasked; the last message asks, to mark the end.
	flags := m.b[m.starts[last-1]+6:]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
	err := ignoringEINTR(func() error {
		return unix.Sendto(c.fd, m.b[m.starts[first]:end], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err != nil {
		return fmt.Errorf("netlink: send: %w", err)
	}
	return c.collect(seq0, answers[first:last])
}

// collect reads answers up to that to the last message.
func (c *Conn) collect(seq0 uint32, answers []answer) error {
	for {
		var n int
		err := ignoringEINTR(func() (err error) {
			n, _, err = unix.Recvfrom(c.fd, c.in, 0)
			return err
		})
		if err != nil {
			return fmt.Errorf("netlink: receive: %w", err)
		}
		done := false
		eachMessage(c.in[:n], func(h unix.NlMsghdr, body []byte) {
			i := h.Seq - seq0
			if h.Type != unix.NLMSG_ERROR || len(body) < 4 || i >= uint32(len(answers)) {
				return
			}
			answers[i] = parseAnswer(h, body)
			done = done || int(i) == len(answers)-1
		})
		if done {
			return nil
		}
	}
}

func parseAnswer(h unix.NlMsghdr, body []byte) answer {
	code := -int32(binary.NativeEndian.Uint32(body))
	if code == 0 {
		return answer{}
	}
	a := answer{err: unix.Errno(code)}
	const skip = 4 + unix.NLMSG_HDRLEN
	if h.Flags&unix.NLM_F_ACK_TLVS == 0 || h.Flags&unix.NLM_F_CAPPED == 0 || len(body) < skip {
		return a
	}
	a.said = unix.ByteSliceToString(nested(body[skip:], unix.NLMSGERR_ATTR_MSG))
	return a
}

// eachMessage calls f for each message in b.
func eachMessage(b []byte, f func(h unix.NlMsghdr, body []byte)) {
	for len(b) >= unix.NLMSG_HDRLEN {
		h := unix.NlMsghdr{
			Len:   binary.NativeEndian.Uint32(b),
			Type:  binary.NativeEndian.Uint16(b[4:]),
			Flags: binary.NativeEndian.Uint16(b[6:]),
			Seq:   binary.NativeEndian.Uint32(b[8:]),
			Pid:   binary.NativeEndian.Uint32(b[12:]),
		}
		if h.Len < unix.NLMSG_HDRLEN || int64(h.Len) > int64(len(b)) {
			return
		}
		f(h, b[unix.NLMSG_HDRLEN:h.Len])
		next := (int(h.Len) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		b = b[min(next, len(b)):]
	}
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
