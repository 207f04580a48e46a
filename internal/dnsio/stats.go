package dnsio

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stats counts what happened at the sockets since Listen. Queries that the
// handler answered are counted by the handler; here is what it never saw, what
// it left in silence, and what did not get out.
type Stats struct {
	UDP UDPStats
	TCP TCPStats
	// Panics counts queries dropped because the handler panicked.
	Panics uint64
}

// UDPStats counts datagrams.
type UDPStats struct {
	Received uint64 // read from the sockets, dropped ones included
	Sent     uint64
	Silent   uint64 // given no answer by the handler

	Oversized  uint64 // dropped: longer than the receive buffer
	PortZero   uint64 // dropped: source port 0 cannot be answered
	NotUnicast uint64 // dropped: sent to a broadcast or multicast address

	QueueFull     uint64 // dropped by the kernel: the queue of a socket was full, or a checksum wrong
	SendErrors    uint64 // answers that the kernel did not take
	ReceiveErrors uint64
}

// TCPStats counts connections and queries.
type TCPStats struct {
	Open     int // connections now
	Accepted uint64
	Refused  uint64 // reset at once: a bound was reached and no connection idle
	Evicted  uint64 // idle ones closed to make room
	TimedOut uint64 // closed: idle for too long, or too slow in sending or taking
	Garbage  uint64 // closed: a query of length 0 or beyond the limit
	Silent   uint64 // queries given no answer by the handler
	Queries  uint64

	AcceptErrors uint64
}

type udpCounters struct {
	received, sent, silent          atomic.Uint64
	oversized, portZero, notUnicast atomic.Uint64
	sendErrors, receiveErrors       atomic.Uint64
	_                               [64]byte // the next socket's counters on another cache line
}

type tcpCounters struct {
	accepted, refused, evicted, timedOut, garbage atomic.Uint64
	silent, queries, acceptErrors                 atomic.Uint64
}

// Stats returns the counts so far. It may be called at any time.
func (s *Server) Stats() Stats {
	t := &s.tcpStats
	st := Stats{
		Panics: s.panics.Load(),
		TCP: TCPStats{
			Open: s.conns.len(), Accepted: t.accepted.Load(), Refused: t.refused.Load(),
			Evicted: t.evicted.Load(), TimedOut: t.timedOut.Load(), Garbage: t.garbage.Load(),
			Silent: t.silent.Load(), Queries: t.queries.Load(), AcceptErrors: t.acceptErrors.Load(),
		},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sock := range s.udp {
		c := &sock.counters
		st.UDP.Received += c.received.Load()
		st.UDP.Sent += c.sent.Load()
		st.UDP.Silent += c.silent.Load()
		st.UDP.Oversized += c.oversized.Load()
		st.UDP.PortZero += c.portZero.Load()
		st.UDP.NotUnicast += c.notUnicast.Load()
		st.UDP.SendErrors += c.sendErrors.Load()
		st.UDP.ReceiveErrors += c.receiveErrors.Load()
		if !s.closed {
			sock.noteDrops()
		}
		st.UDP.QueueFull += sock.drops
	}
	return st
}

// noteDrops reads how many datagrams the kernel dropped at the socket. The
// kernel counts in 32 bits; differences carry over the wrap. SO_MEMINFO costs
// the reader nothing, where SO_RXQ_OVFL would add bytes to every query.
func (u *udpSocket) noteDrops() {
	var info [16]uint32 // SK_MEMINFO_VARS is 9; later kernels may add some
	size := uint32(unsafe.Sizeof(info))
	// Safe: both point to variables that outlive the call and do not move while
	// it runs, because they are converted in its argument list.
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(u.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return
	}
	now := info[unix.SK_MEMINFO_DROPS]
	u.drops += uint64(now - u.lastDrops)
	u.lastDrops = now
}
