package geodns

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/pkg/toplist"
)

const (
	// talkersSample is how many queries of a worker one is counted of.
	talkersSample = 16
	// talkersTold is how many blocks the status tells.
	talkersTold = 20
)

// talkers counts who asks one worker. The lock is tried by the worker, never waited
// for: while the status is being told, a sample is lost.
type talkers struct {
	left  int // queries until the next one that is counted
	mu    sync.Mutex
	table toplist.Table
}

func (t *talkers) count(from netip.Addr, now uint32) {
	t.left = talkersSample - 1
	if t.mu.TryLock() {
		t.table.Add(from, now)
		t.mu.Unlock()
	}
}

// TopStatus is a block of clients and how much it asks.
type TopStatus struct {
	Block            string  `json:"block"`              // an IPv4 /24 or an IPv6 /56
	QueriesPerSecond float64 `json:"queries_per_second"` // over the last full minute, by a sample
	Share            float64 `json:"share"`              // of all queries, 0 to 1
}

// top returns who asked most in the last full minute.
func (h *handler) top(now time.Time) []TopStatus {
	tables := make([]*toplist.Table, len(h.workers))
	for i := range h.workers {
		h.workers[i].talkers.mu.Lock()
		defer h.workers[i].talkers.mu.Unlock()
		tables[i] = &h.workers[i].talkers.table
	}
	list, total := toplist.Merge(tables, uint32(now.Unix()), talkersTold)
	out := []TopStatus{}
	for _, e := range list {
		out = append(out, TopStatus{
			Block:            e.Block.String(),
			QueriesPerSecond: math.Round(float64(e.Count)*talkersSample/60*100) / 100,
			Share:            math.Round(float64(e.Count)/float64(total)*1000) / 1000,
		})
	}
	return out
}
