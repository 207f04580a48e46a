package geodns

import (
	"crypto/rand"
	"encoding/binary"
	"slices"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/rrl"
)

// setLimiter makes what the configuration says of response rates hold. While that
// stays the same, so do the accounts.
func (s *Server) setLimiter(l config.Limits) {
	if same := sameRates(s.rates, l); same && s.limited {
		return
	}
	s.rates, s.limited = l, true
	if l.RRLRate == 0 {
		s.handler.limiter.Store(nil)
		return
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails
	s.handler.limiter.Store(rrl.New(rrl.Config{
		Rate: l.RRLRate, Window: l.RRLWindow, Slip: l.RRLSlip, Exempt: l.RRLExempt,
	}, secret))
}

func sameRates(a, b config.Limits) bool {
	return a.RRLRate == b.RRLRate && a.RRLWindow == b.RRLWindow && a.RRLSlip == b.RRLSlip && slices.Equal(a.RRLExempt, b.RRLExempt)
}

// limited returns what is sent in the place of an answer: the same, a truncated
// one, or nil. Whoever proved by a cookie that it is there gets its answer.
func (h *handler) limited(l *rrl.Limiter, worker int, st *answer.State, req *answer.Request, o *answer.Outcome, reply []byte) []byte {
	w := &h.workers[worker]
	if w.responder.KnowsClient(st, req) {
		return reply
	}
	a := kindOf(o, reply, w.subject[:0])
	a.To = req.From.Addr()
	if a.Subject == nil {
		a.Subject = w.responder.Lower()
	}
	switch l.Decide(&w.turn, a, req.Now) {
	case rrl.Drop:
		h.count.RateDropped(worker)
		return nil
	case rrl.Slip:
		h.count.RateSlipped(worker)
		if a.Class == rrl.Error {
			return reply // it is as short as it gets, and no reason to come over TCP
		}
		return dnswire.TruncateReply(reply)
	}
	return reply
}

// kindOf says what an answer has in common with others that are counted with it.
// Its subject is nil if that is the question's name.
// Else it is written to scratch.
func kindOf(o *answer.Outcome, reply, scratch []byte) rrl.Answer {
	const (
		authoritative = 1 << 2 // in the third octet of the header
		answersAt     = 6
	)
	a := rrl.Answer{Type: uint16(o.Type)}
	if o.Covers != nil {
		a.Subject = append(scratch, o.Covers.Name...)
	}
	switch {
	case o.RCode == dnswire.RCodeNXDomain && o.Zone != nil:
		a.Class, a.Subject = rrl.NXDomain, append(scratch, o.Zone.Origin...)
	case o.RCode != dnswire.RCodeNoError:
		a.Class = rrl.Error
	case o.Covers != nil && reply[2]&authoritative == 0:
		a.Class = rrl.Referral
	case binary.BigEndian.Uint16(reply[answersAt:]) == 0:
		a.Class = rrl.NoData
	}
	return a
}
