package dnsserver

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// TestUDPStopAnswersWhatIsQueued fills the queue before anything is read, and
// ends the service at once.
func TestUDPStopAnswersWhatIsQueued(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4, loopback6}, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	const n = 150
	var conns []*net.UDPConn
	for _, a := range s.Addrs() {
		c := dialUDP(t, a)
		for i := range n {
			fmt.Fprintf(c, "%d", i)
		}
		conns = append(conns, c)
	}
	stop := run(t, s, newEcho(s))
	stop()
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 64)
		for i := range n {
			if _, err := c.Read(buf); err != nil {
				t.Fatalf("%v: %d of %d answers: %v", c.RemoteAddr(), i, n, err)
			}
		}
	}
}

// flood sends without waiting until done is closed.
func flood(t *testing.T, to netip.AddrPort, done chan struct{}) {
	c := dialUDP(t, to)
	for {
		select {
		case <-done:
			return
		default:
			c.Write([]byte("flood"))
		}
	}
}

func TestUDPStopEndsUnderLoad(t *testing.T) {
	s, _, stop := start(t, Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	done := make(chan struct{})
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() { flood(t, s.Addrs()[0], done) })
	}
	time.Sleep(50 * time.Millisecond)
	stall, begin := stalltest.Start(t), time.Now()
	stop()
	if took := time.Since(begin); took > drainTime+2*time.Second+stall.Lost() {
		t.Errorf("the end took %v", took)
	}
	close(done)
	senders.Wait()
}

// TestUDPSendErrorsAreNotFatal gives the second of three replies a destination
// that the kernel refuses.
func TestUDPSendErrorsAreNotFatal(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := dialUDP(t, s.Addrs()[0])
	for i := range 3 {
		fmt.Fprintf(c, "%d", i)
	}
	u, b := s.udp[0], newBatch(false)
	n, errno := b.receive(u.fd, true)
	if n != 3 || errno != 0 {
		t.Fatalf("received %d: %v", n, errno)
	}
	replies := s.askHandler(u, b, n, newEcho(s))
	broadcast := [4]byte{255, 255, 255, 255} // EACCES without SO_BROADCAST
	copy(b.from[1][4:], broadcast[:])
	s.sendReplies(u, b, replies)
	if sent, failed := u.counters.sent.Load(), u.counters.sendErrors.Load(); sent != 2 || failed != 1 {
		t.Errorf("%d sent, %d failed", sent, failed)
	}
}

// TestUDPReceiveErrorsBackOff reads from a descriptor that is no socket.
func TestUDPReceiveErrorsBackOff(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	u := s.udp[0]
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(u.fd)
	u.fd = null
	stop := run(t, s, newEcho(s))
	begin := time.Now()
	time.Sleep(300 * time.Millisecond)
	eventually(t, "two errors", func() bool { return s.Stats().UDP.ReceiveErrors >= 2 })
	stop()
	if n, took := s.Stats().UDP.ReceiveErrors, time.Since(begin); n > 12+uint64(took/maxBackoff) {
		t.Errorf("%d errors in %v", n, took)
	}
}
