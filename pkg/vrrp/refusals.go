package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Refusal is a source whose packets are refused, and why.
type Refusal struct {
	From     netip.Addr
	Reason   DropReason
	Priority uint8 // of the last one
	Count    int
	Last     time.Duration
}

// packetRefused counts a refusal; the first of a source for a reason is worth
// an alarm. Nothing else ever depends on what was refused.
func (s *step) packetRefused(ev PacketRefused) {
	i := slices.IndexFunc(s.refusals, func(f Refusal) bool { return f.From == ev.From && f.Reason == ev.Reason })
	if i >= 0 {
		s.refusals = slices.Clone(s.refusals)
		f := &s.refusals[i]
		f.Count, f.Last, f.Priority = f.Count+1, s.now, ev.Priority
		return
	}
	entry := Refusal{ev.From, ev.Reason, ev.Priority, 1, s.now}
	if len(s.refusals) < maxRefusals {
		s.refusals = append(slices.Clone(s.refusals), entry)
	} else if i := slices.IndexFunc(s.refusals, func(f Refusal) bool { return s.now-f.Last > refusalExpires }); i >= 0 {
		s.refusals = slices.Clone(s.refusals)
		s.refusals[i] = entry
	} else {
		s.refusedMore++ // a flood of sources must not become a flood of lines
		return
	}
	if hint := ev.Reason.Hint(); ev.Reason.Misfit() && hint != "" {
		s.alarm(AlarmRefused, ev.From, "adverts of %v are refused: %v: %s", ev.From, ev.Reason, hint)
	} else if ev.Reason.Misfit() {
		s.alarm(AlarmRefused, ev.From, "adverts of %v are refused: %v", ev.From, ev.Reason)
	}
}

// refuse is for a packet whose form was right.
func (s *step) refuse(from netip.Addr, why DropReason, priority uint8) {
	s.do(Refused{why})
	s.packetRefused(PacketRefused{s.now, from, why, priority})
}

// sendFailed keeps the lease of a floating IP from growing on advertisements
// that nobody got.
func (s *step) sendFailed(ev SendFailed) {
	s.sendFails++
	destinations := 1
	if s.cfg.Unicast {
		destinations = max(len(s.cfg.Peers), 1)
	}
	if s.sendFails == destinations {
		s.lastSent = s.beforeSent
	}
	if !s.sendAlarm {
		s.sendAlarm = true
		s.alarm(AlarmSend, ev.To, "advert to %v not sent: %s", ev.To, ev.Err)
	}
}
