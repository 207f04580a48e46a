package geodns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/geodns-vipd/geodns/internal/state"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// healthFile holds, in the state folder, what a [health.Board] must not forget.
const healthFile = "health.json"

// Writing of states that change by themselves is bounded: not more often than
// this, and not more than a twentieth of the time.
const (
	keepInterval = time.Second
	keepShare    = 20
)

// StateStatus says whether overrides and since-times are kept on disk.
type StateStatus struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"` // why not, or what could not be read at the start; "" if all is well
}

// keeper writes the state of the board into the state folder: at once when an
// operator decided something, and now and then when states changed. What
// cannot be written stays in memory and is tried again.
type keeper struct {
	log   *slog.Logger
	store func(data []byte) error
	save  func() health.Saved
	tell  func(ok bool) // for the metrics

	dirty atomic.Bool // something changed since the last writing

	released bool // guarded by mu: the files are another process's

	mu     sync.Mutex // held while writing, so that an older state never overwrites a newer one
	failed error      // of the last writing
	aside  func()     // moves what could not be read out of the way of the next writing; nil: nothing to move
	lost   error      // what could not be read at the start
}

// write brings the state of now to the disk.
func (k *keeper) write() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dirty.Store(false)
	if k.released {
		return nil
	}
	if k.aside != nil {
		k.aside()
	}
	err := k.store(k.save().Encode())
	switch {
	case err != nil:
		k.dirty.Store(true)
		if k.failed == nil {
			k.log.Error("overrides and states cannot be kept; they hold until this process ends, and writing is tried again", "err", err)
		}
	case k.failed != nil:
		k.log.Info("overrides and states are kept again")
	}
	if err == nil {
		k.aside = nil
	}
	k.failed = err
	k.tell(err == nil && k.lost == nil)
	return err
}

// begin takes a fault of the state folder that is known, and was logged, before
// anything is written; nil for none.
func (k *keeper) begin(fault error) {
	if fault != nil {
		k.failed = fault
		k.dirty.Store(true)
	}
}

// release ends writing: another process keeps the state from now on.
func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.released = true
}

// Run writes what has changed until ctx ends, and once more then.
func (k *keeper) Run(ctx context.Context) error {
	pause := keepInterval
	for {
		select {
		case <-ctx.Done():
			if k.dirty.Load() {
				_ = k.write() // it has been logged
			}
			return nil
		case <-time.After(pause):
		}
		if k.dirty.Load() {
			begin := time.Now()
			_ = k.write()
			pause = max(keepInterval, keepShare*time.Since(begin))
		}
	}
}

// status says whether the state is kept.
func (k *keeper) status() StateStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := errors.Join(k.failed, k.lost); err != nil {
		return StateStatus{Error: err.Error()}
	}
	return StateStatus{OK: true}
}

// restore gives the board what an earlier run kept. A file that cannot be used
// is put aside and told; serving goes on without it.
func (k *keeper) restore(dir *state.Dir, board *health.Board) {
	data, err := dir.Load(healthFile)
	if data == nil && err == nil {
		k.tell(k.failed == nil)
		return
	}
	var saved health.Saved
	if err == nil {
		saved, err = health.DecodeSaved(data)
	}
	if err != nil {
		aside, asideErr := dir.SetAside(healthFile)
		k.log.Error("the kept overrides and states cannot be used: all sites start without drain and force",
			"file", healthFile, "err", err, "moved_to", aside, "move_err", asideErr)
		k.lost = errors.New(healthFile + ": " + err.Error())
		if asideErr != nil {
			k.aside = func() {
				_, _ = dir.SetAside(healthFile) // until one writing succeeds
			}
		}
		k.tell(false)
		return
	}
	if lost := board.Restore(saved, time.Now()); len(lost) > 0 {
		k.log.Error("some kept overrides make no sense and do not hold", "file", healthFile, "count", len(lost), "first_site", lost[0].Site)
		k.lost = fmt.Errorf("%s: %d overrides make no sense and do not hold", healthFile, len(lost))
	}
	k.tell(k.lost == nil && k.failed == nil)
	if n := len(board.Overrides()); n > 0 {
		k.log.Info("overrides of an earlier run are in force", "count", n)
	}
}
