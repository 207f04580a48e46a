package geodns

import (
	"log/slog"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// A load that comes after something has become due, and before the timer has told
// of it, or while a publication waits, puts off neither.
func TestALoadPutsOffNothing(t *testing.T) {
	now := time.Now()
	key := health.Key{Site: "fra", Check: "web"}
	for what, c := range map[string]struct{ reported, wake time.Time }{
		"a look is due":       {now.Add(-5 * time.Second), now.Add(-4 * time.Second)},
		"a publication waits": {now, now.Add(time.Millisecond)},
	} {
		ch := newChecker(slog.New(slog.DiscardHandler), nil)
		ch.board.SetRules(map[string]health.Rules{"fra": {Capacity: 100}})
		ch.board.Rebuild([]health.Watch{{Key: key}})
		ch.board.ReportLoad("fra", 50, c.reported)
		ch.wake = c.wake
		ch.step(keyedResult{key, health.Result{Verdict: health.Pass, Load: 105, HasLoad: true, At: now}})
		if load, _, _ := ch.board.Load("fra", now); load != 105 {
			t.Errorf("%s: the load is %v", what, load)
		}
		if !ch.wake.Equal(c.wake) {
			t.Errorf("%s: put off by %v", what, ch.wake.Sub(c.wake))
		}
	}
}

// The first load wakes the checker for the first look.
func TestALoadIsLookedAt(t *testing.T) {
	ch := newChecker(slog.New(slog.DiscardHandler), nil)
	ch.board.SetRules(map[string]health.Rules{"fra": {Capacity: 100}})
	now := time.Now()
	ch.board.ReportLoad("fra", 50, now)
	ch.wakeForNext(now)
	if next, ok := ch.board.Next(now); !ok || !ch.wake.Equal(next) {
		t.Errorf("wakes at %v, the next look is at %v", ch.wake, next)
	}
}
