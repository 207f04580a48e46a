package geodns

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestLatenciesKeepTheLastOldestFirst(t *testing.T) {
	var l latencies
	says := func(want string) {
		t.Helper()
		got, err := json.Marshal(l.list())
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	says("[]")
	l.add(health.Result{Verdict: health.Pass, Latency: 1234567 * time.Nanosecond})
	l.add(health.Result{Verdict: health.NoVerdict, Latency: time.Second})
	l.add(health.Result{Verdict: health.Fail, Latency: time.Second})
	says("[1.23,null]")
	for i := range maxLatencies + 2 {
		l.add(health.Result{Verdict: health.Pass, Latency: time.Duration(i) * time.Millisecond})
	}
	says("[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]")
}

// What is remembered stays through a reload, and goes with the check.
func TestLatenciesOutliveAReload(t *testing.T) {
	c := newChecker(nil, func(health.Key, health.Result) {})
	w := watchOf("fra", health.Spec{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1}, &pushed{})
	c.schedule([]target{w}, time.Now())
	c.remember(keyedResult{w.Key, health.Result{Verdict: health.Pass, Latency: time.Millisecond}})
	w.Spec.Interval *= 2
	c.schedule([]target{w}, time.Now())
	if got := c.watches[w.Key].recent.list(); len(got) != 1 || got[0] != 1 {
		t.Errorf("after a reload: %v, want [1]", got)
	}
	c.schedule(nil, time.Now())
	c.schedule([]target{w}, time.Now())
	if got := c.watches[w.Key].recent.list(); len(got) != 0 {
		t.Errorf("of a new check: %v, want none", got)
	}
}
