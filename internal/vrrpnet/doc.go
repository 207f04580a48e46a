// Package vrrpnet owns the sockets of a virtual router: a raw one for
// advertisements (IP protocol 112) and a UDP one for messages between vipd
// nodes. Linux only.
//
// It decides nothing: bytes and where they came from go out, package vrrp
// judges them. What it leaves out of a socket's queue, in the kernel, are
// packets that are none of our business: other virtual routers, our own
// packets, other interfaces.
//
// The entry points are [Open], one for each instance, and [OpenMessages], one
// for each interface and source address: several instances that share these
// must share the socket, since the kernel gives a datagram to one socket only.
// A socket belongs to the network namespace of the thread that opened it.
//
// What is sent looks like keepalived's: TTL or hop limit 255 (over IPv6
// keepalived sends unicast with 64), class 0xc0, no fragmentation bit, an IP
// identification that counts advertisements.
package vrrpnet

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// Errors that a caller may want to tell from others, with errors.Is.
var (
	// ErrNoInterface: there is no interface of that name, or it is gone:
	// [Conn.Reopen] when it is back.
	ErrNoInterface = errors.New("no such interface")
	// ErrNoSource: the source is no address of this node (yet), or the
	// interface has none.
	ErrNoSource = errors.New("no source address")
	// ErrPermission: raw sockets need CAP_NET_RAW.
	ErrPermission = errors.New("not permitted: CAP_NET_RAW is needed")
	// ErrClosed: the socket has been closed.
	ErrClosed = errors.New("closed")

	errPolled = errors.New("its owner polls it")
)

// Error is what went wrong with a socket.
type Error struct {
	Op        string // "open", "send to 192.0.2.1", "receive"
	Interface string
	Err       error // one of the Err… above, or a unix.Errno
}

func (e *Error) Error() string {
	if e.Interface == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Interface, e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Packet is a packet that was received.
type Packet struct {
	vrrp.Packet               // its Data belongs to the receiver
	At          time.Duration // when the kernel had it, since boot (CLOCK_BOOTTIME)
	Interface   int           // index of the interface that it came in on
}

// Age returns how long the packet had waited at now.
func (p Packet) Age(now time.Duration) time.Duration { return max(now-p.At, 0) }

// group returns the VRRP group of an address family.
func group(a netip.Addr) netip.Addr {
	if a.Is4() {
		return vrrp.GroupV4
	}
	return vrrp.GroupV6
}
