// Package floatip owns the floating addresses of clouds: while this node is
// master, the address is to be here. One loop per address looks who holds it,
// claims it if it is not here, and looks again every few seconds.
//
// It does not know VRRP: it is told by [Loop.Master] and [Loop.Backup], and
// asks a [Lease] just before each claim whether it may still make it, since
// another node may have taken over meanwhile. It never gives an address back:
// the new master takes it.
//
// The entry points are [New] and [Loop.Run]; a [Provider] is one cloud's API.
package floatip

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Where an address is.
type Where uint8

// Places.
const (
	Unknown Where = iota
	Here
	Elsewhere
)

// String returns the place in one word.
func (w Where) String() string {
	switch w {
	case Here:
		return "here"
	case Elsewhere:
		return "elsewhere"
	}
	return "unknown"
}

// Observation is what a provider says of an address.
type Observation struct {
	Where  Where
	Holder string // who holds it if not this node, "" if nobody or not known
	Locked bool   // the provider is busy with it: a claim now would be refused
}

// Provider is one address at one cloud. Each call ends when its context does.
type Provider interface {
	Observe(ctx context.Context) (Observation, error)
	// Claim asks for the address; that it has come is seen by Observe.
	Claim(ctx context.Context) error
}

// RetryAfter is an error of a provider that says when to come again.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfter) Error() string { return e.Err.Error() }
func (e *RetryAfter) Unwrap() error { return e.Err }

// Lease returns for how long from now this node may still claim. ok is false
// if it must not.
type Lease func() (left time.Duration, ok bool)

// Config is what a loop is told.
type Config struct {
	Instance string
	Address  string
	Provider Provider
	Lease    Lease
	// Lower reports whether another node that claims to be master has the
	// better right; this one then waits twice as long before it claims again.
	Lower    func() bool
	Interval time.Duration // between looks
	Timeout  time.Duration // of one look
	Log      *slog.Logger
	// Tell takes a sentence on what has become of the address: claims, refusals,
	// losses. It must not block; nil is nobody.
	Tell func(what string)

	pace pace // of tests; the zero value means the defaults
}

// pace holds the times of a loop.
type pace struct {
	confirm    time.Duration // from a claim to the first look, doubling
	firstFight time.Duration // from finding that another took the address to the next claim, doubling
	maxFight   time.Duration
	firstError time.Duration // after an error, doubling
	maxError   time.Duration
}

var defaultPace = pace{
	confirm: 500 * time.Millisecond, firstFight: 10 * time.Second, maxFight: 5 * time.Minute,
	firstError: time.Second, maxError: 30 * time.Second,
}

// Status is a floating address as a person may want to see it.
type Status struct {
	Address string
	Wanted  bool // this node is master
	Observation
	At        time.Time // of the observation; zero: none yet in this mastership
	Next      time.Time // of the next look or claim; zero: none, or one is under way
	Claims    uint64
	Contested bool // it was here in this mastership, and another took it and has it
	Err       string
	ErrAt     time.Time
}

// Loop keeps one address here while it is wanted.
type Loop struct {
	cfg Config

	mu     sync.Mutex
	status Status
	want   bool
	late   bool // look before claiming
	epoch  context.CancelFunc
	kick   chan struct{}
	heard  bool // a peer's advert was heard since the last fight
}

// New returns a loop; nothing runs yet.
func New(cfg Config) *Loop {
	if cfg.pace == (pace{}) {
		cfg.pace = defaultPace
	}
	return &Loop{cfg: cfg, status: Status{Address: cfg.Address}, kick: make(chan struct{}, 1)}
}

// Master says that this node is master. It never blocks. late says that it was
// master without running for a while: who holds the address is looked at first.
func (l *Loop) Master(late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want, l.late = true, late
	l.status.Wanted = true
	l.wake()
}

// Backup says that this node is no longer master: what is under way is
// cancelled at once. It never blocks.
func (l *Loop) Backup() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want = false
	// Nobody looks any more: what was seen last is soon wrong, and is not shown.
	l.status = Status{Address: l.status.Address, Claims: l.status.Claims}
	if l.epoch != nil {
		l.epoch()
	}
	l.wake()
}

// PeerHeard says that another node was heard: a fight over the address may have
// been a partition that has healed, so the next claim is not held back.
func (l *Loop) PeerHeard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = true
}

// Status returns what is known of the address.
func (l *Loop) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *Loop) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// Run serves one mastership after the other until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if epoch, ok := l.begin(ctx); ok {
			l.keep(epoch)
			continue
		}
		select {
		case <-ctx.Done():
		case <-l.kick:
		}
	}
}

// begin starts a mastership if one is on.
func (l *Loop) begin(ctx context.Context) (epoch context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.want {
		return nil, false
	}
	epoch, l.epoch = context.WithCancel(ctx)
	l.heard = false
	return epoch, true
}

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
