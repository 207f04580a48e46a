package vipd

import (
	"slices"
	"testing"
	"time"
)

func TestRenewalsNeverMakeTheInstanceWait(t *testing.T) {
	var r renewals
	begun, release, done := make(chan renewal), make(chan struct{}), []time.Duration(nil)
	do := func(o renewal) {
		begun <- o
		<-release
		done = append(done, o.before)
	}
	r.order(renewal{before: 1}, do)
	<-begun
	for before := time.Duration(2); before <= 5; before++ {
		r.order(renewal{before: before}, do) // the kernel is busy with the first
	}
	release <- struct{}{}
	if o := <-begun; o.before != 5 {
		t.Errorf("after the first came the order until %v, want the newest", o.before)
	}
	release <- struct{}{}
	r.wait()
	r.order(renewal{before: 6}, do)
	<-begun
	release <- struct{}{}
	r.wait()
	if want := []time.Duration{1, 5, 6}; !slices.Equal(done, want) {
		t.Errorf("carried out %v, want %v", done, want)
	}
}
