package vipd

import (
	"sync/atomic"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// maxHistory is how many entries `vipd why` can look back on.
const maxHistory = 128

// entry is something that happened to an instance.
type entry struct {
	At         time.Duration
	Kind       string // transition, alarm, note or floating
	Text       string
	Transition *vrrp.Transition
}

// history holds the last entries, the oldest first.
type history struct{ entries []entry }

func (h *history) add(e entry) {
	if len(h.entries) == maxHistory {
		h.entries = append(h.entries[:0], h.entries[maxHistory/4:]...)
	}
	h.entries = append(h.entries, e)
}

// remember adds an entry from any goroutine.
func (in *instance) remember(kind, text string) {
	now := bootNow()
	in.mailbox.post(func(in *instance) { in.history.add(entry{At: now, Kind: kind, Text: text}) })
}

// counters are read by the metrics at any time.
type counters struct {
	sent, sendFailed, received, announced atomic.Uint64
	transitions                           [4]atomic.Uint64  // by the state entered
	alarms                                [16]atomic.Uint64 // by kind
	refusals                              [32]atomic.Uint64 // by reason
}

func (c *counters) refuse(why vrrp.DropReason) {
	if int(why) < len(c.refusals) {
		c.refusals[why].Add(1)
	}
}
