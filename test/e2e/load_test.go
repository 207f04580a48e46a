package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// load is a number of clients that each ask again as soon as they have a
// reply (a closed loop), and note every question that went unanswered.
type load struct {
	stop  chan struct{}
	done  sync.WaitGroup
	asked atomic.Int64
	lost  atomic.Int64
	wrong atomic.Pointer[string]
}

// startLoad starts n clients over each of UDP and TCP. right judges the
// replies; pause is how long a client waits between questions.
func startLoad(t *testing.T, s *server, n int, pause time.Duration, right func(*dns.Msg) bool) *load {
	l := &load{stop: make(chan struct{})}
	for range n {
		for _, network := range []string{"udp", "tcp"} {
			a := dial(t, network, s.addr())
			l.done.Go(func() { l.client(a, network, pause, right) })
		}
	}
	return l
}

func (l *load) client(a *asker, network string, pause time.Duration, right func(*dns.Msg) bool) {
	before := time.Now()
	for ; ; before = time.Now() {
		select {
		case <-l.stop:
			return
		case <-time.After(pause):
		}
		l.asked.Add(1)
		begin := time.Now()
		m, err := a.ask("www.example.com", dns.TypeA)
		switch {
		case err != nil:
			l.lost.Add(1)
			l.note(fmt.Sprintf("%s: %v, %v after the question and %v after the one before", network, err, time.Since(begin), begin.Sub(before)))
			if network == "tcp" {
				return
			}
		case !right(m):
			l.note(fmt.Sprintf("%s: %v", network, m))
		}
	}
}

func (l *load) note(what string) { l.wrong.CompareAndSwap(nil, &what) }

// end stops the clients and fails the test if anything was lost or wrong.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.done.Wait()
	t.Logf("%d questions, %d lost", l.asked.Load(), l.lost.Load())
	if w := l.wrong.Load(); w != nil || l.asked.Load() == 0 {
		t.Errorf("%d of %d questions lost; the first wrong: %v", l.lost.Load(), l.asked.Load(), *w)
	}
}

// TestNoQuestionIsLostByReloads reloads twenty times under load, half of them
// with changed files, and once with a mistake in them.
func TestNoQuestionIsLostByReloads(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 2)
	dir, steering := reloadFolder(t, sites)
	s := start(t, dir)
	l := startLoad(t, s, 4, 0, func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeSuccess && (only(m) == sites[0].ip() || only(m) == sites[1].ip())
	})
	for i := range 20 {
		from := s.log.len()
		switch {
		case i == 10:
			files{"zones/example.net.zone": "nonsense"}.write(t, dir)
			s.signal(syscall.SIGHUP)
			s.awaitLog(from, refusedLine, notice)
			files{"zones/example.net.zone": zoneText("www 5 STEER web\n")}.write(t, dir)
		case i%2 == 0:
			files{"zones/steering.yaml": steering([]string{"s0, s1", "s1, s0"}[i/2%2], 2)}.write(t, dir)
		}
		s.hangup()
	}
	l.end(t)
}
