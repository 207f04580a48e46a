package dnsio

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"
)

// tcpConn is an accepted connection.
type tcpConn struct {
	*net.TCPConn
	from   netip.AddrPort
	client netip.Prefix  // whom it counts for
	idleAt *list.Element // in connTable.idlers while it waits for a query
}

// connTable bounds the connections in all and per client.
type connTable struct {
	max, perClient int

	mu      sync.Mutex
	all     map[*tcpConn]struct{}
	clients map[netip.Prefix]int
	idlers  *list.List // of *tcpConn, the one that waits for longest first
	stopped bool
}

func newConnTable(limit, perClient int) *connTable {
	return &connTable{
		max: limit, perClient: perClient,
		all: map[*tcpConn]struct{}{}, clients: map[netip.Prefix]int{}, idlers: list.New(),
	}
}

// clientOf returns whom an address counts for: itself for IPv4, and the /56,
// which is what one customer of a provider has, for IPv6.
func clientOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 56
	}
	p, _ := a.Prefix(bits) // fails only for an invalid address
	return p
}

// add takes a connection in. At a bound, the longest idle connection (of the
// client, at the client's bound) is closed to make room; ok is false if none
// is idle.
func (t *connTable) add(c *net.TCPConn) (conn *tcpConn, evicted, ok bool) {
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	conn = &tcpConn{TCPConn: c, from: from, client: clientOf(from.Addr())}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return nil, false, false
	}
	if t.clients[conn.client] >= t.perClient {
		if evicted = t.evict(&conn.client); !evicted {
			return nil, false, false
		}
	}
	if len(t.all) >= t.max {
		if !t.evict(nil) {
			return nil, evicted, false
		}
		evicted = true
	}
	t.all[conn] = struct{}{}
	t.clients[conn.client]++
	return conn, evicted, true
}

// evictIdle closes the longest idle connection, of client if that is not nil.
func (t *connTable) evictIdle(client *netip.Prefix) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.evict(client)
}

// evict is evictIdle with the lock held. The connection leaves the table at
// once; its goroutine notices the closed socket and ends.
func (t *connTable) evict(client *netip.Prefix) bool {
	for e := t.idlers.Front(); e != nil; e = e.Next() {
		c := e.Value.(*tcpConn)
		if client == nil || c.client == *client {
			t.drop(c)
			c.Close()
			return true
		}
	}
	return false
}

// drop takes a connection out of the table, once.
func (t *connTable) drop(c *tcpConn) {
	if _, there := t.all[c]; !there {
		return
	}
	delete(t.all, c)
	if t.clients[c.client]--; t.clients[c.client] == 0 {
		delete(t.clients, c.client)
	}
	t.unlist(c)
}

func (t *connTable) unlist(c *tcpConn) {
	if c.idleAt != nil {
		t.idlers.Remove(c.idleAt)
		c.idleAt = nil
	}
}

// remove takes out a connection that ended.
func (t *connTable) remove(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(c)
}

// idle notes that c waits for a query; it reports false if c is to end.
func (t *connTable) idle(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.all[c]; !there || t.stopped {
		return false
	}
	if c.idleAt == nil {
		c.idleAt = t.idlers.PushBack(c)
	}
	return true
}

// busy notes that c has a query.
func (t *connTable) busy(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unlist(c)
}

// len returns the number of open connections.
func (t *connTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// stop takes no more connections and ends the reads of all; what they are
// writing is finished.
func (t *connTable) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	now := time.Now()
	for c := range t.all {
		_ = c.SetReadDeadline(now) // fails only on a closed connection
	}
}
