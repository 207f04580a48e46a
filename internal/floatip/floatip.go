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
	"log/slog"
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
