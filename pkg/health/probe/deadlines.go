package probe

import "container/heap"

// deadlines is a heap of the probes under way, the one whose time is over next
// first.
type deadlines []*flight

// first returns the one whose time is over next, or nil.
func (d deadlines) first() *flight {
	if len(d) == 0 {
		return nil
	}
	return d[0]
}

func (d *deadlines) add(f *flight)    { heap.Push(d, f) }
func (d *deadlines) remove(f *flight) { heap.Remove(d, f.index) }

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].a.deadline.Before(d[j].a.deadline) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	f := x.(*flight)
	f.index = len(*d)
	*d = append(*d, f)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	old := *d
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	f.index = -1
	return f
}
