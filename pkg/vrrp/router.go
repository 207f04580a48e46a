package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Router is the state of one virtual router on this node. It is a value: Step
// returns a changed copy, and copies never share what one of them changes.
// Make one with [New].
type Router struct {
	cfg     *Config
	tracked []tracked // parallel to cfg.Trackers

	now       time.Duration // of the last event
	running   bool          // Start has come and Stop has not
	startedAt time.Duration
	state     State
	since     time.Duration // of state
	last      Transition
	priority  uint8 // effective

	linkDown   string // why the interface cannot be used, "" if it can
	groupFault string // why the sync group holds us in FAULT, "" if it does not
	ownFault   bool   // as last told to the group
	wants      bool   // would be Master, waits for the group
	drained    bool
	lastResort bool

	// The Master as a Backup sees it; on the Master, itself.
	master         netip.Addr
	masterPriority uint8
	masterInterval time.Duration // learnt in v3 (RFC 9568, Section 6.1: Active_Adver_Interval)
	heard          time.Duration // its last advertisement; 0: none
	lowerHeard     time.Duration // last advertisement of it that we discarded, being better; 0: none
	released       netip.Addr    // who released by priority 0 since, if anybody
	handedBy       netip.Addr    // who named us its successor last
	handedAt       time.Duration
	preemptAt      time.Duration // until then a lower Master is left in place; 0: not counting

	due      [numTimers]time.Duration // 0: off
	timer    time.Duration            // that the caller has set; 0: none
	draining time.Duration            // how late we woke, while the queue is drained; 0: not draining

	form        ChecksumForm  // for multicast: of the last advertisement heard
	lastSent    time.Duration // last advertisement; 0: never
	beforeSent  time.Duration // the one before, should that one prove not sent
	asserted    time.Duration // last advertisement sent out of turn; 0: never
	lastRefresh time.Duration // of the addresses
	leftMaster  time.Duration // when Master was given up last; 0: never
	conflict    conflict
	renotified  time.Duration // master hook run again in this mastership; 0: not yet
	second      int           // packets of the second announcement
	putBack     time.Duration // when addresses that had vanished were put back last
	lost        bool          // some vanished again since
	duplicate   time.Duration // when a duplicate was told of last; 0: never

	peers       []peer
	refusals    []Refusal
	lastAlarm   TimedAlarm
	refusedMore int // refusals beyond those that are kept apart
	budgets     [numAlarms + 1]budget
	sendFails   int // of the last round of adverts
	sendAlarm   bool
	noMaster    condition // nobody is Master and we are drained
}

// timerKind names a deadline; the lower is served first when several are due.
type timerKind uint8

const (
	timerAdvert     timerKind = iota // Master: Adver_Timer
	timerMasterDown                  // Backup: Active_Down_Timer
	timerRefresh                     // Master: lifetime of the addresses
	timerStartup                     // INIT: startup delay
	timerSecond                      // Master: second announcement
	timerPeriodic                    // Master: periodic announcement
	timerSettle                      // Master: a conflict has calmed down
	timerDuplicate                   // Master: try an address again that another node had
	timerUnheard                     // Master: look for peers never heard
	timerHello                       // Backup, Fault
	numTimers
)

// New returns a Router in INIT that waits for [Start]. It panics if
// [Config.Check] finds fault with cfg.
func New(cfg *Config) Router {
	if err := cfg.Check(); err != nil {
		panic("vrrp: " + cfg.Name + ": " + err.Error())
	}
	r := Router{cfg: cfg, tracked: make([]tracked, len(cfg.Trackers)), masterInterval: cfg.Interval}
	for _, p := range cfg.Peers {
		r.peers = append(r.peers, peer{addr: p.Addr, configured: true})
	}
	r.priority = r.effective()
	return r
}

// step is one Step in progress: the Router that it changes, and what it asks
// for.
type step struct {
	Router
	actions []Action
}

// Step takes one event and returns the Router as it is then, and the actions
// that are to be done, in order. It changes nothing else: r stays valid.
func (r Router) Step(ev Event) (Router, []Action) {
	s := step{Router: r}
	s.now = max(s.now, ev.when())
	s.handle(ev)
	s.setTimer()
	return s.Router, s.actions
}

// handle finds the rule for an event. What depends on the state is in backup.go
// and master.go.
func (s *step) handle(ev Event) {
	switch ev := ev.(type) {
	case Start:
		s.start()
	case Stop:
		s.stop(ev)
	case Wake:
		s.wake()
	case QueueDrained:
		s.queueDrained()
	case AdvertReceived:
		s.advertReceived(ev)
	case PacketRefused:
		s.packetRefused(ev)
	case SendFailed:
		s.sendFailed(ev)
	case Track:
		s.track(ev)
	case Link:
		s.link(ev)
	case AddressLost:
		s.addressLost(ev)
	case AddressDuplicate:
		s.addressDuplicate(ev)
	case RefreshMissed:
		s.refreshMissed()
	case Reload:
		s.reload(ev.Config)
	case Drain:
		s.drain(ev)
	case HelloReceived:
		s.helloReceived(ev)
	case HandoverReceived:
		s.handoverReceived(ev)
	case GroupOrder:
		s.groupOrder(ev.Order)
	}
}

func (s *step) do(a ...Action) { s.actions = append(s.actions, a...) }

func (s *step) note(format string, args ...any) { s.do(Note{fmt.Sprintf(format, args...)}) }

// set arms a deadline; a time that has gone by is due at once.
func (s *step) set(k timerKind, at time.Duration) { s.due[k] = max(at, 1) }

func (s *step) clear(k timerKind) { s.due[k] = 0 }

// next returns the earliest deadline, 0 if there is none.
func (r *Router) next() time.Duration {
	var first time.Duration
	for _, at := range r.due {
		if at > 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// setTimer tells the caller when to wake us, if that has changed. While the
// queue is drained QueueDrained comes in place of a timer.
func (s *step) setTimer() {
	at := s.next()
	if s.draining > 0 {
		at = 0
	}
	switch {
	case at == s.timer:
		return
	case at == 0:
		s.do(ClearTimer{})
	default:
		s.do(SetTimer{at})
	}
	s.timer = at
}

// start is the Startup event (RFC 9568, Section 6.4.1).
func (s *step) start() {
	if s.running {
		return
	}
	s.running, s.startedAt, s.since = true, s.now, s.now
	if s.cfg.StartupDelay > 0 {
		s.set(timerStartup, s.now+s.cfg.StartupDelay)
	}
	s.leaveInit()
}

// leaveInit begins the protocol once the startup delay is over and a first
// word is known of everything tracked: until then the priority is not.
func (s *step) leaveInit() {
	waits := slices.ContainsFunc(s.tracked, func(t tracked) bool { return !t.known })
	if !s.running || s.due[timerStartup] > 0 || waits {
		return
	}
	s.priority = s.effective()
	s.begin(CauseStart, "started")
}

// begin is what follows Startup, and the end of a fault, which is like it: the
// owner is Master at once, everybody else waits for one (RFC 9568, Section
// 6.4.1).
func (s *step) begin(cause Cause, text string) {
	if cause, why := s.fault(); why != "" {
		s.enterFault(cause, why)
		return
	}
	owner := s.cfg.Priority == PriorityOwner && !s.drained
	if owner && !s.cfg.Grouped {
		s.becomeMaster(CauseOwner, text+", priority 255 owns the addresses")
		return
	}
	s.forgetMaster()
	wait := s.masterDown()
	s.enterBackup(cause, fmt.Sprintf("%s, waits %v for a master", text, ms(wait)), s.now+wait)
	if owner {
		s.claim(CauseOwner, "priority 255 owns the addresses")
	}
}

// forgetMaster makes a Backup one that has heard of no Master.
func (s *step) forgetMaster() {
	s.master, s.masterPriority, s.heard, s.released = netip.Addr{}, 0, 0, netip.Addr{}
	s.masterInterval, s.preemptAt, s.lowerHeard = s.cfg.Interval, 0, 0
}

// masterDown returns Active_Down_Interval as it is now.
func (r *Router) masterDown() time.Duration {
	return MasterDownInterval(r.cfg.Version, r.priority, r.masterInterval, r.cfg.downAdverts())
}

// ownDown returns the master-down interval for this node's own interval: how
// long another Master may be silent before it is gone.
func (r *Router) ownDown() time.Duration {
	return MasterDownInterval(r.cfg.Version, r.priority, r.cfg.Interval, r.cfg.downAdverts())
}

func (r *Router) skew() time.Duration {
	return SkewTime(r.cfg.Version, r.priority, r.masterInterval)
}

// transition records a change of state and stops every timer of the old one.
func (s *step) transition(to State, cause Cause, text string) {
	s.last = Transition{s.now, s.state, to, cause, text, s.priority}
	s.state, s.since = to, s.now
	s.due = [numTimers]time.Duration{}
	s.do(s.last)
}

// stop is the Shutdown event (RFC 9568, Sections 6.4.2 and 6.4.3).
func (s *step) stop(ev Stop) {
	if !s.running {
		return
	}
	hook := HookStop
	if ev.Deleted {
		hook = HookDeleted
	}
	switch s.state {
	case Master:
		s.release()
	case Backup, Fault:
		s.sendMessage(KindGoodbye, netip.Addr{})
	}
	s.transition(Init, CauseStop, "stopped")
	s.running, s.wants, s.draining = false, false, 0
	s.forgetMaster()
	s.do(Notify{Hook: hook, Priority: s.priority})
	s.report(ReportStopped, "")
}

// report tells the sync group, if there is one.
func (s *step) report(kind ReportKind, text string) {
	if s.cfg.Grouped {
		s.do(ReportToGroup{Report{s.cfg.Name, kind, text}})
	}
}
