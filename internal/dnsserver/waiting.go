package dnsserver

import "time"

// waiting is a list of connections that have the same time to wait, so that the
// one that came first is the first whose time is over: adding, leaving and
// looking cost the same however many there are.
type waiting struct {
	limit      time.Duration
	head, tail *conn
}

// add puts c at the end, from wherever it waited before.
func (w *waiting) add(c *conn, now time.Time) {
	c.leave()
	c.where, c.deadline = w, now.Add(w.limit)
	c.prev = w.tail
	if w.tail != nil {
		w.tail.next = c
	} else {
		w.head = c
	}
	w.tail = c
}

// leave takes c out of where it waits.
func (c *conn) leave() {
	w := c.where
	if w == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		w.tail = c.prev
	}
	c.where, c.prev, c.next = nil, nil, nil
}

// first returns when the first of them has waited for its time; zero if there
// is none.
func (w *waiting) first() time.Time {
	if w.head == nil {
		return time.Time{}
	}
	return w.head.deadline
}

// expired returns the first of them if its time is over at now, else nil.
func (w *waiting) expired(now time.Time) *conn {
	if w.head == nil || now.Before(w.head.deadline) {
		return nil
	}
	return w.head
}
