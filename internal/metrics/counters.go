package metrics

import (
	"sync"
	"sync/atomic"
)

// chunkSize is the number of counters that are added at a time.
const chunkSize = 4096

// maxChunks bounds the counters of one worker to four million.
const maxChunks = 1024

// Counters are sums that serving threads add to. Each worker has memory of
// its own, so an addition takes no lock and shares no cache line; a scrape adds
// the workers up. Slots are handed out at load time and live for ever: a reload
// loses no count.
type Counters struct {
	workers []shard

	mu      sync.Mutex
	next    uint32
	known   map[string]uint32
	answers map[string]map[string]uint32 // by policy and site
}

// shard is the memory of one worker. Chunks are only ever added, so a counter
// that is being incremented never moves.
type shard struct {
	chunks [maxChunks]atomic.Pointer[[chunkSize]atomic.Uint64]
	_      [64]byte
}

// newCounters returns counters for workers 0 to n-1.
func newCounters(n int) *Counters {
	return &Counters{workers: make([]shard, n), known: map[string]uint32{}, answers: map[string]map[string]uint32{}}
}

// reserve returns the first of n consecutive slots for key, the same ones at
// each call.
func (c *Counters) reserve(key string, n uint32) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot, ok := c.known[key]; ok {
		return slot
	}
	slot := c.add(n)
	c.known[key] = slot
	return slot
}

// add returns the first of n new slots; c.mu must be held.
func (c *Counters) add(n uint32) uint32 {
	slot := c.next
	c.next += n
	if c.next > maxChunks*chunkSize {
		// Beyond four million series nobody could scrape them; count into
		// the last ones rather than fail.
		slot, c.next = maxChunks*chunkSize-n, maxChunks*chunkSize
	}
	for chunk := slot / chunkSize; chunk <= (slot+n-1)/chunkSize; chunk++ {
		for w := range c.workers {
			if p := &c.workers[w].chunks[chunk]; p.Load() == nil {
				p.Store(new([chunkSize]atomic.Uint64))
			}
		}
	}
	return slot
}

// Inc adds one to a slot. Only the worker's own thread may call it with that
// worker, which is what makes the plain load and store enough; they are atomic
// for the sake of whoever reads meanwhile.
func (c *Counters) Inc(worker int, slot uint32) {
	n := &c.workers[worker].chunks[slot/chunkSize].Load()[slot%chunkSize]
	n.Store(n.Load() + 1)
}

// Sum returns the sum of a slot over all workers.
func (c *Counters) Sum(slot uint32) uint64 {
	var sum uint64
	for w := range c.workers {
		if chunk := c.workers[w].chunks[slot/chunkSize].Load(); chunk != nil {
			sum += chunk[slot%chunkSize].Load()
		}
	}
	return sum
}
