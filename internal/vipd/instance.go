package vipd

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/neigh"
	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// idleLimit is how long an instance sleeps at most, so that it is known to be
// alive.
const idleLimit = time.Second

// host is what an instance asks of the daemon around it. Each method returns at
// once.
type host interface {
	// notify runs hooks.
	notify(p *plan, n vrrp.Notify)
	// priority tells of another effective priority.
	priority(p *plan, state vrrp.State, priority uint8)
	// report tells the sync group.
	report(r vrrp.Report)
	// floating tells the loops of the instance's floating addresses. late: it
	// was master without running for a while.
	floating(instance string, state vrrp.State, late bool)
	peerHeard(instance string)
	// hear brings messages of other vipd nodes to source, none if it is not
	// valid; collect brings what waits now to its letters; send sends one.
	hear(in *instance, source netip.Addr)
	collect(in *instance)
	send(in *instance, message []byte, to netip.Addr) error
}

// instance runs one virtual router. All fields but the shared ones belong to
// its goroutine.
type instance struct {
	name string
	log  *slog.Logger
	host host
	rt   int // real-time priority
	// lastPriority is the effective priority that was told last.
	lastPriority uint8

	// Shared.
	mailbox      mailbox
	letters      letters       // of other vipd nodes
	state        atomic.Uint32 // vrrp.State
	lease        atomic.Int64  // until when a cloud may be asked, ns since boot; 0: not
	lastLoop     atomic.Int64  // when it last ran, ns since boot
	peerPriority atomic.Uint32 // of the node heard last
	counts       counters
	done         chan struct{}

	plan    *plan
	facts   linkFacts
	router  vrrp.Router
	clock   alarmClock
	wire    *wire
	retryAt time.Duration // when to open the sockets again
	claims  *addresses
	voice   *announcer
	history history
	news    map[[2]string]track.News
	drained *drainOrder // as ordered, kept over a restart of the router
	replies []chan<- drainReply
	after   []func() // to do once the actions of a step are done
	wasLate bool
	buf     []byte
	seq     uint64 // of the last message to other vipd nodes
	signed  uint64 // sequence of the last signed advert
	polled  [3]unix.PollFd
	ended   bool

	refusedLast bool // the advert that was delivered last
}

// newInstance returns an instance that waits to be run.
func newInstance(p *plan, facts linkFacts, h host, log *slog.Logger, rt int) (in *instance, err error) {
	in = &instance{
		name: p.Name, log: log.With("instance", p.Name), host: h, rt: rt, plan: p, facts: facts,
		done: make(chan struct{}), news: map[[2]string]track.News{},
	}
	var undo []func()
	defer func() {
		if err != nil {
			for _, f := range undo {
				f()
			}
		}
	}()
	if in.clock, err = newAlarmClock(); err != nil {
		return nil, err
	}
	undo = append(undo, in.clock.close)
	if in.mailbox.bell, err = newBell(); err != nil {
		return nil, err
	}
	undo = append(undo, in.mailbox.close)
	if in.claims, err = newAddresses(p); err != nil {
		return nil, err
	}
	undo = append(undo, in.claims.close)
	socket, err := neigh.Open()
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { socket.Close() })
	links, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	in.voice = &announcer{log: in.log, socket: socket, links: links, pauses: p.pauses}
	in.router = vrrp.New(p.router(facts.source(p), facts.connected))
	return in, nil
}

// run serves the instance until it is stopped. It must be the only call, on a
// goroutine of its own.
func (in *instance) run() {
	defer close(in.done)
	release, err := ownThread(in.rt)
	if err != nil {
		in.log.Debug("no real-time priority", "err", err)
	}
	defer release()
	in.start()
	for !in.ended {
		in.wait()
		in.lastLoop.Store(int64(bootNow()))
		in.receive()
		in.readLetters()
		in.readMail()
		if in.clock.fired() {
			in.step(vrrp.Wake{At: bootNow()})
		}
		in.reopen()
	}
	in.closeWire()
	in.mailbox.close()
	in.clock.close()
	in.voice.close()
	in.claims.close()
}

// start begins the life of a router: what is known of the machine first, so
// that it does not begin in a state that it must leave at once.
func (in *instance) start() {
	if in.drained != nil {
		in.step(vrrp.Drain{At: bootNow(), On: true, Force: true, LastResort: in.drained.LastResort})
	}
	in.applyLink()
	for _, n := range in.news {
		in.step(trackEvent(n))
	}
	in.step(vrrp.Start{At: bootNow()})
}

// wait blocks until something is to be done.
func (in *instance) wait() {
	polled := append(in.polled[:0], unix.PollFd{Fd: int32(in.clock.fd)}, unix.PollFd{Fd: int32(in.mailbox.bell.fd)})
	if in.wire != nil {
		if fd, ok := in.wire.conn.Descriptor(); ok {
			polled = append(polled, unix.PollFd{Fd: int32(fd)})
		}
	}
	pollAny(polled, idleLimit)
}

// readMail runs what others sent.
func (in *instance) readMail() {
	for _, f := range in.mailbox.take() {
		f(in)
	}
}

// step takes one event through the router and carries out what it says, then
// what followed from that.
func (in *instance) step(ev vrrp.Event) {
	var actions []vrrp.Action
	before := in.router.State()
	in.router, actions = in.router.Step(ev)
	for _, a := range actions {
		in.carryOut(a)
	}
	in.publish(before)
	for len(in.after) > 0 {
		f := in.after[0]
		in.after = in.after[1:]
		f()
	}
}

// publish makes the state known to those who may not ask.
func (in *instance) publish(before vrrp.State) {
	deadline, ok := in.router.Lease()
	if !ok {
		deadline = 0
	}
	in.lease.Store(int64(deadline))
	now := in.router.State()
	in.state.Store(uint32(now))
	if prio := in.router.EffectivePriority(); prio != in.lastPriority {
		if in.lastPriority > 0 && (now == vrrp.Master || now == vrrp.Backup) {
			in.host.priority(in.plan, now, prio)
		}
		in.lastPriority = prio
	}
	if (now == vrrp.Master) != (before == vrrp.Master) || in.wasLate {
		in.host.floating(in.name, now, in.wasLate)
		in.wasLate = false
	}
}

// leaseLeft returns how long this node may still ask a cloud for an address.
// Any goroutine may ask.
func (in *instance) leaseLeft() (time.Duration, bool) {
	left := time.Duration(in.lease.Load()) - bootNow()
	return left, left > 0
}

// stop ends the instance: a master hands over.
func (in *instance) stop(deleted bool) {
	in.step(vrrp.Stop{At: bootNow(), Deleted: deleted})
	in.ended = true
}

// ask runs f on the goroutine of the instance and waits for it, as long as ctx
// allows.
func (in *instance) ask(ctx context.Context, f func(*instance)) error {
	ran := make(chan struct{})
	if !in.mailbox.post(func(in *instance) { f(in); close(ran) }) {
		return fmt.Errorf("%s has ended", in.name)
	}
	select {
	case <-ran:
		return nil
	case <-in.done:
		return fmt.Errorf("%s has ended", in.name)
	case <-ctx.Done():
		return fmt.Errorf("%s does not answer", in.name)
	}
}
