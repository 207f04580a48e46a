package health

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// TestATrackerStaysWhatItIs puts trackers away and takes them out again.
func TestATrackerStaysWhatItIs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	spec := Spec{Fall: 2, Rise: 3}
	for range 50 {
		var w watched
		var plain Tracker
		for i := range 60 {
			r := Result{Verdict: Verdict(rng.IntN(3)), Latency: time.Duration(i), At: time.Unix(int64(i), 0)}
			if r.Verdict != Pass {
				r.Err = fmt.Sprint("err ", i)
			}
			if rng.IntN(4) == 0 {
				r.Warning, r.Load, r.HasLoad = "soon", float64(i), true
			}
			if rng.IntN(10) == 0 {
				plain.Restored = true
				w.set(plain)
			}
			next, _ := w.tracker().Step(r, spec)
			w.set(next)
			plain, _ = plain.Step(r, spec)
			if got := w.tracker(); got != plain {
				t.Fatalf("step %d:\ngot  %+v\nwant %+v", i, got, plain)
			}
		}
	}
}

func TestPlacesAreThoseGiven(t *testing.T) {
	keys := manyKeys(1000)
	b := NewBoard(watchesOf(keys))
	for i, k := range keys {
		if at, ok := b.Place(k); !ok || at != i {
			t.Fatalf("%v stands at %d, %v, want %d", k, at, ok, i)
		}
		k.Check = "other"
		if at, ok := b.Place(k); ok {
			t.Fatalf("%v, which is not watched, stands at %d", k, at)
		}
	}
	if n := b.Len(); n != len(keys) {
		t.Errorf("%d watches, want %d", n, len(keys))
	}
	b.Rebuild(append(watchesOf(keys[:2]), watchesOf(keys[:1])...))
	if n := b.Len(); n != 2 {
		t.Errorf("%d watches with one given twice, want 2", n)
	}
}

// TestWatchIsSmall holds the memory of a check of an address: there may be tens
// of thousands.
func TestWatchIsSmall(t *testing.T) {
	const n, most = 20_000, 230 // 160 for what is known, the key included, and what finds it
	watches := watchesOf(manyKeys(n))
	before := heap()
	b := NewBoard(watches)
	at := time.Unix(1000, 0)
	for i := range watches {
		b.Step(watches[i].Key, Result{Verdict: Pass, Latency: time.Millisecond, At: at})
	}
	got := (heap() - before) / n
	runtime.KeepAlive(watches)
	if runtime.KeepAlive(b); got > most {
		t.Errorf("%d octets for a check, want at most %d", got, most)
	}
}

// TestAPassAllocatesNothing holds what thousands of checks a second leave behind.
func TestAPassAllocatesNothing(t *testing.T) {
	keys := manyKeys(10)
	b := NewBoard(watchesOf(keys))
	r := Result{Verdict: Pass, Latency: time.Millisecond, At: time.Unix(1000, 0)}
	if n := testing.AllocsPerRun(100, func() { b.Step(keys[3], r) }); n != 0 {
		t.Errorf("%v allocations for a pass", n)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func manyKeys(n int) []Key {
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = Key{fmt.Sprintf("site%d", i/2), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), "web"}
	}
	return keys
}

func watchesOf(keys []Key) []Watch {
	out := make([]Watch, len(keys))
	for i, k := range keys {
		out[i] = Watch{Key: k, Spec: Spec{}.WithDefaults()}
	}
	return out
}
