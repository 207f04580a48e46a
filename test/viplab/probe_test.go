package viplab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
)

const (
	probePort  = 7777
	probeEvery = time.Millisecond
	// probeMemory is how many probes are remembered: a little over a minute.
	probeMemory = 1 << 16
)

// probe is one datagram of the client.
type probe struct {
	sent time.Duration
	by   byte // the node that answered, 0: none
}

// client sends a probe to the virtual address every millisecond, and keeps who
// answered. Its threads have real-time priority and wait for nobody, so that a
// busy machine does not look like an outage.
type client struct {
	fd     int
	vip    netip.Addr
	closed atomic.Bool
	wg     sync.WaitGroup

	next atomic.Uint64 // number of the last probe
	sent [probeMemory]atomic.Int64
	by   [probeMemory]atomic.Uint32
}

// now is the time of everything in the laboratory.
func now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// realtime gives the goroutine a thread of real-time priority, where that is
// permitted. The goroutine must end without unlocking it.
func realtime() {
	runtime.LockOSThread()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 10}, 0)
}

func startClient(t testing.TB, s *netnstest.Space, vip netip.Addr) *client {
	c := &client{vip: vip}
	s.Do(func() { c.fd = datagrams(t, vip) })
	c.wg.Go(c.send)
	c.wg.Go(c.receive)
	t.Cleanup(func() {
		c.closed.Store(true)
		c.wg.Wait()
		unix.Close(c.fd)
	})
	return c
}

// datagrams returns a UDP socket whose reads end after a while.
func datagrams(t testing.TB, vip netip.Addr) int {
	domain := unix.AF_INET
	if vip.Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is6() {
		return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
	}
	return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
}

func (c *client) send() {
	realtime()
	to, buf := sockaddr(c.vip, probePort), make([]byte, 16)
	for at := now(); !c.closed.Load(); {
		if at += probeEvery; at < now() {
			at = now()
		}
		ts := unix.NsecToTimespec(int64(at))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		seq := c.next.Load() + 1
		c.by[seq%probeMemory].Store(0)
		c.sent[seq%probeMemory].Store(int64(now()))
		c.next.Store(seq)
		binary.BigEndian.PutUint64(buf, seq)
		_ = unix.Sendto(c.fd, buf, 0, to) // what is not sent is not answered
	}
}

func (c *client) receive() {
	realtime()
	buf := make([]byte, 64)
	for !c.closed.Load() {
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil || n != 17 {
			continue
		}
		seq := binary.BigEndian.Uint64(buf)
		if c.next.Load()-seq < probeMemory/2 {
			c.by[seq%probeMemory].Store(uint32(buf[16]))
		}
	}
}

// probes returns those sent from a time on, in order, at most half a minute's.
func (c *client) probes(from time.Duration) []probe {
	var out []probe
	last := c.next.Load()
	for seq := last; seq > 0 && last-seq < probeMemory/2; seq-- {
		p := probe{time.Duration(c.sent[seq%probeMemory].Load()), byte(c.by[seq%probeMemory].Load())}
		if p.sent < from {
			break
		}
		out = append(out, p)
	}
	slices.Reverse(out)
	return out
}

// gap is the longest time without an answer, from a time on: between the
// sending of the last answered probe before probes that were not answered and
// the sending of the first answered one after them. A time in which nothing
// was sent is none.
func (c *client) gap(from time.Duration) time.Duration {
	end := now() - 5*time.Millisecond // later answers may be on their way
	last, longest, lost := from, time.Duration(0), false
	for _, p := range c.probes(from) {
		switch {
		case p.sent > end:
		case p.by == 0:
			lost = true
			longest = max(longest, p.sent-last)
		default:
			if lost {
				longest = max(longest, p.sent-last)
			}
			last, lost = p.sent, false
		}
	}
	return longest
}

// story says who answered when, in milliseconds after a time.
func (c *client) story(from time.Duration) string {
	var b strings.Builder
	var by byte = '?'
	for _, p := range c.probes(from) {
		if p.by != by {
			by = p.by
			fmt.Fprintf(&b, " %.1f %s", (p.sent-from).Seconds()*1000, map[byte]string{0: "nobody", 'a': "a", 'b': "b"}[by])
		}
	}
	return b.String()
}

// answeredBy reports whether one node has answered every probe for d.
func (c *client) answeredBy(node byte, d time.Duration) bool {
	end := now() - 5*time.Millisecond
	all := c.probes(end - d)
	for _, p := range all {
		if p.sent <= end && p.by != node {
			return false
		}
	}
	return len(all) > 0
}

// answer makes a node answer the probes that reach it, with its letter, until
// the test ends.
func answer(t testing.TB, s *netnstest.Space, vip netip.Addr, letter byte) {
	var fd int
	s.Do(func() { fd = datagrams(t, vip) })
	level, opt := unix.SOL_IP, unix.IP_FREEBIND
	if vip.Is6() {
		level, opt = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	if err := unix.SetsockoptInt(fd, level, opt, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, sockaddr(vip, probePort)); err != nil {
		t.Fatal(err)
	}
	var closed atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		realtime()
		buf := make([]byte, 64)
		for !closed.Load() {
			if n, from, err := unix.Recvfrom(fd, buf, 0); err == nil && n == 16 {
				buf[16] = letter
				_ = unix.Sendto(fd, buf[:17], 0, from)
			}
		}
	})
	t.Cleanup(func() {
		closed.Store(true)
		wg.Wait()
		unix.Close(fd)
	})
}
