package dnsserver

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers packets.
type Handler interface {
	// Answer appends the reply to packet to out[:0] and returns it; nil means
	// silence. It may write to packet, and keeps neither packet nor out.
	//
	// worker is below Config.Workers for UDP, and from there to TCPShards more
	// for TCP. No two calls with the same worker run at once, so scratch space
	// per worker needs no lock. from has no zone and is never an IPv4-mapped
	// address. now is in Unix seconds, read once a batch.
	Answer(worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) []byte
}

// Preparer is a Handler that is told of all queries of a batch before it is
// asked for the answers one by one.
type Preparer interface {
	// Prepare sees the packets as they came, in the order of the answers, those
	// that will be dropped among them. It writes to none; they stay where they are
	// until Done. The worker is as for Answer.
	Prepare(worker int, packets [][]byte)
	// Done comes after the last answer of a batch for which Prepare was called.
	Done(worker int)
}

// TCPShards is how many queries that came over TCP are answered at the same
// time. An answer takes microseconds and is written without holding a shard,
// so that a few are plenty.
const TCPShards = 4

// Defaults of [Config].
const (
	DefaultMaxConns          = 4096
	DefaultMaxConnsPerClient = 256
	DefaultIdle              = 10 * time.Second
	DefaultReadTimeout       = 5 * time.Second
	DefaultWriteTimeout      = 5 * time.Second
	DefaultMaxQuery          = 4096
	DefaultSocketBuffer      = 4 << 20
)

// Config says where to listen and what clients may take. Zero fields other
// than Addrs mean the default.
type Config struct {
	// Addrs are the addresses to serve, UDP and TCP each. [::] means IPv6
	// only. Port 0 means any port that is free in both. A link-local address
	// needs its zone.
	Addrs []netip.AddrPort

	// Inherited are sockets of a former process that keep being served, in
	// any order, as its [Server.Files] returned them. Only those of Addrs are
	// taken; Listen closes every file in either case.
	Inherited []*os.File

	// Workers is the number of UDP sockets, each with its thread, per address;
	// it bounds the queries that are answered at the same time. Default:
	// GOMAXPROCS.
	Workers int

	// MaxConns bounds the open TCP connections. An idle one costs less than
	// 1 KiB here, and its socket in the kernel.
	MaxConns int
	// MaxConnsPerClient bounds the connections of one IPv4 address or one
	// IPv6 /56.
	MaxConnsPerClient int
	// MaxQueriesPerConn closes a connection after so many queries; 0: never.
	MaxQueriesPerConn int
	// Idle is how long a connection may wait for its next query
	// (RFC 7766, Section 6.2.3).
	Idle time.Duration
	// ReadTimeout is how long a client may take from the first to the last
	// byte of a query.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to accept an answer.
	WriteTimeout time.Duration
	// MaxQuery is the length in bytes of the longest query taken over TCP; a
	// longer one closes the connection. At most 65535.
	MaxQuery int

	// SocketBuffer is the size asked for the receive and the send queue of
	// each UDP socket, in bytes. Without CAP_NET_ADMIN the kernel cuts it to
	// net.core.rmem_max and wmem_max. More survives longer bursts, and answers
	// queries that are older.
	SocketBuffer int

	// Shorten makes a UDP reply that no interface carries in one piece shorter,
	// in its own memory; nil: such a reply is lost.
	Shorten func(reply []byte) []byte

	// Ready is called by Run once every socket takes queries; nil: nothing is.
	Ready func()

	// Log receives warnings; nil discards them. What the network can cause is
	// logged at most once a minute and kind.
	Log *slog.Logger
}

// withDefaults returns c with every zero field set.
func (c Config) withDefaults() Config {
	c.Workers = orDefault(c.Workers, runtime.GOMAXPROCS(0))
	c.MaxConns = orDefault(c.MaxConns, DefaultMaxConns)
	c.MaxConnsPerClient = orDefault(c.MaxConnsPerClient, DefaultMaxConnsPerClient)
	c.Idle = orDefault(c.Idle, DefaultIdle)
	c.ReadTimeout = orDefault(c.ReadTimeout, DefaultReadTimeout)
	c.WriteTimeout = orDefault(c.WriteTimeout, DefaultWriteTimeout)
	c.MaxQuery = min(orDefault(c.MaxQuery, DefaultMaxQuery), maxMessage)
	c.SocketBuffer = orDefault(c.SocketBuffer, DefaultSocketBuffer)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Server is a set of bound sockets. It is made by [Listen], served by one call
// of Run, and closed by Run or Close.
type Server struct {
	cfg   Config
	addrs []netip.AddrPort
	udp   []*udpSocket
	tcp   []*tcpSocket
	conns *connTable
	// lanes are the UDP workers; sockets of several addresses share them.
	lanes []lane
	// buffered is what the TCP connections hold in memory, in bytes.
	buffered atomic.Int64

	stopping atomic.Bool // set at the end of the service

	tcpStats tcpCounters
	panics   atomic.Uint64
	quiet    throttle

	// mu keeps Stats and Files from using a descriptor that is being closed.
	mu     sync.Mutex
	closed bool
	loops  []*tcpLoop // that serve TCP; nil before Run
}

// Addrs returns the addresses served, in the order of the configuration, with
// port 0 resolved.
func (s *Server) Addrs() []netip.AddrPort { return s.addrs }

// Workers returns one more than the largest worker that [Handler.Answer] is
// called with: Config.Workers, or its default, and TCPShards.
func (s *Server) Workers() int { return len(s.lanes) + TCPShards }

// Idle returns how long TCP connections may be idle, as configured or by
// default. It is the timeout to announce in edns-tcp-keepalive (RFC 7828).
func (s *Server) Idle() time.Duration { return s.cfg.Idle }

// Run serves until ctx ends. Then it answers what the UDP sockets have queued
// and what connections have sent, closes everything, and returns nil. It
// returns an error if a TCP socket refuses to listen. Run can be called once.
func (s *Server) Run(ctx context.Context, h Handler) error {
	defer s.Close()
	loops, err := s.openTCP(h)
	if err != nil {
		return err
	}
	defer s.addProcessors()()
	var running sync.WaitGroup
	for _, sock := range s.udp {
		running.Go(func() { s.serveUDP(sock, h) })
	}
	for _, l := range loops {
		running.Go(l.run)
	}
	if s.cfg.Ready != nil {
		s.cfg.Ready()
	}
	<-ctx.Done()
	s.stopping.Store(true)
	stopAt := time.Now().Add(stopGrace)
	for _, l := range loops {
		l.post(func() { l.stop(stopAt) })
	}
	running.Wait()
	return nil
}

// Close closes the sockets of a server that will not be run. After Run it does
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, sock := range s.udp {
		errs = append(errs, sock.close())
	}
	for _, sock := range s.tcp {
		errs = append(errs, sock.close())
	}
	return errors.Join(errs...)
}
