package dnsio

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many datagrams one system call may read or write. Under
	// little load a call returns with one; under much, its cost is shared.
	batchSize = 64
	// maxDatagram is the longest query read, in bytes; what no client sends
	// is not worth the memory.
	maxDatagram = 4096
	// maxReply is the room for an answer, in bytes.
	maxReply = 4096
	// wakeUp is how often a thread that waits for queries looks whether the
	// service ends.
	wakeUp = 200 * time.Millisecond
	// controlSize holds the address that was asked (IP_PKTINFO).
	controlSize = 64
)

// udpSocket is one socket, read by one thread.
type udpSocket struct {
	fd       int
	v6       bool
	wildcard bool // answers must name the address that was asked

	drops     uint64 // by the kernel; see noteDrops
	lastDrops uint32
	counters  udpCounters
}

// bindUDP opens one UDP socket.
func bindUDP(addr netip.AddrPort, buffer int) (*udpSocket, error) {
	fd, err := socket(addr, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	u := &udpSocket{fd: fd, v6: addr.Addr().Is6(), wildcard: addr.Addr().IsUnspecified()}
	if err := u.configure(buffer); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	return u, nil
}

// configure sets the options of the socket.
func (u *udpSocket) configure(buffer int) error {
	tv := unix.NsecToTimeval(int64(wakeUp))
	if err := unix.SetsockoptTimeval(u.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return err
	}
	// Without the privilege the kernel grants what its limits allow.
	for _, opt := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, opt[0], buffer) != nil {
			_ = unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, opt[1], buffer)
		}
	}
	// No path MTU is believed: a forged ICMP message must not make answers
	// go out in fragments, which can be replaced on the way (RFC 9715).
	if u.v6 {
		if err := unix.SetsockoptInt(u.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT); err != nil {
			return err
		}
		if u.wildcard {
			return unix.SetsockoptInt(u.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
		return nil
	}
	if err := unix.SetsockoptInt(u.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT); err != nil {
		return err
	}
	if u.wildcard {
		return unix.SetsockoptInt(u.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return nil
}

func (u *udpSocket) close() error { return unix.Close(u.fd) }

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// batch is the memory of one thread. The kernel is given pointers into it;
// that is safe because all of it is one heap object that the thread holds for
// as long as it serves, and Go's collector moves no heap object.
type batch struct {
	in, out     [batchSize]mmsghdr
	inIov       [batchSize]unix.Iovec
	outIov      [batchSize]unix.Iovec
	names       [batchSize]unix.RawSockaddrInet6 // large enough for both families
	controls    [batchSize][controlSize]byte
	packets     [batchSize][maxDatagram]byte
	replies     [batchSize][maxReply]byte
	wantControl bool
}

func newBatch(wantControl bool) *batch {
	b := &batch{wantControl: wantControl}
	for i := range b.in {
		b.inIov[i].Base = &b.packets[i][0]
		b.inIov[i].SetLen(maxDatagram)
		h := &b.in[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Iov = &b.inIov[i]
		h.SetIovlen(1)
		b.out[i].hdr.Iov = &b.outIov[i]
		b.out[i].hdr.SetIovlen(1)
		b.rearm(i)
	}
	return b
}

// rearm makes message i ready to be received into again.
func (b *batch) rearm(i int) {
	h := &b.in[i].hdr
	h.Namelen = uint32(unsafe.Sizeof(b.names[i]))
	h.Flags = 0
	if b.wantControl {
		h.Control = &b.controls[i][0]
		h.SetControllen(controlSize)
	}
}

// serveUDP answers what comes in at one socket until the service stops, and
// then what is queued.
func (s *Server) serveUDP(worker int, u *udpSocket, h Handler) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := newBatch(u.wildcard)
	var pause backoff
	for {
		n, errno := receive(u.fd, b)
		switch errno {
		case 0:
			pause.reset()
			s.answerBatch(worker, u, b, n, h)
		case unix.EAGAIN, unix.EINTR:
			if s.stopping.Load() {
				return // nothing came for a while: the queue is empty
			}
		default:
			// An ICMP error of an earlier answer is reported here too; more of
			// them must not make this a busy loop.
			u.counters.receiveErrors.Add(1)
			if s.stopping.Load() {
				return
			}
			time.Sleep(pause.next())
		}
	}
}

// receive reads at least one datagram, and as many as are queued.
func receive(fd int, b *batch) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.in[0])),
		batchSize, unix.MSG_WAITFORONE, 0, 0)
	return int(n), errno
}

// answerBatch answers the n messages of b in one go.
func (s *Server) answerBatch(worker int, u *udpSocket, b *batch, n int, h Handler) {
	u.counters.received.Add(uint64(n))
	now := uint32(time.Now().Unix())
	out := 0
	for i := range n {
		if reply := s.answerOne(worker, u, b, i, now, h, b.replies[out][:0]); len(reply) > 0 {
			b.queue(out, i, reply)
			out++
		}
	}
	s.send(u, b, out)
	for i := range n {
		b.rearm(i)
	}
}

// answerOne hands message i to the handler; nil is silence.
func (s *Server) answerOne(worker int, u *udpSocket, b *batch, i int, now uint32, h Handler, out []byte) []byte {
	m := &b.in[i]
	from := b.sender(i, u.v6)
	switch {
	case m.hdr.Flags&unix.MSG_TRUNC != 0:
		u.counters.oversized.Add(1)
		return nil
	case from.Port() == 0:
		u.counters.portZero.Add(1)
		return nil
	case u.wildcard && !b.asked(i, u.v6):
		u.counters.notUnicast.Add(1)
		return nil
	}
	reply := s.answer(h, worker, b.packets[i][:m.len], from, false, now, out)
	if len(reply) == 0 {
		u.counters.silent.Add(1)
	}
	return reply
}

// sender returns who sent message i.
func (b *batch) sender(i int, v6 bool) netip.AddrPort {
	sa := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if v6 {
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), port)
	}
	// The same memory as the kernel filled it in for IPv4.
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
}

// asked turns the control message of message i, which says what address was
// asked, into one that says where the answer is to leave from. It reports false
// if that is no address that answers can leave from.
func (b *batch) asked(i int, v6 bool) bool {
	size := int(b.in[i].hdr.Controllen)
	c := (*unix.Cmsghdr)(unsafe.Pointer(&b.controls[i][0]))
	data := unsafe.Pointer(&b.controls[i][unix.CmsgLen(0)])
	if v6 {
		if size < unix.CmsgSpace(unix.SizeofInet6Pktinfo) || c.Level != unix.IPPROTO_IPV6 || c.Type != unix.IPV6_PKTINFO {
			return false
		}
		info := (*unix.Inet6Pktinfo)(data)
		a := netip.AddrFrom16(info.Addr)
		if !a.IsLinkLocalUnicast() {
			info.Ifindex = 0 // leave it to the routing table
		}
		return !a.IsMulticast()
	}
	if size < unix.CmsgSpace(unix.SizeofInet4Pktinfo) || c.Level != unix.IPPROTO_IP || c.Type != unix.IP_PKTINFO {
		return false
	}
	info := (*unix.Inet4Pktinfo)(data)
	// Spec_dst differs from the destination for broadcast and multicast.
	unicast := info.Spec_dst == info.Addr
	info.Ifindex = 0
	return unicast
}

// queue makes reply the o-th answer to be sent, to the sender of message i.
func (b *batch) queue(o, i int, reply []byte) {
	b.outIov[o].Base = &reply[0]
	b.outIov[o].SetLen(len(reply))
	h := &b.out[o].hdr
	h.Name = b.in[i].hdr.Name
	h.Namelen = b.in[i].hdr.Namelen
	h.Control, h.Controllen = nil, 0
	if b.wantControl {
		h.Control, h.Controllen = b.in[i].hdr.Control, b.in[i].hdr.Controllen
	}
}

// send writes the first n answers. One that the kernel refuses is counted and
// passed over: its client asks again.
func (s *Server) send(u *udpSocket, b *batch, n int) {
	for done := 0; done < n; {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(u.fd), uintptr(unsafe.Pointer(&b.out[done])),
			uintptr(n-done), 0, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0 || sent == 0:
			u.counters.sendErrors.Add(1)
			done++
		default:
			u.counters.sent.Add(uint64(sent))
			done += int(sent)
		}
	}
}
