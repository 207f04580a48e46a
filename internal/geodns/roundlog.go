package geodns

import (
	"context"
	"log/slog"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// What the log tells of first verdicts: each of them where they are few, else
// how many there were and some of those that failed. With tens of thousands of
// checks nobody reads a line for each.
const (
	maxFirstTold   = 50
	maxFailingTold = 20
)

// roundLog collects the first verdicts of many checks.
type roundLog struct {
	up, down int
	tell     []func() // of those that failed first
}

// beginRound begins to collect, if so many checks are worth it; it must run in
// the owner's goroutine.
func (c *checker) beginRound(checks int) {
	if checks > maxFirstTold {
		c.round = &roundLog{}
	}
}

// add takes a first verdict; tell would tell it.
func (r *roundLog) add(t health.Tracker, tell func()) {
	if t.Up {
		r.up++
		return
	}
	if r.down++; r.down <= maxFailingTold {
		r.tell = append(r.tell, tell)
	}
}

// endRound tells what was collected.
func (c *checker) endRound(checks int) {
	r := c.round
	if c.round = nil; r == nil {
		return
	}
	for _, tell := range r.tell {
		tell()
	}
	level := slog.LevelInfo
	if r.down > 0 {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "first round of checks is over", "checks", checks, "up", r.up, "down", r.down,
		"without_verdict", max(0, checks-r.up-r.down), "down_not_listed", r.down-len(r.tell))
}
