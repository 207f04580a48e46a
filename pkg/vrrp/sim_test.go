package vrrp

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// The simulated world: nodes, each with a Router, a timer and a kernel that
// drops addresses when they are not refreshed; a network that loses, delays
// and partitions.

type simNode struct {
	name    int
	addr    netip.Addr
	r       Router
	running bool
	paused  bool
	timer   time.Duration
	expires time.Duration // of the addresses in this node's kernel; 0: none
	queue   []simPacket   // what waits while paused
	seq     uint64
	mute    bool     // neither says nor understands hellos, like keepalived
	net     int      // only nodes of the same one hear each other
	host    *simHost // with a sync group; nil: none
}

// simHost is a machine whose instances form a sync group. A node is one
// instance; its name is its configuration's.
type simHost struct {
	group   Group
	members []*simNode
	orders  []Order
}

type simPacket struct {
	at       time.Duration // of arrival
	order    int
	from, to int
	advert   *Advert
	message  *Message
}

type packetHeap []simPacket

func (h packetHeap) Len() int { return len(h) }
func (h packetHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h packetHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *packetHeap) Push(x any)   { *h = append(*h, x.(simPacket)) }
func (h *packetHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	return p
}

const maxSimNodes = 4

type world struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Duration
	nodes   []*simNode
	flying  packetHeap
	loss    float64
	delay   time.Duration // at most
	cut     [maxSimNodes][maxSimNodes]bool
	arp     [2]int // per net: who announced last
	packets int
	// When the last packet of a sort reaches each node from each.
	lastArrival, lastMessage [maxSimNodes][maxSimNodes]time.Duration
	steps                    int
	history                  []string
	// watch is called after every moment at which something may have changed,
	// and once more just before time moves on.
	watch func()
}

func newWorld(t *testing.T, seed uint64, configs ...*Config) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), watch: func() {}}
	for i, c := range configs {
		w.nodes = append(w.nodes, &simNode{name: i, addr: c.Local, r: New(c)})
	}
	return w
}

// fail ends the test with what happened last.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.history[max(0, len(w.history)-40):] {
		w.t.Log(line)
	}
	w.t.Fatalf("at %v, after %d steps: %s", w.now, w.steps, fmt.Sprintf(format, args...))
}

func (w *world) step(n *simNode, ev Event) {
	w.steps++
	r, actions := n.r.Step(ev)
	n.r = r
	for _, a := range actions {
		w.do(n, a)
	}
	w.obey(n.host)
	if n.r.running && n.r.state != Init && n.timer == 0 && n.r.draining == 0 {
		w.fail("node %d runs without a timer after %T", n.name, ev)
	}
	holds := n.expires > 0
	if (n.r.state == Master) != holds && n.r.draining == 0 {
		w.fail("node %d is %v, has addresses: %v, after %T", n.name, n.r.state, holds, ev)
	}
}

// obey delivers the orders of a sync group, after all that led to them is done.
func (w *world) obey(h *simHost) {
	for h != nil && len(h.orders) > 0 {
		o := h.orders[0]
		h.orders = h.orders[1:]
		for _, n := range h.members {
			if n.r.cfg.Name == o.Member && n.running {
				w.step(n, GroupOrder{w.now, o})
			}
		}
	}
}

func (w *world) do(n *simNode, a Action) {
	switch a := a.(type) {
	case SetTimer:
		n.timer = a.At
	case ClearTimer:
		n.timer = 0
	case AddAddresses:
		n.expires = w.now + AddressLifetime
	case RefreshAddresses:
		if w.now >= a.Before {
			w.fail("node %d asked for a refresh that is too late", n.name)
		}
		n.expires = w.now + AddressLifetime
	case Announce:
		w.arp[n.net] = n.name
	case ReportToGroup:
		if n.host != nil {
			var orders []Order
			n.host.group, orders = n.host.group.Step(a.Report)
			n.host.orders = append(n.host.orders, orders...)
		}
	case RemoveAddresses:
		n.expires = 0
	case SendAdvert:
		advert := a.Advert
		w.send(n, a.To, simPacket{advert: &advert})
	case SendMessage:
		n.seq++
		m := a.Message
		m.Sequence = n.seq
		w.send(n, a.To, simPacket{message: &m})
	case DrainQueue:
		w.deliverQueue(n)
		w.step(n, QueueDrained{w.now})
	case Transition, Alarm:
		w.history = append(w.history, fmt.Sprintf("%v node %d: %v", w.now, n.name, a))
		if len(w.history) > 2000 {
			w.history = w.history[1000:]
		}
	}
}

func (w *world) send(n *simNode, to netip.Addr, p simPacket) {
	for _, other := range w.nodes {
		if other == n || to.IsValid() && !to.IsMulticast() && to != other.addr {
			continue
		}
		if other.net != n.net || p.message != nil && (n.mute || other.mute) {
			continue
		}
		if w.cut[n.name][other.name] || w.rng.Float64() < w.loss {
			continue
		}
		p.from, p.to, p.order = n.name, other.name, w.packets
		p.at = w.now + time.Duration(w.rng.Int64N(int64(w.delay)))
		// Packets of one sort keep their order, as on a real path.
		last := &w.lastArrival[n.name][other.name]
		if p.message != nil {
			last = &w.lastMessage[n.name][other.name]
		}
		p.at = max(p.at, *last)
		*last = p.at
		w.packets++
		heap.Push(&w.flying, p)
	}
}

func (w *world) receive(n *simNode, p simPacket) {
	from := w.nodes[p.from].addr
	switch {
	case !n.running:
	case p.advert != nil:
		w.step(n, AdvertReceived{w.now, from, *p.advert, w.now - p.at, 0})
	case p.message.Kind == KindHandover:
		w.step(n, HandoverReceived{w.now, from, *p.message, w.now - p.at, 0})
	default:
		w.step(n, HelloReceived{w.now, from, *p.message, w.now - p.at, 0})
	}
}

func (w *world) deliverQueue(n *simNode) {
	queue := n.queue
	n.queue = nil
	for _, p := range queue {
		w.receive(n, p)
	}
}

// run lets everything happen until a time.
func (w *world) run(until time.Duration) {
	for {
		next, node := until, (*simNode)(nil)
		for _, n := range w.nodes {
			if n.running && !n.paused && n.timer > 0 && n.timer < next {
				next, node = n.timer, n
			}
			if n.expires > 0 && n.expires < next && (n.paused || !n.running) {
				next, node = n.expires, nil
			}
		}
		packet := len(w.flying) > 0 && w.flying[0].at <= next
		if packet {
			next = w.flying[0].at
		}
		w.watch()
		w.now = max(w.now, next)
		w.expire()
		switch {
		case packet:
			p := heap.Pop(&w.flying).(simPacket)
			if n := w.nodes[p.to]; n.paused {
				n.queue = append(n.queue, p)
			} else {
				w.receive(n, p)
			}
		case node != nil:
			node.timer = 0
			w.step(node, Wake{w.now})
		case next == until:
			w.watch()
			return
		}
		w.watch()
	}
}

// expire is the kernel: it takes addresses away that were not refreshed.
func (w *world) expire() {
	for _, n := range w.nodes {
		if n.expires > 0 && n.expires <= w.now && (n.paused || !n.running) {
			n.expires = 0
		}
	}
}

func (w *world) start(n *simNode) {
	n.r, n.running, n.paused, n.timer, n.queue = New(n.r.cfg), true, false, 0, nil
	n.expires = 0 // what a former life has left is removed at the start
	w.step(n, Start{w.now})
	w.note(n, "starts")
}

func (w *world) stop(n *simNode) {
	w.note(n, "stops")
	w.step(n, Stop{At: w.now})
	n.running = false
}

// crash is kill -9 or the loss of power without the loss of the kernel.
func (w *world) crash(n *simNode) {
	w.note(n, "crashes")
	n.running, n.timer = false, 0
}

func (w *world) pause(n *simNode) { w.note(n, "pauses"); n.paused = true }

func (w *world) resume(n *simNode) {
	w.note(n, "goes on")
	n.paused = false
	if n.timer > 0 && n.timer <= w.now {
		n.timer = 0
		w.step(n, Wake{w.now})
	}
	w.deliverQueue(n)
}

func (w *world) note(n *simNode, what string) {
	w.history = append(w.history, fmt.Sprintf("%v node %d %s", w.now, n.name, what))
}

// masters returns how many running nodes are Master.
func (w *world) masters() (count int) {
	for _, n := range w.nodes {
		if n.running && !n.paused && n.r.state == Master {
			count++
		}
	}
	return count
}

// holders returns in how many kernels the addresses are.
func (w *world) holders() (count int) {
	for _, n := range w.nodes {
		if n.expires > w.now {
			count++
		}
	}
	return count
}

// meter measures how long a condition held without a break.
type meter struct {
	since, longest time.Duration
	on             bool
}

func (m *meter) see(now time.Duration, holds bool) {
	if m.on {
		m.longest = max(m.longest, now-m.since)
	}
	if holds && !m.on {
		m.since = now
	}
	m.on = holds
}
