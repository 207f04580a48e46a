package vipd

import (
	"sync"
	"time"
)

// renewals renews the lifetimes of an instance's addresses on a goroutine of
// its own. The kernel changes addresses one after another, for the whole
// machine: while somebody else makes or removes interfaces, as container
// engines do, a renewal may have to wait for hundreds of milliseconds. Adverts
// must not wait with it.
type renewals struct {
	wg sync.WaitGroup

	mu      sync.Mutex
	running bool
	next    renewal
}

// renewal is an order: renew before a time, 0 is no order.
type renewal struct {
	before time.Duration
	life   uint64 // of the addresses that it is for, see addresses.life
}

// order makes do carry out r soon. An order that has not been begun is replaced:
// the newer one says the same with a later end.
func (r *renewals) order(next renewal, do func(renewal)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = next
	if r.running {
		return
	}
	r.running = true
	r.wg.Go(func() {
		for {
			next, ok := r.take()
			if !ok {
				return
			}
			do(next)
		}
	})
}

func (r *renewals) take() (renewal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.next
	r.next = renewal{}
	r.running = next.before != 0
	return next, r.running
}

// wait waits for what is under way.
func (r *renewals) wait() { r.wg.Wait() }
