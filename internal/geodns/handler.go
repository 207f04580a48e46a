package geodns

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/querylog"
	"github.com/geodns-vipd/geodns/pkg/rrl"
)

// handler answers packets from the live state and counts what became of them.
type handler struct {
	state   atomic.Pointer[answer.State]
	limiter atomic.Pointer[rrl.Limiter] // nil if answers are not limited
	queries *queryLog                   // nil if queries are not logged; set before serving
	workers []worker
	count   *metrics.Counters
	outside uint32 // by which questions are counted that no zone here holds
}

// worker is what one serving thread owns. The padding keeps two of them from
// sharing a cache line.
type worker struct {
	responder answer.Responder
	talkers   talkers
	turn      rrl.Turn
	entry     querylog.Entry        // scratch of logQuery
	left      int                   // queries until the next one that is logged
	subject   [dnswire.MaxName]byte // scratch of kindOf
	_         [64]byte
}

func newHandler(workers int, count *metrics.Counters) *handler {
	h := &handler{workers: make([]worker, workers), count: count, outside: count.ZoneBase("")}
	for i := range h.workers {
		h.workers[i].responder.Draw = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return h
}

// Answer implements dnsserver.Handler: one load of the state, and from it one
// of the health.
func (h *handler) Answer(worker int, packet []byte, from netip.AddrPort, tcp bool, now uint32, out []byte) []byte {
	var req answer.Request // field by field: copying what was just written has to wait for it
	req.From, req.TCP, req.Now = from, tcp, now
	if t := &h.workers[worker].talkers; t.left > 0 {
		t.left--
	} else {
		t.count(from.Addr(), now)
	}
	st := h.state.Load()
	var o answer.Outcome
	reply := h.workers[worker].responder.AnswerTo(st, packet, &req, out, &o)
	h.record(worker, tcp, &o)
	whole := reply
	if l := h.limiter.Load(); l != nil && !tcp && reply != nil {
		reply = h.limited(l, worker, st, &req, &o, reply)
	}
	if h.queries != nil {
		h.logQuery(worker, packet, &req, &o, whole, reply)
	}
	return reply
}

// Prepare implements dnsserver.Preparer.
func (h *handler) Prepare(worker int, packets [][]byte) {
	h.workers[worker].responder.Prepare(h.state.Load(), packets)
}

// Done implements dnsserver.Preparer.
func (h *handler) Done(worker int) { h.workers[worker].responder.Forget() }

// record counts an outcome once.
func (h *handler) record(worker int, tcp bool, o *answer.Outcome) {
	if o.Verdict == dnswire.Drop {
		h.count.Dropped(worker)
		return
	}
	base := h.outside
	if o.Zone != nil {
		base = o.Zone.Slot
	}
	h.count.Query(worker, base, uint16(o.Type), uint16(o.RCode), tcp)
	if o.Steer >= 0 && o.Site >= 0 {
		if slot, ok := o.SteerZone.AnswerSlots[o.Steer].At(o.Site); ok {
			h.count.Inc(worker, slot)
		}
	}
}
