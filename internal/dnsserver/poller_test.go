package dnsserver

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

func openPoller(t *testing.T) *poller {
	t.Helper()
	p := new(poller)
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// TestPollerEndsAWait has a wait end by what it can end by, told to the scheduler
// and not.
func TestPollerEndsAWait(t *testing.T) {
	for _, busy := range []bool{false, true} {
		p := openPoller(t)
		begun := time.Now()
		for p.now = begun; p.now.Before(begun.Add(20 * time.Millisecond)); p.busy = busy {
			if events, woken := p.wait(begun.Add(20 * time.Millisecond)); len(events) != 0 || woken {
				t.Fatalf("busy %v: %d events, woken %v", busy, len(events), woken)
			}
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("busy %v: 20 ms took %v", busy, took)
		}
		p.busy = busy
		go func() { time.Sleep(2 * time.Millisecond); p.wake() }()
		woken := false
		for begun = time.Now(); !woken; p.busy = busy {
			if _, woken = p.wait(time.Time{}); time.Since(begun) > patience {
				t.Fatalf("busy %v: not woken", busy)
			}
		}
		if _, again := p.wait(p.now); again {
			t.Errorf("busy %v: woken twice", busy)
		}
	}
}

// TestPollerTellsEventsFromWaking: what is ready is told once, also when it is
// woken at the same time.
func TestPollerTellsEventsFromWaking(t *testing.T) {
	p := openPoller(t)
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, pipe[0], &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(pipe[0])}); err != nil {
		t.Fatal(err)
	}
	p.wake()
	p.wake()
	if _, err := unix.Write(pipe[1], []byte{1}); err != nil {
		t.Fatal(err)
	}
	events, woken := p.wait(time.Time{})
	if !woken || len(events) != 1 || events[0].Fd != int32(pipe[0]) {
		t.Errorf("woken %v, events %v", woken, events)
	}
}

func TestMillisecondsAreRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-1: -1, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3600_000, 1 << 62: 1<<31 - 1,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%v) = %d, want %d", d, got, want)
		}
	}
}

// TestTheCollectorDoesNotWaitForTCP: a loop that waits without telling the
// scheduler is interrupted for it, and one that waits for long holds nobody up.
func TestTheCollectorDoesNotWaitForTCP(t *testing.T) {
	s, addr, _ := startTCP(t, Config{Workers: 1})
	c := dialTCP(t, addr)
	var took time.Duration
	stall := stalltest.Start(t)
	const times = 10
	for range times {
		for range 20 { // often enough to be waited for
			c.send("hello")
			c.want("hello")
		}
		begun := time.Now()
		runtime.GC()
		took += time.Since(begun)
	}
	if took > times*100*time.Millisecond+stall.Lost() {
		t.Errorf("%d collections took %v", times, took)
	}
	if n := s.Stats().TCP.Queries; n != 20*times {
		t.Errorf("%d queries are counted", n)
	}
}
