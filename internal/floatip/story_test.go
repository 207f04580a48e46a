package floatip

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestStoryTellsEachThingOnce(t *testing.T) {
	var (
		s    story
		busy = errors.New("422: the droplet is busy")
		ms   = time.Millisecond
		at7  = Observation{Where: Elsewhere, Holder: "droplet 7"}
		here = Observation{Where: Here}
	)
	for i, step := range []struct{ got, want string }{
		{s.claimed(busy, false, 20*ms, time.Second), "claim failed: 422: the droplet is busy; again in 1s"},
		{s.observed(at7, nil, false, 0), "is elsewhere, held by droplet 7"},
		{s.observed(at7, nil, false, 0), ""},
		{s.claimed(busy, false, 20*ms, 2*time.Second), "claim failed: 422: the droplet is busy (2 times in a row); again in 2s"},
		{s.claimed(busy, false, 20*ms, 4*time.Second), ""},
		{s.claimed(nil, false, 820*ms, 0), "claimed after 3 failed, accepted within 820ms"},
		{s.observed(here, nil, false, 0), "is here"},
		{s.observed(here, nil, false, 0), ""},
		{s.observed(Observation{}, errors.New("timeout"), false, time.Second), "cannot be looked at: timeout; again in 1s"},
		{s.observed(here, nil, false, 0), ""},
		{s.observed(at7, nil, true, 10*time.Second), "lost, held by droplet 7; again in 10s"},
		{s.claimed(errNoLease, false, 0, 0), "not claimed: not sure to be master now"},
		{s.claimed(nil, false, 90*ms, 0), "claimed again after 1 failed, accepted within 90ms"},
		{s.claimed(context.Canceled, false, 90*ms, 0), "claim called off: not sure to be master now"},
		{s.claimed(context.Canceled, true, 90*ms, 0), "claim called off after 90ms: no longer master"},
		{s.observed(Observation{Where: Elsewhere}, nil, false, 0), "is elsewhere, held by nobody that is known"},
		{s.observed(Observation{}, nil, false, 0), "nobody says where it is"},
	} {
		if step.got != step.want {
			t.Errorf("step %d: got %q, want %q", i, step.got, step.want)
		}
	}
}

// TestLoopTells holds the loop to telling of claims, losses and the end of a
// mastership.
func TestLoopTells(t *testing.T) {
	var (
		mu   sync.Mutex
		told []string
	)
	heard := func(want string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(told, func(s string) bool { return len(s) >= len(want) && s[:len(want)] == want })
		}
	}
	f := newFakeCloud(t)
	f.holder = 202
	l := start(t, Config{Provider: f.provider(t), Tell: func(s string) { mu.Lock(); told = append(told, s); mu.Unlock() }})
	l.Master(false)
	until(t, "told of the claim", heard("claimed, accepted within"))
	until(t, "told that it is here", heard("is here"))
	f.move(303)
	until(t, "told of the loss", heard("lost, held by"))
	until(t, "told of the second claim", heard("claimed again, accepted within"))
}

func TestLoopTellsOfAClaimCalledOff(t *testing.T) {
	told := make(chan string, 10)
	p := &slowProvider{ended: make(chan time.Time, 1)}
	l := start(t, Config{Provider: p, Tell: func(s string) { told <- s }})
	l.Master(false)
	until(t, "the claim is under way", func() bool { return l.Status().Claims == 1 })
	l.Backup()
	select {
	case got := <-told:
		if want := "no longer master"; len(got) < len(want) || got[len(got)-len(want):] != want {
			t.Errorf("told %q", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing was told")
	}
}
