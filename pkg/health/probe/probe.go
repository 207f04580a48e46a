// Package probe owns how a target is probed: over TCP, HTTP, ICMP, DNS and
// gRPC, by a program or by a file. Each
// probe is one attempt at one address and ends in a [health.Result].
//
// It does not know when to probe, how many failures make a target down, or
// what becomes of the result: pkg/health decides. A prober starts no goroutine;
// a caller runs as many probes at once as it likes, each in its own goroutine,
// or those for which [Lean] is true by the thousand in one [Loop].
//
// The front doors are [NewHTTP] and [NewTCP]; both return a [Prober].
//
// Nothing that a target does can cost more than the time-out and a bounded
// amount of memory: at most 64 KiB of headers and 64 KiB of body are read,
// whatever is sent, however slowly.
package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Prober makes one attempt at an address. The deadline of ctx is the time-out
// of the attempt, from connect to the last byte read; without one it is
// [health.DefaultTimeout]. A target that misses it has failed. If ctx is
// cancelled before that, Probe returns at once and gives no verdict. A Prober
// may be used by many goroutines at once.
type Prober interface {
	Probe(ctx context.Context, addr netip.Addr) health.Result
}

// stage is what an attempt is doing, for its error.
type stage string

const (
	connecting stage = "connecting"
	handshake  stage = "in the TLS handshake"
	waiting    stage = "waiting for headers"
	reading    stage = "reading the body"
)

// attempt is one probe on its way.
type attempt struct {
	ctx      context.Context
	addr     netip.Addr
	start    time.Time
	deadline time.Time
	stage    stage
	via      Via

	warning string  // of a pass
	load    float64 // that the target reported
	hasLoad bool
}

// started is a context of an attempt with the time at which it began, which may be
// before the prober takes it up.
type started struct {
	context.Context
	at time.Time
}

// Within returns a context for one attempt, whose time-out begins to run now: an
// attempt that takes it up late says its time-out as it was set.
func Within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	now := time.Now()
	return between(ctx, now, now.Add(timeout))
}

func between(ctx context.Context, start, deadline time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	return started{ctx, start}, cancel
}

// begin starts the clock of an attempt. The cancel function must be called at
// its end.
func begin(ctx context.Context, addr netip.Addr, via Via) (*attempt, context.CancelFunc) {
	a := &attempt{addr: addr.Unmap(), start: time.Now(), stage: connecting, via: via}
	if s, ok := ctx.(started); ok {
		ctx, a.start = s.Context, s.at
	}
	cancel := context.CancelFunc(func() {})
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = a.start.Add(health.DefaultTimeout)
		ctx, cancel = context.WithDeadline(ctx, deadline)
	}
	a.ctx, a.deadline = ctx, deadline
	return a, cancel
}

// ready returns why the attempt cannot even begin.
func (a *attempt) ready() error {
	if a.ctx.Err() != nil || !a.deadline.After(a.start) {
		return errNoTime
	}
	if !a.addr.IsValid() && a.via.Target == "" {
		return errNoAddress
	}
	return a.aim()
}

// readyHere is [attempt.ready] for what is probed on this machine, which needs
// no address.
func (a *attempt) readyHere() error {
	if a.ctx.Err() != nil || !a.deadline.After(a.start) {
		return errNoTime
	}
	return nil
}

// plainDialer connects without keep-alive packets, which a connection this short
// has no use for (three system calls less). It is Go's own, and not bare
// system calls, because it also repeats a dial that by chance connected a
// local port to itself, which would look like a target that is up.
var plainDialer = net.Dialer{KeepAlive: -1}

// dial connects to the address of the attempt. The connection has the
// deadline of the attempt.
func (a *attempt) dial(port uint16) (*net.TCPConn, error) {
	a.stage = connecting
	// Not DialTCP: that binds a local port even if given none, so that all
	// targets together could have no more connections, TIME-WAIT included,
	// than there are ports; without bind that is so for each target alone.
	dialed, err := a.dialer("tcp").DialContext(a.ctx, "tcp", netip.AddrPortFrom(a.addr, port).String())
	if err != nil {
		return nil, err
	}
	c := dialed.(*net.TCPConn)
	if err := c.SetDeadline(a.deadline); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// end turns the outcome of an attempt into its result.
func (a *attempt) end(err error) health.Result {
	now := time.Now()
	verdict, why := a.judge(err, now)
	return health.Result{
		Verdict: verdict, Err: oneLine(why), Latency: now.Sub(a.start), At: now,
		Warning: oneLine(a.warning), Load: a.load, HasLoad: a.hasLoad,
	}
}

// judge says whether err speaks against the target or against ourselves.
func (a *attempt) judge(err error, now time.Time) (health.Verdict, string) {
	var own *ownError
	switch {
	case err == nil:
		return health.Pass, ""
	case errors.Is(err, errNoAddress), errors.Is(err, errNoTime):
		return health.NoVerdict, err.Error()
	case errors.Is(a.ctx.Err(), context.Canceled):
		return health.NoVerdict, "stopped while " + string(a.stage)
	case errors.As(err, &own):
		return health.NoVerdict, "own fault: " + own.text
	case isTimeout(err):
		return a.judgeTimeout(now)
	case ownFault(err, a.addr, hasRoute):
		return health.NoVerdict, "own fault: " + describe(err, a.stage)
	}
	return health.Fail, describe(err, a.stage)
}

// heldUp is how late at least we must wake after a time-out to blame
// ourselves for it.
const heldUp = 500 * time.Millisecond

// judgeTimeout fails the target, unless we noticed the time-out so late that
// this machine itself must have stood still: then the answer may well have
// come, and all targets would fail at once after each pause.
func (a *attempt) judgeTimeout(now time.Time) (health.Verdict, string) {
	timeout := a.deadline.Sub(a.start)
	if late := now.Sub(a.deadline); late > max(timeout, heldUp) {
		return health.NoVerdict, "own fault: this machine stood still for " + tidy(late)
	}
	return health.Fail, "timeout after " + tidy(timeout) + " while " + string(a.stage)
}

// tidy rounds away the little time between making a context and using it, so
// that a time-out reads as it was configured.
func tidy(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
