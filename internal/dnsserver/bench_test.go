package dnsserver

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// load asks over one connected socket in batches, without allocating.
type load struct {
	t     testing.TB
	fd    int
	batch *batch
	size  int
}

// newLoad returns a load that sends size queries at a time.
func newLoad(t testing.TB, to netip.AddrPort, size int) *load {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	l := &load{t: t, fd: fd, batch: newBatch(false), size: size}
	query := make([]byte, 40) // about the size of a question
	for i := range size {
		l.batch.sendIov[i].Base = &query[0]
		l.batch.sendIov[i].SetLen(len(query))
	}
	return l
}

// rounds sends a batch and waits for its answers, n times.
func (l *load) rounds(n int) {
	for range n {
		if sent, errno := l.batch.transmit(l.fd, 0, l.size); sent != l.size {
			l.t.Fatalf("%d sent: %v", sent, errno)
		}
		for got := 0; got < l.size; {
			n, errno := l.batch.receive(l.fd, true)
			if errno == unix.EINTR {
				continue
			}
			if errno != 0 {
				l.t.Fatalf("%d of %d answers: %v", got, l.size, errno)
			}
			got += n
			l.batch.rearm(n)
		}
	}
}

// BenchmarkUDP serves an echo on a wildcard socket and reports the processor
// time that a query costs the thread of the socket, in user and in system mode.
// Over loopback the system part includes the way of the answer into the queue
// of the client.
func BenchmarkUDP(b *testing.B) {
	for _, size := range []int{1, 8, batchSize} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			s, err := Listen(Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Workers: 1})
			if err != nil {
				b.Fatal(err)
			}
			stop := run(b, s, meteredEcho{})
			addr := netip.AddrPortFrom(loopback4.Addr(), s.Addrs()[0].Port())
			meter, l := dialUDP(b, addr), newLoad(b, addr, size)
			l.rounds(10)
			b.ReportAllocs()
			user, system := threadTime(b, meter)
			for b.Loop() {
				l.rounds(1)
			}
			userNow, systemNow := threadTime(b, meter)
			queries := float64(b.N * size)
			b.ReportMetric(float64(userNow-user)/queries, "user-ns/query")
			b.ReportMetric(float64(systemNow-system)/queries, "sys-ns/query")
			b.ReportMetric(0, "ns/op")
			stop()
		})
	}
}

// meteredEcho answers "time" with what the serving thread has used so far.
type meteredEcho struct{ bareEcho }

func (m meteredEcho) Answer(worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) []byte {
	if string(packet) != "time" {
		return m.bareEcho.Answer(worker, packet, from, tcp, now, out)
	}
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &ru) != nil {
		return nil
	}
	return fmt.Append(out, ru.Utime.Nano(), " ", ru.Stime.Nano())
}

func threadTime(b *testing.B, c *net.UDPConn) (user, system int64) {
	b.Helper()
	if _, err := fmt.Sscan(ask(b, c, "time", patience), &user, &system); err != nil {
		b.Fatal(err)
	}
	return user, system
}

// BenchmarkAnswerBatch is our own part of a query: no system call, only what
// stands between two of them.
func BenchmarkAnswerBatch(b *testing.B) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := dialUDP(b, s.Addrs()[0])
	for range batchSize {
		c.Write(make([]byte, 40))
	}
	u, batch := s.udp[0], newBatch(false)
	n, errno := batch.receive(u.fd, true)
	if n != batchSize {
		b.Fatalf("received %d: %v", n, errno)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.askHandler(u, batch, n, bareEcho{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/query")
}
