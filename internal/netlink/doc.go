// Package netlink owns what vipd asks of the kernel's rtnetlink: addresses with
// a lifetime, routes and policy rules, the list of interfaces, and news of all
// of them. Linux only.
//
// It decides nothing: when an address is added, renewed or removed is said by
// its caller. It does keep two promises by itself, since to break them is
// beyond repair: an address that was there for good is never given a lifetime
// nor removed by a [Holder], and an address whose lifetime has run out is never
// renewed (it may live on another node by then).
//
// The entry points are [Open] for a socket, [Conn.Hold] for the addresses of
// one instance, and [OpenMonitor] for events. A socket belongs to the network
// namespace of the thread that opened it, and to one goroutine at a time.
//
// # Whose address is it
//
// Every address that vipd adds carries [AddrProto] in IFA_PROTO (Linux 5.18;
// newer `ip address` shows "proto 112"); older kernels ignore it. Routes and
// rules have no room for a second mark: their protocol, RTPROT_KEEPALIVED
// unless the file says otherwise, is all there is.
package netlink

import (
	"time"

	"golang.org/x/sys/unix"
)

// AddrProto marks the addresses of vipd in IFA_PROTO. The kernel itself uses 1
// to 3 and keepalived 18; 112 is VRRP's protocol number.
const AddrProto = 112

// RouteProto is RTPROT_KEEPALIVED, the protocol of routes and rules for which
// the file says nothing else.
const RouteProto = 18

// Forever is a lifetime, in seconds, that never ends.
const Forever = 0xffffffff

// Now returns the time since boot, with suspension (CLOCK_BOOTTIME): the clock
// of every deadline here.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("netlink: no CLOCK_BOOTTIME: " + err.Error()) // every Linux since 2.6.39 has it
	}
	return time.Duration(ts.Nano())
}
