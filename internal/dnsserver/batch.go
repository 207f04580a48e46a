package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many datagrams one system call carries at most. Beyond
	// some 16 the cost of the call is spread thin enough.
	batchSize = 32
	// maxDatagram is the longest query taken over UDP. Nobody may send more
	// than we would advertise, and no query needs half of it.
	maxDatagram = 4096
	// manyQueued is the size of a batch after which more are likely to be
	// queued already.
	manyQueued = 8
	// replyRoom is the capacity with which the buffer of a reply starts.
	replyRoom = 4096
	// stagger keeps buffers from beginning at the same place of a page. Their
	// first octets, which are all that most messages have, would share one set of
	// eight lines of the processor's first cache, and put each other out of it.
	stagger = 3 * 64
)

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// mmsghdr is struct mmsghdr of recvmmsg(2). Its size is a multiple of the
// pointer size, as in C, because Msghdr is aligned to pointers.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// sockaddr holds a sockaddr_in or sockaddr_in6. It is handed back to the kernel
// untouched, so that a reply goes to exactly where the query came from, the
// scope of a link-local address included.
type sockaddr [unix.SizeofSockaddrInet6]byte

// control holds one control message: IP_PKTINFO or IPV6_PKTINFO, on 32 and 64
// bit machines. Only one option that makes control messages is ever set.
type control struct {
	hdr  unix.Cmsghdr
	data [24]byte // 20 for struct in6_pktinfo, rounded up to 8
}

// batch is the memory of one UDP socket for one round of reading, answering
// and writing. It is allocated once.
//
// Safety: the kernel is given pointers into the batch only inside a system call
// that the owning thread waits for. Every pointer in the headers is a real Go
// pointer (*byte, *Iovec), so that the collector keeps what it points to, and
// the collector does not move memory of the heap, where a batch lives.
type batch struct {
	wildcard bool
	last     int  // datagrams received last
	busy     bool // the next one is expected at once: see receive

	recv    [batchSize]mmsghdr
	recvIov [batchSize]unix.Iovec
	from    [batchSize]sockaddr
	control [batchSize]control
	packets [batchSize][maxDatagram + stagger]byte

	send    [batchSize]mmsghdr
	sendIov [batchSize]unix.Iovec
	replies [batchSize][]byte

	ahead [batchSize][]byte // what was received, for Preparer
}

// newBatch returns a batch for a socket; control messages are read and written
// on wildcard sockets only.
func newBatch(wildcard bool) *batch {
	b := &batch{wildcard: wildcard}
	room := make([]byte, batchSize*(replyRoom+stagger))
	for i := range batchSize {
		b.recvIov[i].Base = &b.packets[i][0]
		b.recvIov[i].SetLen(maxDatagram)
		h := &b.recv[i].hdr
		h.Name = &b.from[i][0]
		h.Iov = &b.recvIov[i]
		h.SetIovlen(1)
		if wildcard {
			h.Control = (*byte)(unsafe.Pointer(&b.control[i]))
		}
		at := i * (replyRoom + stagger)
		b.replies[i] = room[at : at : at+replyRoom]
		b.send[i].hdr.Iov = &b.sendIov[i]
		b.send[i].hdr.SetIovlen(1)
	}
	b.rearm(batchSize)
	return b
}

// rearm puts back the lengths that the kernel changed in the first n headers.
func (b *batch) rearm(n int) {
	for i := range n {
		h := &b.recv[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.Flags = 0
		if b.wildcard {
			h.SetControllen(int(unsafe.Sizeof(control{})))
		}
	}
}

// receive reads up to batchSize datagrams and returns how many. Without wait it
// returns EAGAIN if there is none; otherwise after the time-out of the socket.
//
// After a large batch there are probably more, so it first looks without
// waiting, by a raw system call: see transmit.
//
// Waiting for long is told to Go's scheduler. Waiting for the next query of many
// is not: telling it, and finding back into it, costs each wake-up a lock and
// other threads' attention. Whatever needs the thread meanwhile, as the collector
// does, sends it the signal of preemption again and again; that ends the call
// with EINTR, since calls on a socket with a time-out are never restarted
// (signal(7)). So does the scheduler's monitor after 10 ms, so that it is told
// when queries come less often than that.
func (b *batch) receive(fd int, wait bool) (int, unix.Errno) {
	if b.last >= manyQueued || !wait {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.recv[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EAGAIN || !wait {
			return b.received(n, errno)
		}
	}
	if b.busy {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.recv[0])), batchSize, unix.MSG_WAITFORONE, 0, 0)
		return b.received(n, errno)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.recv[0])), batchSize, unix.MSG_WAITFORONE, 0, 0)
	return b.received(n, errno)
}

func (b *batch) received(n uintptr, errno unix.Errno) (int, unix.Errno) {
	b.last = int(n)
	if errno != 0 {
		b.last = 0
	}
	return b.last, errno
}

// datagram is one query as it came.
type datagram struct {
	packet []byte
	from   netip.AddrPort
	fate   fate
}

// fate says whether a datagram is handed on, and if not, why not.
type fate uint8

const (
	handOn fate = iota
	oversized
	portZero
	notUnicast
)

// all returns the octets of the first n datagrams received.
func (b *batch) all(n int) [][]byte {
	for i := range n {
		b.ahead[i] = b.packets[i][:min(b.recv[i].len, maxDatagram)]
	}
	return b.ahead[:n]
}

// at returns the i-th datagram received.
func (b *batch) at(i int) datagram {
	m := &b.recv[i]
	d := datagram{packet: b.packets[i][:min(m.len, maxDatagram)], from: b.from[i].addrPort()}
	switch {
	case m.hdr.Flags&unix.MSG_TRUNC != 0:
		d.fate = oversized
	case d.from.Port() == 0:
		d.fate = portZero
	case b.wildcard && !b.control[i].toUnicast(int(m.hdr.Controllen)):
		d.fate = notUnicast
	}
	return d
}

// queue makes the k-th reply the answer to the i-th query. It leaves from the
// address that was asked.
func (b *batch) queue(k, i int, reply []byte) {
	b.replies[k] = reply // keeps a buffer that the handler made larger
	b.sendIov[k].Base = &reply[0]
	b.sendIov[k].SetLen(len(reply))
	from, to := &b.recv[i].hdr, &b.send[k].hdr
	to.Name, to.Namelen = from.Name, from.Namelen
	if b.wildcard {
		b.control[i].turnRound()
		to.Control, to.Controllen = from.Control, from.Controllen
	}
}

// transmit sends the replies from k up to n and returns how many the kernel
// took; with 0 the error of the first.
//
// It never waits. A send queue fills up with packets that wait for the hardware
// address of a neighbour which does not answer; waiting for room would let
// whoever forges such source addresses stop the worker.
//
// Because it never waits, Go's scheduler need not know of it: a raw system call
// saves telling it, and saves its monitor the 20 µs watch over a thread that
// seems to hang in the kernel, whose processor it would give away after every
// batch and wake other threads for. The price is that the collector may have to
// wait for a batch to be sent, some 100 µs.
func (b *batch) transmit(fd, k, n int) (int, unix.Errno) {
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.send[k])), uintptr(n-k),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), 0
}

// shorten puts a shorter reply into the place of the k-th and reports whether
// there is one.
func (b *batch) shorten(k int, by func([]byte) []byte) bool {
	if by == nil {
		return false
	}
	short := by(b.replies[k])
	if len(short) == 0 || len(short) >= len(b.replies[k]) {
		return false
	}
	b.replies[k] = short
	b.sendIov[k].Base = &short[0]
	b.sendIov[k].SetLen(len(short))
	return true
}

// client returns the address that the k-th reply goes to.
func (b *batch) client(k int) netip.AddrPort {
	for i := range b.from {
		if b.send[k].hdr.Name == &b.from[i][0] {
			return b.from[i].addrPort()
		}
	}
	return netip.AddrPort{}
}

// addrPort returns the address in s, without the zone: making one would
// allocate. An address of another family gives port 0.
func (s *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s[2:])
	switch binary.NativeEndian.Uint16(s[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// toUnicast reports whether the control message, of length n, says that the
// datagram was sent to an address of ours alone. A wildcard socket also gets
// what is sent to a broadcast address or to all hosts of a link; an answer to
// that would make every server of the link hit the forged source at once.
func (c *control) toUnicast(n int) bool {
	switch {
	case n < unix.CmsgLen(0):
		return false
	case c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet4Pktinfo):
		// struct in_pktinfo: interface, our address for the way back,
		// destination in the header. The two differ for broadcasts; the first
		// is zero where the kernel did not look it up.
		ours, dst := netip.AddrFrom4([4]byte(c.data[4:8])), netip.AddrFrom4([4]byte(c.data[8:12]))
		return !dst.IsMulticast() && dst != broadcast4 && (ours == dst || ours.IsUnspecified())
	case c.hdr.Level == unix.IPPROTO_IPV6 && c.hdr.Type == unix.IPV6_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet6Pktinfo):
		// struct in6_pktinfo: destination in the header, interface.
		return c.data[0] != 0xff
	}
	return false
}

// turnRound makes the control message of a query that of its reply. The
// interface is cleared, so that the routing table decides where the reply
// leaves, except for link-local addresses, which mean nothing without it.
func (c *control) turnRound() {
	if c.hdr.Level == unix.IPPROTO_IP {
		clear(c.data[:4])
		copy(c.data[4:8], c.data[8:12])
		return
	}
	if c.data[0] == 0xfe && c.data[1]&0xc0 == 0x80 {
		return
	}
	clear(c.data[16:20])
}
