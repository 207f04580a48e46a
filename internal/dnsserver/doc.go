// Package dnsserver owns the sockets of the DNS server: it binds them, reads
// queries from UDP and TCP, hands each to a [Handler], and sends back what the
// handler appended. It decides nothing about an answer and reads no more of a
// message than its length.
//
// Use it in three steps:
//
//	s, err := dnsserver.Listen(cfg) // binds everything; needs the privilege for port 53
//	h := newHandler(s.Workers())    // scratch space for each worker
//	err = s.Run(ctx, h)             // serves until ctx ends, then answers what is queued
//
// UDP: one socket and one goroutine, which keeps a thread of its own busy or
// waiting in the kernel, per address and worker, joined by SO_REUSEPORT,
// reading and writing in batches with recvmmsg(2) and sendmmsg(2). A query costs no allocation and a fraction of a
// system call. Replies leave from the address that was asked, also on wildcard
// sockets.
//
// TCP: a few event loops, each of which serves its connections from one
// goroutine (RFC 7766), with bounds on connections in all and per client, on the
// time that a client may take to send a query or to take an answer, on the
// length of a query, and on what is held in memory for all together. A
// connection that waits holds no buffer. Queries of one connection are answered
// in order; those that came together are answered in one write.
//
// When a bound on connections is reached, the connection that has been idle
// for longest makes room (of that client, if it is the client's own bound).
// If none is idle, the new connection is reset.
//
// The package is for Linux only.
package dnsserver
