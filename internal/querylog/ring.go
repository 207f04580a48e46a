package querylog

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/querylog"
)

const (
	ringSize = 512  // entries; at a look each 10 ms, 50,000 a second
	maxQuery = 1024 // octets of a query that are kept, and of a reply
	maxReply = 1280
)

// ring carries entries from one worker to the writer: one puts, one takes, neither
// waits.
type ring struct {
	put     atomic.Uint64 // entries ever put
	_       [56]byte
	taken   atomic.Uint64 // entries ever taken
	dropped atomic.Uint64
	slots   [ringSize]slot
}

// slot is the memory of one entry.
type slot struct {
	at        int64 // Unix nanoseconds
	client    netip.AddrPort
	tcp       bool
	limited   string
	size      int
	outcome   answer.Outcome
	query     [maxQuery]byte
	reply     [maxReply]byte
	querySize int
	replySize int
}

// add puts an entry, or drops it if the writer is behind.
func (r *ring) add(now int64, e *querylog.Entry) {
	n := r.put.Load()
	if n-r.taken.Load() == ringSize {
		r.dropped.Add(1)
		return
	}
	s := &r.slots[n%ringSize]
	s.at, s.client, s.tcp, s.limited, s.size, s.outcome = now, e.Client, e.TCP, e.Limited, e.Size, e.Outcome
	s.querySize, s.replySize = 0, 0
	if len(e.Query) <= maxQuery {
		s.querySize = copy(s.query[:], e.Query)
	}
	if len(e.Reply) <= maxReply {
		s.replySize = copy(s.reply[:], e.Reply)
	}
	r.put.Store(n + 1)
}

// drain hands every entry to f and takes it. The entry is valid during f only.
func (r *ring) drain(f func(*querylog.Entry)) {
	for n := r.taken.Load(); n < r.put.Load(); n++ {
		s := &r.slots[n%ringSize]
		f(&querylog.Entry{
			At: time.Unix(0, s.at), Client: s.client, TCP: s.tcp, Limited: s.limited, Size: s.size, Outcome: s.outcome,
			Query: s.query[:s.querySize], Reply: s.reply[:s.replySize],
		})
		s.outcome = answer.Outcome{} // no zone that has gone is kept in memory
		r.taken.Store(n + 1)
	}
}
