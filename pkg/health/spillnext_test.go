package health

import (
	"slices"
	"testing"
	"time"
)

// The first report alone makes the board act: nothing else has to happen.
func TestTheFirstReportIsActedUpon(t *testing.T) {
	w := newTown(100, "a", "b")
	w.b.ReportLoad("b", 10, w.now)
	w.b.ReportLoad("a", 120, w.now)
	for range 20 {
		at, more := w.b.Next(w.now)
		if !more {
			t.Fatal("nothing is to come, and a is over its capacity")
		}
		if w.now = at; w.now.Sub(epoch) > SpillInterval {
			t.Fatalf("a still keeps %v", w.share("a"))
		}
		if w.b.Settle(w.subjects, w.now); w.share("a") < 1 {
			return
		}
	}
	t.Fatalf("a keeps %v", w.share("a"))
}

// What sites refuse outlives a restart, or those whom they have would be pushed
// on to them again.
func TestRefusalsAreKept(t *testing.T) {
	w := newTown(100, "a", "b", "c")
	w.demand["a"], w.demand["b"], w.demand["c"] = 150, 85, 10
	w.seen = w.offered()
	w.run(5 * time.Minute)
	before := w.b.Snapshot(w.subjects, w.now).Refusals()
	if len(before) == 0 {
		t.Fatal("nobody refuses anything")
	}
	saved, err := DecodeSaved(w.b.Save(w.now).Encode())
	if err != nil {
		t.Fatal(err)
	}
	again := NewBoard(nil)
	again.SetRules(w.b.rules)
	again.Restore(saved, w.now)
	if after := again.Snapshot(w.subjects, w.now).Refusals(); !slices.Equal(after, before) {
		t.Errorf("refused before %v, after the restart %v", before, after)
	}
}
