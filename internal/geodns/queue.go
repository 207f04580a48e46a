package geodns

import "container/heap"

// queue is a heap of the places of watches, by their next start.
type queue []int32

// inOrder is the queue of a checker as package heap wants it. It is used
// without Push and Pop, which would allocate.
type inOrder struct{ *checker }

func (o inOrder) Len() int { return len(o.queue) }

func (o inOrder) Less(i, j int) bool { return o.watches[o.queue[i]].due < o.watches[o.queue[j]].due }

func (o inOrder) Swap(i, j int) {
	q := o.queue
	q[i], q[j] = q[j], q[i]
	o.watches[q[i]].index, o.watches[q[j]].index = int32(i), int32(j)
}

// Push implements heap.Interface.
func (o inOrder) Push(any) { panic("geodns: not used") }

// Pop implements heap.Interface.
func (o inOrder) Pop() any { panic("geodns: not used") }

// initQueue brings what stands in the queue into order.
func (c *checker) initQueue() {
	for i, at := range c.queue {
		c.watches[at].index = int32(i)
	}
	heap.Init(inOrder{c})
}

// push puts a watch into the queue.
func (c *checker) push(at int32) {
	last := len(c.queue)
	c.queue = append(c.queue, at)
	c.watches[at].index = int32(last)
	heap.Fix(inOrder{c}, last)
}

// pop takes the watch out whose start is next, and notes that its probe is
// under way.
func (c *checker) pop() int32 {
	first, last := c.queue[0], len(c.queue)-1
	inOrder{c}.Swap(0, last)
	c.queue = c.queue[:last]
	if last > 0 {
		heap.Fix(inOrder{c}, 0)
	}
	c.watches[first].index = underWay
	return first
}
