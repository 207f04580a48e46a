package dnsserver

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// throttle keeps what the network can cause from filling the log: one line a
// minute and kind.
type throttle struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// allow reports whether a line of this kind may be logged at now. Kinds are
// constants of the program, so that the map stays small.
func (t *throttle) allow(kind string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last[kind]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if t.last == nil {
		t.last = make(map[string]time.Time)
	}
	t.last[kind] = now
	return true
}

// answer calls the handler and turns a panic into silence: a packet that
// meets a bug must not end the service for everybody else.
func (s *Server) answer(h Handler, worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) (reply []byte) {
	defer func() {
		if r := recover(); r != nil {
			reply = nil
			s.panicked(r, packet, from)
		}
	}()
	return h.Answer(worker, packet, from, tcp, now, out)
}

func (s *Server) panicked(r any, packet []byte, from netip.AddrPort) {
	s.panics.Add(1)
	if s.quiet.allow("panic", time.Now()) {
		s.cfg.Log.Error("query dropped: the answer panicked; please report this",
			slog.Any("err", r), slog.Any("client", from.Addr()), slog.String("packet", fmt.Sprintf("%x", packet)),
			slog.String("stack", string(debug.Stack())))
	}
}

// backoff is how long to wait after errors in a row: from 1 ms, doubling, to
// 200 ms, which bounds how late an end of the service is noticed.
type backoff time.Duration

const maxBackoff = 200 * time.Millisecond

func (b *backoff) next() time.Duration {
	*b = backoff(min(max(2*time.Duration(*b), time.Millisecond), maxBackoff))
	return time.Duration(*b)
}

func (b *backoff) reset() { *b = 0 }
