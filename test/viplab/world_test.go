package viplab

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
)

// world is a bridge with the nodes a and b and the client c.
type world struct {
	t      testing.TB
	dir    string
	number int32
	set    setting
	sw     *netnstest.Space
	bridge *vnl.Handle
	ports  map[string]vnl.Link
	a, b   *node
	client *client
	routed *route
}

// node is one of the two, with what runs on it.
type node struct {
	*world
	name  string
	last  int // byte of its address
	space *netnstest.Space
	vips  *holdings
	daemon
}

var worlds atomic.Int32

func newWorld(t testing.TB, set setting) *world {
	w := &world{t: t, dir: t.TempDir(), number: worlds.Add(1), set: set, ports: map[string]vnl.Link{}, sw: netnstest.New(t)}
	w.sw.IP("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	w.sw.IP("link", "set", "br0", "up")
	w.a, w.b = w.node("a", 1), w.node("b", 2)
	c := w.station("c", 3)
	w.sw.Do(func() {
		var err error
		if w.bridge, err = vnl.NewHandle(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.bridge.Close)
		for _, n := range []string{"a", "b"} {
			if w.ports[n], err = w.bridge.LinkByName("p" + n); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, n := range []*node{w.a, w.b} {
		answer(t, n.space, set.vip(), n.name[0])
		n.vips = watch(t, n.space, set.vip())
	}
	w.routed = follow(t, c, w)
	w.client = startClient(t, c, set.vip())
	return w
}

// station makes a namespace with eth0 on the bridge.
func (w *world) station(name string, last int) *netnstest.Space {
	s := netnstest.New(w.t)
	netnstest.Join(w.t, s, w.sw, "p"+name)
	w.sw.IP("link", "set", "p"+name, "master", "br0")
	s.IP("link", "set", "p"+name, "down")
	s.IP("link", "set", "p"+name, "name", "eth0")
	s.IP("addr", "add", fmt.Sprintf("10.77.0.%d/24", last), "dev", "eth0")
	s.IP("addr", "add", fmt.Sprintf("fd00:77::%d/64", last), "dev", "eth0")
	s.IP("link", "set", "eth0", "up")
	return s
}

func (w *world) node(name string, last int) *node {
	return &node{world: w, name: name, last: last, space: w.station(name, last)}
}

// plug sets the port of a node up or down.
func (w *world) plug(n *node, up bool) {
	set := w.bridge.LinkSetDown
	if up {
		set = w.bridge.LinkSetUp
	}
	if err := set(w.ports[n.name]); err != nil {
		w.t.Fatal(err)
	}
}

// partition cuts the two nodes off from each other; the client reaches both.
func (w *world) partition() {
	for _, p := range w.ports {
		if err := w.bridge.LinkSetIsolated(p, true); err != nil {
			w.t.Fatal(err)
		}
	}
}

// heal joins them again: one open port is enough, so it happens at once.
func (w *world) heal() {
	if err := w.bridge.LinkSetIsolated(w.ports["b"], false); err != nil {
		w.t.Fatal(err)
	}
}

// within waits until something is so, and reports whether it came to be.
func within(limit time.Duration, so func() bool) bool {
	for end := now() + limit; !so(); time.Sleep(10 * time.Millisecond) {
		if now() > end {
			return false
		}
	}
	return true
}

func (w *world) must(limit time.Duration, what string, so func() bool) {
	w.t.Helper()
	if !within(limit, so) {
		w.t.Fatalf("%s: not within %v: %s\n%s\n%s", w.set.name, limit, what, w.a.said(), w.b.said())
	}
}

// holdings is when a node had the virtual address.
type holdings struct {
	mu    sync.Mutex
	spans []span
}

// span is a time; to is 0 while it lasts.
type span struct{ from, to time.Duration }

// watch follows the kernel's news of an address, on a thread of real-time
// priority: when it is read is when it happened.
func watch(t testing.TB, s *netnstest.Space, vip netip.Addr) *holdings {
	h := &holdings{}
	var sock *nl.NetlinkSocket
	var err error
	s.Do(func() {
		sock, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	})
	if err == nil {
		err = sock.SetReceiveTimeout(&unix.Timeval{Usec: 200_000})
	}
	if err != nil {
		t.Fatal(err)
	}
	var closed atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		realtime()
		for !closed.Load() {
			news, _, err := sock.Receive()
			at := now()
			for i := range news {
				if err == nil && addressOf(news[i].Data) == vip {
					h.take(news[i].Header.Type == unix.RTM_NEWADDR, at)
				}
			}
		}
	})
	t.Cleanup(func() { closed.Store(true); wg.Wait(); sock.Close() })
	return h
}

// addressOf returns the address that a message of the kernel is about.
func addressOf(data []byte) (addr netip.Addr) {
	if len(data) < unix.SizeofIfAddrmsg {
		return addr
	}
	attrs, err := nl.ParseRouteAttr(data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return addr
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			addr, _ = netip.AddrFromSlice(a.Value)
			return addr
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(a.Value)
		}
	}
	return addr
}

func (h *holdings) take(there bool, at time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch open := len(h.spans) > 0 && h.spans[len(h.spans)-1].to == 0; {
	case there && !open:
		h.spans = append(h.spans, span{from: at})
	case !there && open:
		h.spans[len(h.spans)-1].to = at
	}
}

// has reports whether the address is there now.
func (h *holdings) has() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.spans) > 0 && h.spans[len(h.spans)-1].to == 0
}

// since returns the times from a time on at which the address was there.
func (h *holdings) since(from time.Duration) []span {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []span
	for _, s := range h.spans {
		if s.to == 0 {
			s.to = now()
		}
		if s.to > from {
			out = append(out, span{max(s.from, from), s.to})
		}
	}
	return out
}

// gained returns when the address came first after a time, 0 if it did not.
func (h *holdings) gained(from time.Duration) time.Duration {
	for _, s := range h.since(from) {
		if s.from > from {
			return s.from
		}
	}
	return 0
}

// onBoth is the longest time without a break that both had the address.
func onBoth(a, b *holdings, from time.Duration) (longest time.Duration) {
	for _, x := range a.since(from) {
		for _, y := range b.since(from) {
			longest = max(longest, min(x.to, y.to)-max(x.from, y.from))
		}
	}
	return longest
}

// story says what happened after a time: who answered the client, and who had
// the address.
func (w *world) story(from time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "answered by:%s", w.client.story(from))
	for _, n := range []*node{w.a, w.b} {
		fmt.Fprintf(&b, "; %s had the address:", n.name)
		for _, s := range n.vips.since(from) {
			fmt.Fprintf(&b, " %.1f to %.1f", (s.from-from).Seconds()*1000, (s.to-from).Seconds()*1000)
		}
	}
	fmt.Fprintf(&b, "; the client sent to:%s", w.routed.story(from))
	return b.String()
}

// route is where the client believes the address to be: the link address that
// its kernel sends to, each time that changed.
type route struct {
	mu    sync.Mutex
	turns []string
	at    []time.Duration
}

// follow watches the neighbour table of the client.
func follow(t testing.TB, c *netnstest.Space, w *world) *route {
	names := map[string]string{}
	for _, n := range []*node{w.a, w.b} {
		n.space.Do(func() {
			l, err := vnl.LinkByName("eth0")
			if err != nil {
				t.Fatal(err)
			}
			names[l.Attrs().HardwareAddr.String()] = n.name
		})
	}
	r := &route{}
	news, done := make(chan vnl.NeighUpdate, 1024), make(chan struct{})
	var err error
	c.Do(func() { err = vnl.NeighSubscribe(news, done) })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for u := range news {
			if ip, ok := netip.AddrFromSlice(u.IP); ok && ip.Unmap() == w.set.vip() {
				to := names[u.HardwareAddr.String()]
				if to == "" || u.State&(vnl.NUD_FAILED|vnl.NUD_INCOMPLETE) != 0 {
					to = "nobody"
				}
				r.take(to, now())
			}
		}
	})
	t.Cleanup(func() { close(done); wg.Wait() })
	return r
}

func (r *route) take(to string, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.turns); n == 0 || r.turns[n-1] != to {
		r.turns, r.at = append(r.turns, to), append(r.at, at)
	}
}

func (r *route) story(from time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for i, to := range r.turns {
		if i+1 == len(r.turns) || r.at[i+1] > from {
			fmt.Fprintf(&b, " %.1f %s", (r.at[i]-from).Seconds()*1000, to)
		}
	}
	return b.String()
}

// flush removes what a dead daemon left behind.
func (n *node) flush() {
	if n.vips.has() {
		out := n.space.IP("-o", "addr", "show", "dev", "eth0")
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) > 3 && strings.HasPrefix(f[3], n.set.vip().String()+"/") {
				n.space.IP("addr", "del", f[3], "dev", "eth0")
			}
		}
	}
}
