package vipd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// raiseEvery is how often threads are looked for that Go has made meanwhile.
const raiseEvery = time.Second

// At the start Go makes most of its threads: they are looked for more often.
const (
	raiseFirst = 50 * time.Millisecond
	firstLooks = 60
)

// keepRaised gives every thread of the process real-time priority, one below
// that of the instances, and those that Go makes later too, until ctx ends.
//
// The instances' own threads are not enough. The garbage collector stops them
// until every other thread has taken notice and has done its part; and a packet
// may be read by one of those. On a machine where ordinary work waits for tens
// of milliseconds, an instance waited as long: more than three adverts of
// 10 ms. What the threads start is of ordinary priority again.
func keepRaised(ctx context.Context, log *slog.Logger, priority int) {
	tick := time.NewTicker(raiseFirst)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		if looks == firstLooks {
			tick.Reset(raiseEvery)
		}
		if err := raiseThreads(priority); err != nil {
			log.Debug("no real-time priority", "err", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// raiseThreads raises the threads that have ordinary priority now.
func raiseThreads(priority int) error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		attr, err := unix.SchedGetAttr(tid, 0)
		if err == nil && attr.Policy == unix.SCHED_NORMAL {
			err = setRealtime(tid, priority)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return err
		}
	}
	return nil
}

// setRealtime gives a thread real-time priority, 0 for the calling one.
func setRealtime(tid, priority int) error {
	return unix.SchedSetAttr(tid, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: uint32(priority),
	}, 0)
}
