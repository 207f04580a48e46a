package dnsserver

import (
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connectRaw opens a connection from 127.0.0.0/8 that costs this process
// nothing but a descriptor.
func connectRaw(t testing.TB, n int, to netip.AddrPort) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	from := &unix.SockaddrInet4{Addr: [4]byte{127, 1, byte(n / 200 >> 8), byte(n / 200)}}
	if err := unix.Bind(fd, from); err != nil {
		t.Fatal(err)
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// heapInUse returns the memory of this process's heap and stacks.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// TestTCPIdleConnectionsCostLittle opens many connections (GEODNS_IDLE_CONNS
// says how many), each of which asks once, and measures what one costs, and
// what UDP notices of them.
func TestTCPIdleConnectionsCostLittle(t *testing.T) {
	conns := 1000
	if n, err := strconv.Atoi(os.Getenv("GEODNS_IDLE_CONNS")); err == nil {
		conns = n
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(2*conns+100) {
		t.Skipf("%d descriptors do not suffice for %d connections", limit.Cur, conns)
	}
	s, addr, _ := startTCP(t, Config{MaxConns: 2 * conns, Idle: time.Hour})
	quiet := udpLatency(t, addr)
	before := heapInUse()
	for i := range conns {
		fd := connectRaw(t, i, addr)
		if _, err := unix.Write(fd, framed("hello")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all asked and idle", func() bool { return s.Stats().TCP.Queries == uint64(conns) && s.idle() == conns })
	each := (heapInUse() - before) / uint64(conns)
	busy := udpLatency(t, addr)
	t.Logf("%d idle connections, %d bytes each; UDP takes %v at the 99th percentile, %v without them", conns, each, busy, quiet)
	if each > 2048 {
		t.Errorf("an idle connection costs %d bytes", each)
	}
	if n := s.buffered.Load(); n != 0 {
		t.Errorf("%d bytes are kept for connections that are idle", n)
	}
}

// udpLatency returns the 99th percentile of how long an answer over UDP takes.
func udpLatency(t testing.TB, addr netip.AddrPort) time.Duration {
	t.Helper()
	c := dialUDP(t, addr)
	var took []time.Duration
	for range 2000 {
		begin := time.Now()
		if ask(t, c, "hello", patience) != "hello" {
			t.Fatal("no answer over UDP")
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestTCPHoldsNoMoreThanItsBound has clients that never read ask for more than
// the bound allows to be kept: some are cut off, and the memory comes back.
func TestTCPHoldsNoMoreThanItsBound(t *testing.T) {
	s, addr, _ := startTCP(t, Config{WriteTimeout: time.Second})
	s.buffered.Add(maxBuffered - 400<<10) // as if others held it
	var stuck []int
	for i := range 40 {
		fd := connectRaw(t, 200*i, addr)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			_, _ = unix.SendmsgN(fd, framed("large", "large"), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // it may be cut off already
		}
		stuck = append(stuck, fd)
	}
	eventually(t, "the bound is reached", func() bool { return s.conns.len() < len(stuck) })
	if n := s.buffered.Load(); n > maxBuffered {
		t.Errorf("%d bytes are kept, the bound is %d", n, maxBuffered)
	}
	c := dialTCP(t, addr)
	c.send("polite")
	c.want("polite")
	c.Close()
	eventually(t, "all are cut off, and nothing is kept", func() bool {
		return s.conns.len() == 0 && s.buffered.Load() == maxBuffered-400<<10
	})
}
