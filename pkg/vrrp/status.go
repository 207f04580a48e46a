package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// TimedAlarm is an alarm and when it was raised.
type TimedAlarm struct {
	At time.Duration
	Alarm
}

// PeerStatus is what is known of another node.
type PeerStatus struct {
	Addr       netip.Addr
	Configured bool
	LastAdvert time.Duration // 0: never
	LastHello  time.Duration // 0: never, or it said goodbye
	Priority   uint8         // as last told, 0: unknown
	Vipd       bool          // its last hello still counts
	Eligible   bool          // as a successor
	Form       ChecksumForm
}

// Status is a Router as a person may want to see it.
type Status struct {
	State       State
	Since       time.Duration
	Last        Transition
	Priority    uint8  // effective
	Reason      string // how the priority came about
	Interval    time.Duration
	Master      netip.Addr // not valid: unknown
	Drained     bool
	Tracked     []Contribution
	Peers       []PeerStatus
	Refusals    []Refusal
	MoreRefused int        // refused packets of further sources
	LastAlarm   TimedAlarm // Text is empty if there was none
	Fault       string     // what is wrong, "" if nothing
}

// Status returns the state of r for status and metrics.
func (r Router) Status() Status {
	_, fault := r.fault()
	st := Status{
		State: r.state, Since: r.since, Last: r.last, Priority: r.priority, Reason: r.priorityText(),
		Interval: r.cfg.Interval, Master: r.master, Drained: r.drained, Tracked: r.Contributions(),
		Refusals: r.refusals, MoreRefused: r.refusedMore, LastAlarm: r.lastAlarm, Fault: fault,
	}
	if r.state == Backup && r.noMaster.holds {
		st.Master = netip.Addr{} // the last one is silent or gone, and nobody took over
	}
	for i := range r.peers {
		p := &r.peers[i]
		ps := PeerStatus{
			Addr: p.addr, Configured: p.configured, LastAdvert: p.advert, LastHello: p.helloAt,
			Priority: p.priority, Vipd: p.speaksVipd(r.now), Form: p.form,
		}
		if ps.Vipd && p.helloAt > p.advert {
			ps.Priority = p.hello.Priority
		}
		ps.Eligible = ps.Vipd && p.hello.Eligible
		st.Peers = append(st.Peers, ps)
	}
	return st
}

// State returns the state.
func (r Router) State() State { return r.state }

// EffectivePriority returns the priority that is advertised while Master.
func (r Router) EffectivePriority() uint8 { return r.priority }

// Config returns the configuration in use. It must not be changed.
func (r Router) Config() *Config { return r.cfg }

// Lease returns until when a Master may ask a cloud for its floating IP: two
// intervals after the last advertisement, since by then no other node can have
// taken over. ok is false if this node is not Master, or slept.
func (r Router) Lease() (deadline time.Duration, ok bool) {
	if r.state != Master || r.draining > 0 || r.lastSent == 0 {
		return 0, false
	}
	return r.lastSent + 2*r.cfg.Interval, true
}

// Outlook says in plain sentences what would happen now if this node, the
// other, or a tracked thing failed. It steps copies of r: what it says is what
// would be done.
func (r Router) Outlook() []string {
	var lines []string
	switch r.state {
	case Master:
		lines = r.outlookMaster()
	case Backup:
		lines = append(lines, r.outlookBackup())
	case Init, Fault:
		lines = append(lines, fmt.Sprintf("this node is %v and takes over from nobody", r.state))
	}
	for i := range r.cfg.Trackers {
		if line := r.outlookTracker(i); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (r *Router) outlookMaster() []string {
	p, ok := r.successor()
	if !ok {
		return []string{"if this node failed or was drained: successor unknown"}
	}
	wait := MasterDownInterval(r.cfg.Version, p.hello.Priority, r.cfg.Interval, r.cfg.downAdverts())
	return []string{
		fmt.Sprintf("if this node failed: %v (priority %d) would take over within %v", p.addr, p.hello.Priority, ms(wait)),
		fmt.Sprintf("if this node was drained or stopped: %v would take over at once", p.addr),
	}
}

func (r *Router) outlookBackup() string {
	at := r.due[timerMasterDown]
	switch {
	case r.drained && !r.lastResort:
		return "this node is drained and takes over from nobody"
	case !r.master.IsValid():
		return fmt.Sprintf("no master is known: this node takes over in %v", ms(at-r.now))
	case r.masterPriority < r.priority && !r.leavesInPlaceNow():
		return fmt.Sprintf("this node takes over from %v (priority %d) in %v", r.master, r.masterPriority, ms(at-r.now))
	}
	return fmt.Sprintf("if %v (priority %d) failed: this node would take over within %v, unless a better one does",
		r.master, r.masterPriority, ms(r.masterDown()))
}

// leavesInPlaceNow is what leavesInPlace would say of the present Master.
func (r *Router) leavesInPlaceNow() bool {
	s := step{Router: *r}
	return s.leavesInPlace(r.masterPriority)
}

// outlookTracker says what the opposite state of a tracked thing would do; ""
// if nothing.
func (r *Router) outlookTracker(i int) string {
	t, was := &r.cfg.Trackers[i], r.tracked[i]
	if t.PerValue || !was.known {
		return ""
	}
	after, _ := r.Step(Track{At: r.now, Kind: t.Kind, Name: t.Name, Up: !was.up})
	turn := "came up"
	if was.up {
		turn = "went down"
	}
	switch {
	case after.state != r.state:
		return fmt.Sprintf("if %s %s %s: this node would be %v", t.Kind, t.Name, turn, after.state)
	case after.priority != r.priority:
		return fmt.Sprintf("if %s %s %s: priority would be %d, now it is %d", t.Kind, t.Name, turn, after.priority, r.priority)
	}
	return ""
}
