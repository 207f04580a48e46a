package bench

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sockets are enough for SO_REUSEPORT to spread them evenly over a few
	// server threads, and few enough for the queues to hold several packets.
	sockets = 32
	// window is the number of queries that each socket keeps in flight, and
	// the size of a batch.
	window = 16
	// silence after which queries in flight count as lost.
	silence = 100 * time.Millisecond
	// replySize is the room for one answer.
	replySize = 512
)

// generator sends the queries of a workload in turn from several connected
// sockets and checks the answers. It is one thread that never blocks: a
// sleeping generator would make the servers pay for waking it.
type generator struct {
	w     workload
	rate  float64 // queries per second; 0: as many as the window lets through
	socks []client
	next  int // query to be sent next
	begun time.Time
	sent  uint64

	stop         atomic.Bool
	answered     atomic.Uint64
	resetLatency atomic.Bool

	lost, wrong uint64
	firstWrong  []byte
	sentAt      [1 << 16]int64 // by message ID, ns since begun
	latency     histogram
}

// client asks over one socket.
type client interface {
	state() *line
	// ask sends the n queries that come next; it may send fewer.
	ask(g *generator, n int) (sent int, err error)
	// hear takes the answers that are there and returns how many.
	hear(g *generator, now time.Time) (int, error)
}

// line is the state of a socket of either kind.
type line struct {
	fd       int
	inFlight int
	heard    time.Time
}

func (l *line) state() *line { return l }

// socket is one connected UDP socket with its batch of buffers. They are
// allocated once and reachable from here as long as the kernel may use them;
// Go's heap does not move.
type socket struct {
	line
	out, in [window]mmsghdr
	outVec  [window]unix.Iovec
	inVec   [window]unix.Iovec
	replies [window][replySize]byte
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

func newGenerator(server netip.AddrPort, w workload, rate float64) (*generator, error) {
	g := &generator{w: w, rate: rate}
	for range sockets {
		var c client
		var err error
		if w.tcp {
			c, err = dialStream(server)
		} else {
			c, err = dialSocket(server)
		}
		if err != nil {
			g.close()
			return nil, err
		}
		g.socks = append(g.socks, c)
	}
	return g, nil
}

func dialSocket(server netip.AddrPort) (*socket, error) {
	fd, err := connect(unix.SOCK_DGRAM, server)
	if err != nil {
		return nil, err
	}
	s := &socket{line: line{fd: fd}}
	for i := range window {
		s.out[i].hdr.Iov, s.in[i].hdr.Iov = &s.outVec[i], &s.inVec[i]
		s.out[i].hdr.Iovlen, s.in[i].hdr.Iovlen = 1, 1
		s.inVec[i].Base = &s.replies[i][0]
		s.inVec[i].SetLen(replySize)
	}
	return s, nil
}

func connect(kind int, server netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (g *generator) close() {
	for _, s := range g.socks {
		unix.Close(s.state().fd)
	}
}

// start runs the generator on the given processors until stop is set.
func (g *generator) start(cpus unix.CPUSet) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer g.close()
		// The thread must live on: the servers it started are told to end
		// with it. So its processors are given back.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var before unix.CPUSet
		err := errors.Join(unix.SchedGetaffinity(0, &before), unix.SchedSetaffinity(0, &cpus))
		if err == nil {
			err = errors.Join(g.run(), unix.SchedSetaffinity(0, &before))
		}
		done <- err
	}()
	return done
}

func (g *generator) run() error {
	g.begun = time.Now()
	for _, s := range g.socks {
		s.state().heard = g.begun
	}
	for !g.stop.Load() {
		if g.resetLatency.CompareAndSwap(true, false) {
			g.latency = histogram{}
		}
		// Without a sched_yield(2) when there is nothing to do: Linux takes
		// that for a promise, and lets others go first for a second.
		for _, s := range g.socks {
			if err := g.turn(s, time.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn takes the answers of a socket and sends what is due.
func (g *generator) turn(s client, now time.Time) error {
	l := s.state()
	n, err := s.hear(g, now)
	if err != nil {
		return err
	}
	if n > 0 {
		l.heard = now
		l.inFlight = max(0, l.inFlight-n)
		g.answered.Store(g.answered.Load() + uint64(n)) // one writer
	}
	if l.inFlight == window && now.Sub(l.heard) > silence {
		g.lost += window
		l.inFlight, l.heard = 0, now
	}
	due := min(g.due(now), window-l.inFlight)
	if due <= 0 {
		return nil
	}
	at := int64(now.Sub(g.begun))
	for i := range due {
		g.sentAt[binary.BigEndian.Uint16(g.query(i))] = at
	}
	sent, err := s.ask(g, due)
	l.inFlight += sent
	g.sent += uint64(sent)
	g.next = (g.next + sent) % len(g.w.queries)
	return err
}

// query returns the i-th of the queries that come next.
func (g *generator) query(i int) []byte { return g.w.queries[(g.next+i)%len(g.w.queries)] }

// due returns how many queries a socket may send now.
func (g *generator) due(now time.Time) int {
	if g.rate == 0 {
		return window
	}
	// One query at a time: resolvers do not send in bursts.
	if float64(g.sent) < now.Sub(g.begun).Seconds()*g.rate {
		return 1
	}
	return 0
}

func (s *socket) ask(g *generator, n int) (int, error) {
	for i := range n {
		q := g.query(i)
		s.outVec[i].Base = &q[0]
		s.outVec[i].SetLen(len(q))
	}
	// Raw: the call does not block, and the scheduler need not know of it.
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out[0])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(sent), nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, errno
}

func (s *socket) hear(g *generator, now time.Time) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in[0])), window, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case unix.EAGAIN:
		return 0, nil
	case unix.ECONNREFUSED:
		return 0, errors.New("nobody listens any more")
	default:
		return 0, errno
	}
	at := time.Since(g.begun)
	for i := range int(n) {
		g.take(s.replies[i][:s.in[i].len], at)
	}
	return int(n), nil
}

// take checks an answer that came at a time since begun.
func (g *generator) take(reply []byte, at time.Duration) {
	if !g.w.right(reply) {
		if g.wrong++; g.firstWrong == nil {
			g.firstWrong = append([]byte(nil), reply...)
		}
		return
	}
	g.latency.add(at - time.Duration(g.sentAt[binary.BigEndian.Uint16(reply)]))
}

// histogram counts durations in steps of about 3 percent.
type histogram struct {
	counts [1024]uint64
	n      uint64
}

// step is the index of a duration: 32 linear steps in each power of two.
func step(d time.Duration) int {
	v := uint64(max(d, 32))
	shift := 63 - 5 - bits.LeadingZeros64(v)
	return min(int(v>>shift)+32*shift, 1023)
}

func (h *histogram) add(d time.Duration) {
	h.counts[step(d)]++
	h.n++
}

// percentile returns the lower end of the step that holds it.
func (h *histogram) percentile(p uint64) time.Duration {
	if h.n == 0 {
		return 0
	}
	below := uint64(0)
	for i, c := range h.counts {
		if below += c; below*100 >= p*h.n {
			shift := max(0, i/32-1)
			return time.Duration(i-32*shift) << shift
		}
	}
	return 0
}
