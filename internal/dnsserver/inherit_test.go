package dnsserver

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTakingOverLosesNoQuery asks without pause while one server hands its
// sockets to another, with fewer workers than sockets, and ends.
func TestTakingOverLosesNoQuery(t *testing.T) {
	old, _, stopOld := start(t, Config{Addrs: []netip.AddrPort{loopback4, loopback6}, Workers: 3})
	awaitTCP(t, old)
	var done atomic.Bool
	var asked, taken atomic.Int64
	var clients sync.WaitGroup
	for i := range 12 { // enough that every socket has clients
		addr := old.Addrs()[i%2]
		c := dialUDP(t, addr)
		clients.Go(func() {
			for n := 0; !done.Load(); n++ {
				if err := burst(c, fmt.Sprint(n, "/"), 3); err != nil {
					t.Error(err)
					return
				}
				asked.Add(3)
			}
		})
		clients.Go(func() {
			for !done.Load() {
				c, err := net.DialTimeout("tcp", addr.String(), patience)
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
				taken.Add(1)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	files, err := old.Files()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2*3+2 {
		t.Fatalf("%d files", len(files))
	}
	next, err := Listen(Config{Addrs: []netip.AddrPort{old.Addrs()[1], old.Addrs()[0]}, Workers: 2, Inherited: files})
	if err != nil {
		t.Fatal(err)
	}
	if len(next.udp) != 6 || len(next.tcp) != 2 {
		t.Errorf("took over %d UDP and %d TCP sockets", len(next.udp), len(next.tcp))
	}
	run(t, next, newEcho(next))
	time.Sleep(100 * time.Millisecond)
	stopOld()
	before := asked.Load()
	time.Sleep(300 * time.Millisecond)
	done.Store(true)
	clients.Wait()
	if asked.Load() == before || taken.Load() == 0 || next.Stats().UDP.Received == 0 {
		t.Errorf("nothing was asked: %d, %d connections, %+v", asked.Load(), taken.Load(), next.Stats().UDP)
	}
	t.Logf("%d queries, %d connections", asked.Load(), taken.Load())
}

func TestTakingOverAddsWorkersAndLeavesOtherAddresses(t *testing.T) {
	old, err := Listen(Config{Addrs: []netip.AddrPort{loopback4, loopback6}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	files, err := old.Files()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	kept, left := old.Addrs()[0], old.Addrs()[1]
	next, err := Listen(Config{Addrs: []netip.AddrPort{kept}, Workers: 3, Inherited: append(files, r)})
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	if len(next.udp) != 3 {
		t.Errorf("%d sockets", len(next.udp))
	}
	if _, err := r.Read(nil); err == nil {
		t.Error("a file that is no socket stays open")
	}
	stop := run(t, next, newEcho(next))
	if got := ask(t, dialUDP(t, kept), "hello", patience); got != "hello" {
		t.Errorf("got %q", got)
	}
	free, err := Listen(Config{Addrs: []netip.AddrPort{left}, Workers: 1})
	if err != nil {
		t.Errorf("an address that nobody took over stays bound: %v", err)
	} else {
		free.Close()
	}
	stop()
}
