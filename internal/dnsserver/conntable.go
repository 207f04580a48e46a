package dnsserver

import (
	"container/list"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// connTable knows the open TCP connections, whose they are, and for how long
// they have been idle. It says which one must go when a bound is reached.
type connTable struct {
	maxConns, maxPerClient int

	mu      sync.Mutex
	all     map[*conn]struct{}
	clients map[netip.Prefix]*clientConns
	idle    list.List // of *conn; the longest idle one in front
}

// clientConns are the connections of one client.
type clientConns struct {
	open int
	idle list.List // of *conn, as above
}

func newConnTable(maxConns, maxPerClient int) *connTable {
	return &connTable{
		maxConns: maxConns, maxPerClient: maxPerClient,
		all: make(map[*conn]struct{}), clients: make(map[netip.Prefix]*clientConns),
	}
}

// clientOf returns the prefix whose connections are counted together: an IPv4
// address, or an IPv6 /56, which is what one subscriber commonly has.
func clientOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// admit adds c as a connection that is idle. If a bound is reached, the
// connection that has been idle for longest goes instead: it is returned, hung
// up and no longer counted. ok is false if there is none.
func (t *connTable) admit(c *conn) (evicted *conn, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	client := t.clients[c.client]
	switch {
	case client != nil && client.open >= t.maxPerClient:
		evicted = front(&client.idle)
	case len(t.all) >= t.maxConns:
		evicted = front(&t.idle)
	default:
		t.add(c)
		return nil, true
	}
	if evicted == nil {
		return nil, false
	}
	t.evict(evicted)
	t.add(c)
	return evicted, true
}

// evictIdle hangs up the connection that has been idle for longest, or returns
// nil if there is none.
func (t *connTable) evictIdle() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := front(&t.idle)
	if c != nil {
		t.evict(c)
	}
	return c
}

// evict drops c and hangs it up, which its loop notices and closes it. Its
// descriptor is still its own: a loop takes a connection out of the table
// before it closes it.
func (t *connTable) evict(c *conn) {
	t.drop(c)
	if c.fd > 0 {
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // the client may have gone
	}
}

// setBusy says that c has begun to send a query, or has not taken its answer. It returns false if c was
// dropped to make room.
func (t *connTable) setBusy(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.all[c]; !ok {
		return false
	}
	t.unlist(c)
	return true
}

// setIdle says that c has nothing left to be answered, and that it had until
// now. It returns false if c was dropped to make room.
func (t *connTable) setIdle(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.all[c]
	if ok {
		t.list(c)
	}
	return ok
}

// remove drops c, if it is still there.
func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.all[c]; ok {
		t.drop(c)
	}
}

// len returns how many connections are open.
func (t *connTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

func (t *connTable) add(c *conn) {
	client := t.clients[c.client]
	if client == nil {
		client = &clientConns{}
		t.clients[c.client] = client
	}
	client.open++
	t.all[c] = struct{}{}
	t.list(c)
}

func (t *connTable) drop(c *conn) {
	t.unlist(c)
	delete(t.all, c)
	client := t.clients[c.client]
	client.open--
	if client.open == 0 {
		delete(t.clients, c.client)
	}
}

// list puts c at the end of the idle ones, and unlist takes it out.
func (t *connTable) list(c *conn) {
	if c.idleAll != nil {
		t.idle.MoveToBack(c.idleAll)
		t.clients[c.client].idle.MoveToBack(c.idleClient)
		return
	}
	c.idleAll = t.idle.PushBack(c)
	c.idleClient = t.clients[c.client].idle.PushBack(c)
}

func (t *connTable) unlist(c *conn) {
	if c.idleAll == nil {
		return
	}
	t.idle.Remove(c.idleAll)
	t.clients[c.client].idle.Remove(c.idleClient)
	c.idleAll, c.idleClient = nil, nil
}

func front(l *list.List) *conn {
	if e := l.Front(); e != nil {
		return e.Value.(*conn)
	}
	return nil
}
