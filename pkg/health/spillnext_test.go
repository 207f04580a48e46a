package health

import "testing"

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
