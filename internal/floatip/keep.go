package floatip

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// keep holds the address here until the mastership ends.
func (l *Loop) keep(ctx context.Context) {
	m := mastership{pace: l.cfg.pace, interval: l.cfg.Interval}
	step := doClaim
	var tale story
	for ctx.Err() == nil {
		var wait time.Duration
		if l.takeLate() {
			step = doObserve
		}
		switch step {
		case doClaim:
			begin := time.Now()
			err := l.claim(ctx)
			step, wait = m.claimed(err)
			l.tell(tale.claimed(err, ctx.Err() != nil, time.Since(begin), wait))
		case doObserve:
			obs, err := l.observe(ctx)
			if ctx.Err() != nil {
				return
			}
			step, wait = m.observed(obs, err, l.takeHeard(), l.cfg.Lower != nil && l.cfg.Lower())
			contested := m.fights > 0 && obs.Where != Here
			l.note(ctx, func(s *Status) { s.Contested = contested })
			l.tell(tale.observed(obs, err, contested, wait))
		}
		wait = jittered(wait)
		l.note(ctx, func(s *Status) { s.Next = time.Now().Add(wait) })
		sleep(ctx, wait)
	}
}

func (l *Loop) tell(what string) {
	if what != "" && l.cfg.Tell != nil {
		l.cfg.Tell(what)
	}
}

func (l *Loop) claim(ctx context.Context) error {
	if _, ok := l.cfg.Lease(); !ok {
		return errNoLease
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	defer l.endWithLease(cancel)()
	l.note(ctx, func(s *Status) { s.Claims++; s.Next = time.Time{} })
	err := l.cfg.Provider.Claim(ctx)
	l.noteErr(ctx, "claim", err)
	if err == nil {
		l.cfg.Log.Info("floating address claimed", "instance", l.cfg.Instance, "address", l.cfg.Address)
	}
	return err
}

// endWithLease cancels a claim when the lease ends: while adverts go out it is
// renewed, and the claim may take its time. It returns a function that stops
// the watch.
func (l *Loop) endWithLease(cancel context.CancelFunc) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			left, ok := l.cfg.Lease()
			if !ok {
				cancel()
				return
			}
			select {
			case <-time.After(left):
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

func (l *Loop) observe(epoch context.Context) (Observation, error) {
	ctx, cancel := context.WithTimeout(epoch, l.cfg.Timeout)
	defer cancel()
	obs, err := l.cfg.Provider.Observe(ctx)
	l.noteErr(ctx, "observe", err)
	if err != nil {
		return obs, err
	}
	was := l.Status().Observation
	l.note(epoch, func(s *Status) { s.Observation, s.At, s.Err = obs, time.Now(), "" })
	if was.Where != obs.Where || was.Holder != obs.Holder {
		l.cfg.Log.Info("floating address", "instance", l.cfg.Instance, "address", l.cfg.Address, "is", obs.Where.String(), "holder", obs.Holder)
	}
	return obs, nil
}

// note changes the status, unless the mastership of ctx is over.
func (l *Loop) note(ctx context.Context, change func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !errors.Is(ctx.Err(), context.Canceled) {
		change(&l.status)
	}
}

func (l *Loop) noteErr(ctx context.Context, what string, err error) {
	if err == nil || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	text := what + ": " + err.Error()
	if l.Status().Err != text {
		l.cfg.Log.Warn("floating address", "instance", l.cfg.Instance, "address", l.cfg.Address, "err", text)
	}
	l.note(ctx, func(s *Status) { s.Err, s.ErrAt = text, time.Now() })
}

// takeLate reports, once, that this node has slept.
func (l *Loop) takeLate() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	late := l.late
	l.late = false
	return late
}

func (l *Loop) takeHeard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heard
	l.heard = false
	return heard
}

// jittered keeps the nodes of a site from asking in step; a short wait is left
// as it is.
func jittered(d time.Duration) time.Duration {
	if d < time.Second {
		return d
	}
	return d - d/20 + rand.N(d/10)
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
