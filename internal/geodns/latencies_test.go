package geodns

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/metrics"
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
		var again recent
		if err := json.Unmarshal(got, &again); err != nil || len(again) != int(l.n) {
			t.Errorf("%s is read as %v, %v", got, again, err)
		} else if text, _ := json.Marshal(again); string(text) != want {
			t.Errorf("%s becomes %s when it is read", got, text)
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

// TestLatenciesAreExactEnough goes through all magnitudes.
func TestLatenciesAreExactEnough(t *testing.T) {
	for us := uint64(1); us < 1<<41; us += us/7 + 1 {
		got := latencyOf(time.Duration(us) * time.Microsecond).microseconds()
		if got > us || us-got > us/1024 || us < 2048 && got != us {
			t.Fatalf("%d µs are kept as %d", us, got)
		}
	}
	for _, d := range []time.Duration{-time.Second, 0} {
		if got := latencyOf(d).microseconds(); got != 0 {
			t.Errorf("%v is kept as %d µs", d, got)
		}
	}
	if latencyOf(math.MaxInt64) == failed {
		t.Error("a very long time is kept as a failure")
	}
}

// What is remembered stays through a reload, and goes with the check.
func TestLatenciesOutliveAReload(t *testing.T) {
	c := newChecker(nil, nil)
	configure := func(watches ...target) {
		c.configure(watches, nil, nil, boardRules{}, func(*health.Board, []health.Subject) {})
	}
	spec := health.Spec{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1}
	w, other := watchOf("fra", spec, &pushed{}), watchOf("iad", spec, &pushed{})
	configure(other, w)
	c.remember(keyedResult{w.Key, health.Result{Verdict: health.Pass, Latency: time.Millisecond}})
	spec.Interval *= 2
	w = watchOf("fra", spec, &pushed{})
	configure(w, other)
	if got := c.find(w.Key).recent.list(); len(got) != 1 || got[0] != 1000 {
		t.Errorf("after a reload: %v, want [1000]", got)
	}
	configure()
	configure(w)
	if got := c.find(w.Key).recent.list(); len(got) != 0 {
		t.Errorf("of a new check: %v, want none", got)
	}
}

// TestCheckIsSmall holds the memory of a check of an address beside that of the
// board: there may be tens of thousands.
func TestCheckIsSmall(t *testing.T) {
	const n, most = 20_000, 250 // 72 in the schedule, 128 and a key in the metrics
	m := &method{Spec: second, prober: &script{}}
	watches := make([]target, n)
	for i := range watches {
		watches[i] = target{health.Key{Site: fmt.Sprint("s", i), Addr: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Check: "web"}, m}
	}
	c := newChecker(nil, metrics.New(1, ""))
	c.board.Rebuild(plain(watches))
	before := inUse()
	c.schedule(watches, c.places(watches), time.Now())
	got := (inUse() - before) / n
	if runtime.KeepAlive(c); got > most {
		t.Errorf("%d octets for a check, want at most %d", got, most)
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
