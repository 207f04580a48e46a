package vrrp

import (
	"fmt"
	"time"
)

// State of a virtual router (RFC 9568, Section 6.3, and keepalived's FAULT).
type State uint8

// States.
const (
	Init   State = iota // not started, or waiting for a first word on what is tracked
	Backup              // another is Master, or nobody yet
	Master              // this node holds the addresses
	Fault               // something that the instance needs is down
)

// String returns the state as operators know it: INIT, BACKUP, MASTER, FAULT.
func (s State) String() string {
	switch s {
	case Init:
		return "INIT"
	case Backup:
		return "BACKUP"
	case Master:
		return "MASTER"
	case Fault:
		return "FAULT"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Cause says what made a transition happen. The text serves as the value of a
// metric's label; the sentence with numbers is in [Transition].Text.
type Cause uint8

// Causes.
const (
	CauseStart    Cause = iota // the instance was started
	CauseStop                  // it was stopped
	CauseOwner                 // priority 255 takes its addresses at once
	CauseSilence               // no advertisement for a master-down interval
	CausePreempt               // the Master heard has a lower priority
	CauseRelease               // the Master released by priority 0, and the skew went by
	CauseHandover              // the Master named this node its successor
	CauseAdvert                // a better Master was heard
	CauseTracked               // a tracked thing went down or came back
	CauseLink                  // the interface went down or came back
	CauseDrain                 // an operator drained the node
	CauseLowered               // the own priority fell below an eligible peer's
	CauseGroup                 // the sync group asked for it
	CauseReload                // the configuration changed
	CauseLate                  // it was silent for so long that another may have taken over
)

var causeTexts = [...]string{
	"start", "stop", "owner", "silence", "preempt", "release", "handover", "advert",
	"tracked", "link", "drain", "lowered", "group", "reload", "late",
}

// String returns the cause in one word.
func (c Cause) String() string {
	if int(c) < len(causeTexts) {
		return causeTexts[c]
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// AlarmKind says what an [Alarm] is about. The text serves as the value of a
// metric's label.
type AlarmKind uint8

// Kinds of alarm.
const (
	AlarmVIPs      AlarmKind = iota // a peer's list of addresses differs
	AlarmInterval                   // a peer's interval differs
	AlarmRefused                    // well-formed packets of a source are refused
	AlarmUnheard                    // nothing was ever heard of a configured peer
	AlarmDigest                     // a vipd peer's configuration differs
	AlarmOwners                     // two nodes have priority 255
	AlarmConflict                   // another node is Master too
	AlarmLost                       // an address vanished without our doing
	AlarmSend                       // advertisements cannot be sent
	AlarmLate                       // this node did not run for too long
	AlarmNoMaster                   // nobody is Master, and this node is drained
	AlarmReload                     // a reload that cannot be carried over
	AlarmDuplicate                  // another node on the link has an address of ours
	AlarmClock                      // a peer's clock differs
	AlarmUnsigned                   // a peer does not sign
	numAlarms                       // not a kind
)

var alarmTexts = [numAlarms]string{
	"addresses differ", "interval differs", "refused", "peer never heard", "configuration differs",
	"two owners", "conflict", "address lost", "send failed", "late", "no master", "reload", "duplicate address",
	"clock differs", "not signed",
}

// String returns the kind in a few words.
func (k AlarmKind) String() string {
	if int(k) < len(alarmTexts) {
		return alarmTexts[k]
	}
	return fmt.Sprintf("AlarmKind(%d)", uint8(k))
}

// ms returns d to the millisecond, for texts: nobody wants nine digits.
func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
