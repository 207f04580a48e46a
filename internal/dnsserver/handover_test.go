package dnsserver

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestConnectionsMoveWithoutLoss has clients send queries in pieces and without
// pause over connections that go back and forth between two servers: every
// answer comes, in order, and no connection ends.
func TestConnectionsMoveWithoutLoss(t *testing.T) {
	first, addr, _ := startTCP(t, Config{})
	files, err := first.Files()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(Config{Addrs: []netip.AddrPort{addr}, Workers: 2, Inherited: files})
	if err != nil {
		t.Fatal(err)
	}
	run(t, second, newEcho(second))
	var done atomic.Bool
	var asked atomic.Int64
	var clients sync.WaitGroup
	for i := range 20 {
		c := dialTCP(t, addr)
		clients.Go(func() {
			for n := 0; !done.Load(); n++ {
				text := []string{fmt.Sprint(i, "/", n), fmt.Sprint(i, "/", n, strings.Repeat("+", 300*(i%3)))}
				b := framed(text...)
				cut := n % len(b)
				for _, part := range [][]byte{b[:cut], b[cut:]} {
					if _, err := c.Write(part); err != nil {
						t.Error(err)
						return
					}
					if i%2 == 0 {
						time.Sleep(time.Millisecond) // the beginning of a query stands alone
					}
				}
				for _, want := range text {
					if got, err := c.next(); got != want || err != nil {
						t.Errorf("client %d: got %q, %v; want %q", i, got, err, want)
						return
					}
				}
				asked.Add(2)
			}
		})
	}
	servers, moved := []*Server{first, second}, 0
	for i := range 10 {
		time.Sleep(30 * time.Millisecond)
		from, to := servers[i%2], servers[(i+1)%2]
		if i == 0 {
			to.eachLoop((*tcpLoop).deafen) // else both accept
		}
		conns := from.Detach()
		for _, c := range conns {
			moved += len(c.Received)
		}
		if n := from.conns.len(); n != 0 {
			t.Errorf("%d connections stay", n)
		}
		to.Attach(conns)
	}
	before := asked.Load()
	time.Sleep(50 * time.Millisecond)
	done.Store(true)
	clients.Wait()
	if asked.Load() == before || moved == 0 {
		t.Errorf("%d questions, %d octets of begun queries were moved", asked.Load(), moved)
	}
	c := dialTCP(t, addr) // one of the two accepts
	c.send("new")
	c.want("new")
	t.Logf("%d questions, %d octets of begun queries were moved", asked.Load(), moved)
}

// TestAttachClosesWhatIsBeyondTheBounds gives connections to a server that may
// not have them, and to one that does not run.
func TestAttachClosesWhatIsBeyondTheBounds(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	c := dialTCP(t, addr)
	eventually(t, "idle", func() bool { return s.idle() == 1 })
	small, _, _ := startTCP(t, Config{MaxConns: 1, ReadTimeout: time.Minute})
	busy := dialTCP(t, small.Addrs()[0])
	busy.Write([]byte{0})
	eventually(t, "one busy", func() bool { return small.conns.len() == 1 && small.idle() == 0 })
	small.Attach(s.Detach())
	c.wantClosed()

	s.Attach(nil)
	c = dialTCP(t, addr)
	eventually(t, "idle again", func() bool { return s.idle() == 1 })
	stopped, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Close()
	conns := s.Detach()
	stopped.Attach(conns)
	c.wantClosed()
	if _, err := unix.FcntlInt(uintptr(conns[0].FD), unix.F_GETFD, 0); err == nil {
		t.Error("the descriptor of a connection that nobody serves stays open")
	}
}
