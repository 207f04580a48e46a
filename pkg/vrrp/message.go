package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// MessagePort is the default UDP port on which vipd nodes talk to each other.
const MessagePort = 3112

// MessageKind tells the messages between vipd nodes apart.
type MessageKind uint8

// Kinds.
const (
	KindHello    MessageKind = 1 // a Backup says that it is there, and in which shape
	KindHandover MessageKind = 2 // a Master that has just released names its successor
	KindGoodbye  MessageKind = 3 // a Backup leaves for good
)

// NeverMaster as [Message].LeftMaster: the sender has not been Master since it
// started, or too long ago to say.
const NeverMaster = time.Duration(-1)

// Message is what vipd nodes tell each other beside VRRP, over UDP: new types
// on protocol 112 would disturb keepalived.
//
//	 0 magic "VIPD"     4 format 1   5 kind     6 VRID   7 VRRP version
//	 8 state            9 priority  10 flags   11 id of the key, 0 without
//	12 LeftMaster in ms, all ones for never
//	16 Running in ms, all ones for longer than that can say
//	20 zero, 4 bytes
//	24 sequence, 8 bytes            32 digest, 8 bytes
//	40 sender's address, 16 bytes   56 successor, 16 bytes (zero unless a hand-over)
//	72 HMAC-SHA256 of all before, cut to 16 bytes, where a key is configured
type Message struct {
	Kind     MessageKind
	VRID     uint8
	Version  uint8 // of VRRP
	State    State
	Priority uint8 // effective
	// Eligible: the sender would take over if the Master went now.
	Eligible bool
	// Preempts: the sender takes over at once from a Master of lower priority.
	Preempts bool
	Digest   uint64 // of what must be the same on all nodes, see [Config.Digest]
	// LeftMaster is how long ago the sender last gave up being Master, by which
	// a Master that heard nothing of a conflict learns of it; or [NeverMaster].
	LeftMaster time.Duration // whole milliseconds
	// Running is how long ago the sender was started: a former life of it may
	// have been Master unseen. Whole milliseconds; negative: longer than 49 days.
	Running   time.Duration
	Sender    netip.Addr // its source address for advertisements
	Successor netip.Addr // KindHandover: who takes over at once
	// Signed: it had an authentication code, which was right.
	Signed bool
	// Sequence grows with every message of a sender, over restarts too (the
	// caller takes it from the wall clock); an older one is a replay.
	Sequence uint64
}

const (
	messageLen    = 72
	messageFormat = 1
	macLen        = 16
	neverMillis   = 1<<32 - 1

	messageKeyAt = 11

	flagEligible = 1 << 0
	flagPreempts = 1 << 1
)

var messageMagic = [4]byte{'V', 'I', 'P', 'D'}

// AppendMessage appends the wire form of m to b, with an authentication code
// where h asks for one, and returns the extended slice.
func AppendMessage(b []byte, m Message, h *HMAC) []byte {
	start := len(b)
	b = append(b, messageMagic[:]...)
	b = append(b, messageFormat, byte(m.Kind), m.VRID, m.Version, byte(m.State), m.Priority, m.flags(), 0)
	b = binary.BigEndian.AppendUint32(b, millis(m.LeftMaster))
	b = binary.BigEndian.AppendUint32(b, millis(m.Running))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, m.Sequence)
	b = binary.BigEndian.AppendUint64(b, m.Digest)
	b = appendAddr16(b, m.Sender)
	b = appendAddr16(b, m.Successor)
	if h.signs() {
		secret, _ := h.secret(h.Active)
		b[start+messageKeyAt] = h.Active
		b = append(b, messageMAC(b[start:], secret)...)
	}
	return b
}

// ParseMessage returns the message in data, or the reason for which it is not
// believed. from is the source of the datagram; it must be the address that
// the message names as its sender. Who that is, [Router.Step] judges.
func ParseMessage(data []byte, from netip.Addr, rules *Rules) (Message, DropReason) {
	switch {
	case len(data) < messageLen:
		return Message{}, DropShort
	case [4]byte(data) != messageMagic || data[4] != messageFormat:
		return Message{}, DropMagic
	}
	if reason := rules.HMAC.verifyMessage(data); reason != Accepted {
		return Message{}, reason
	}
	m := decodeMessage(data)
	return m, m.judge(bare(from), rules)
}

// judge says whether a message that was decoded is one for this instance.
func (m *Message) judge(from netip.Addr, rules *Rules) DropReason {
	switch {
	case m.Kind < KindHello || m.Kind > KindGoodbye || m.State > Fault:
		return DropType
	case m.VRID != rules.VRID:
		return DropVRID
	case m.Version != rules.Version:
		return DropVersion
	case from == rules.Local:
		return DropOwn
	case from.Is4() != rules.Local.Is4():
		return DropFamily
	case m.Sender != from:
		return DropSource
	case rules.Unicast && !rules.AnySource && rules.peerIndex(from) < 0:
		return DropSource
	}
	return Accepted
}

func decodeMessage(data []byte) Message {
	m := Message{
		Kind:     MessageKind(data[5]),
		VRID:     data[6],
		Version:  data[7],
		State:    State(data[8]),
		Priority: data[9],
		Eligible: data[10]&flagEligible != 0,
		Preempts: data[10]&flagPreempts != 0,
		Sequence: binary.BigEndian.Uint64(data[24:]),
		Digest:   binary.BigEndian.Uint64(data[32:]),
		Sender:   parseAddr16(data[40:]),
		Signed:   len(data) > messageLen,
	}
	m.LeftMaster, m.Running = parseMillis(data[12:]), parseMillis(data[16:])
	if m.Kind == KindHandover {
		m.Successor = parseAddr16(data[56:])
	}
	return m
}

func (m *Message) flags() (f byte) {
	if m.Eligible {
		f |= flagEligible
	}
	if m.Preempts {
		f |= flagPreempts
	}
	return f
}

func millis(d time.Duration) uint32 {
	if ms := d.Milliseconds(); d >= 0 && ms < neverMillis {
		return uint32(ms)
	}
	return neverMillis
}

func parseMillis(b []byte) time.Duration {
	n := binary.BigEndian.Uint32(b)
	if n == neverMillis {
		return NeverMaster
	}
	return time.Duration(n) * time.Millisecond
}

func messageMAC(data, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)[:macLen]
}

func appendAddr16(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, make([]byte, 16)...)
	}
	raw := a.As16()
	return append(b, raw[:]...)
}

// parseAddr16 returns an address from its 16 bytes, IPv4 in the mapped form;
// all zeros are no address.
func parseAddr16(b []byte) netip.Addr {
	a := netip.AddrFrom16([16]byte(b)).Unmap()
	if a == netip.IPv6Unspecified() {
		return netip.Addr{}
	}
	return a
}

// String returns the message as one line.
func (m Message) String() string {
	switch m.Kind {
	case KindHandover:
		return fmt.Sprintf("hand over to %v", m.Successor)
	case KindGoodbye:
		return "goodbye"
	}
	text := fmt.Sprintf("hello %v priority %d", m.State, m.Priority)
	if !m.Eligible {
		text += " not eligible"
	}
	if !m.Preempts {
		text += " no preempt"
	}
	if m.LeftMaster != NeverMaster {
		text += fmt.Sprintf(" left master %v ago", ms(m.LeftMaster))
	}
	return text
}
