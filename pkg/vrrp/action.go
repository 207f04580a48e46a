package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// Action is something that the caller is to do, now and in the order given:
// one of the types below. String returns it as one line.
type Action interface {
	fmt.Stringer
	action()
}

// SendAdvert sends one advertisement. A unicast instance gets one for each
// peer, each in the form of that peer.
type SendAdvert struct {
	To     netip.Addr // the group or one peer
	Advert Advert     // shares its VIPs with the configuration
}

// SetTimer sets the one timer of the instance, in place of its last time.
type SetTimer struct{ At time.Duration }

// ClearTimer stops the one timer.
type ClearTimer struct{}

// AddAddresses brings every address of the instance, with its routes and
// rules, up on this node for [AddressLifetime], and removes those that the
// configuration no longer has. Nothing happens to what is already right.
type AddAddresses struct{}

// RemoveAddresses takes every address of the instance down, with its routes
// and rules.
type RemoveAddresses struct{}

// RefreshAddresses gives every address a new lifetime. After Before it must
// not be done: the kernel has taken them away, another node may have them, and
// a late refresh would bring them back from the dead.
type RefreshAddresses struct{ Before time.Duration }

// Announce sends gratuitous ARPs and unsolicited neighbour advertisements for
// every address, Count of each.
type Announce struct {
	Count int
	Why   string
}

// DrainQueue reads all packets that wait and delivers them, then
// [QueueDrained]: this node woke Late after it should have, and what it would
// do by the clock may be wrong by now.
type DrainQueue struct{ Late time.Duration }

// Transition is a change of state, for log, metrics and history. The hooks
// that belong to it come as [Notify].
type Transition struct {
	At       time.Duration
	From, To State
	Cause    Cause
	Text     string // a sentence with numbers: what was heard or not, from whom
	Priority uint8  // effective, at that moment
}

// Hook is a point at which an operator's scripts run.
type Hook uint8

// Hooks.
const (
	HookBackup Hook = iota
	HookMaster
	HookFault
	HookStop
	HookDeleted
	HookLowerMaster // notify_master_rx_lower_pri: a lower Master was heard
)

var hookTexts = [...]string{"BACKUP", "MASTER", "FAULT", "STOP", "DELETED", "MASTER_RX_LOWER_PRI"}

// String returns the hook as keepalived's FIFO and notify script name it.
func (h Hook) String() string {
	if int(h) < len(hookTexts) {
		return hookTexts[h]
	}
	return fmt.Sprintf("Hook(%d)", uint8(h))
}

// Notify runs the hooks of a state.
type Notify struct {
	Hook     Hook
	Priority uint8 // effective
	// Again: no transition happened; the hook runs once more since another node
	// claimed to be Master for a while and its scripts may have run last.
	Again bool
}

// SendMessage sends a message between vipd nodes to To, or to every peer or
// the group if To is not valid. The caller fills in Sequence.
type SendMessage struct {
	To      netip.Addr
	Message Message
}

// Alarm is something that a person should know of: log it once, count it.
type Alarm struct {
	Kind AlarmKind
	From netip.Addr // the node concerned, if it is about one
	Text string
	// Quiet: too many of its kind have come lately: count it, write nothing.
	Quiet bool
}

// Refused says that a packet that was delivered is not believed after all,
// since what it says was said before, or long ago: count it.
type Refused struct{ Reason DropReason }

// Note is a line for the log and for "why" that nobody need act on.
type Note struct{ Text string }

// ReportToGroup tells the sync group of the instance something, see
// [Group.Step].
type ReportToGroup struct{ Report Report }

// Reply answers a [Drain].
type Reply struct {
	OK   bool
	Text string
}

func (SendAdvert) action()       {}
func (SetTimer) action()         {}
func (ClearTimer) action()       {}
func (AddAddresses) action()     {}
func (RemoveAddresses) action()  {}
func (RefreshAddresses) action() {}
func (Announce) action()         {}
func (DrainQueue) action()       {}
func (Transition) action()       {}
func (Notify) action()           {}
func (SendMessage) action()      {}
func (Alarm) action()            {}
func (Note) action()             {}
func (Refused) action()          {}
func (ReportToGroup) action()    {}
func (Reply) action()            {}

func (a SendAdvert) String() string {
	if a.Advert.Form == FormPseudo {
		return fmt.Sprintf("advert priority %d to %v", a.Advert.Priority, a.To)
	}
	return fmt.Sprintf("advert priority %d to %v, checksum %v", a.Advert.Priority, a.To, a.Advert.Form)
}

func (a SetTimer) String() string      { return fmt.Sprintf("timer %v", a.At) }
func (ClearTimer) String() string      { return "no timer" }
func (AddAddresses) String() string    { return "add addresses" }
func (RemoveAddresses) String() string { return "remove addresses" }
func (a RefreshAddresses) String() string {
	return fmt.Sprintf("refresh addresses before %v", a.Before)
}
func (a Announce) String() string   { return fmt.Sprintf("announce ×%d: %s", a.Count, a.Why) }
func (a DrainQueue) String() string { return fmt.Sprintf("drain queue: late by %v", ms(a.Late)) }
func (a Note) String() string       { return "note: " + a.Text }

func (a Transition) String() string {
	return fmt.Sprintf("%v → %v (%v): %s", a.From, a.To, a.Cause, a.Text)
}

func (a Notify) String() string {
	if a.Again {
		return fmt.Sprintf("notify %v %d, again", a.Hook, a.Priority)
	}
	return fmt.Sprintf("notify %v %d", a.Hook, a.Priority)
}

func (a SendMessage) String() string {
	to := ""
	if a.To.IsValid() {
		to = " to " + a.To.String()
	}
	return a.Message.String() + to
}

func (a Alarm) String() string {
	if a.Quiet {
		return fmt.Sprintf("alarm %v, quietly: %s", a.Kind, a.Text)
	}
	return fmt.Sprintf("alarm %v: %s", a.Kind, a.Text)
}

func (a Refused) String() string       { return "refused: " + a.Reason.String() }
func (a ReportToGroup) String() string { return "tell group: " + a.Report.String() }

func (a Reply) String() string {
	if a.OK {
		return "done: " + a.Text
	}
	return "refused: " + a.Text
}
