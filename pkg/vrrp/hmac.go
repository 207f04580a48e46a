package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// HMAC authenticates advertisements, and the messages between vipd nodes, by
// keys that all nodes share (draft-cassen-vrrp-auth-hmac-00, as keepalived 2.4
// has it). Behind an advertisement stands a trailer:
//
//	 0 type 1   1 key   2 zero, 2 bytes
//	 4 sequence: seconds since 1970, 4 bytes; of a second 1/65536, 2; count, 2
//	12 HMAC-SHA256, cut to 16 bytes, over
//	   family 4 or 6 | version | VRID | 0 | source in 16 bytes
//	   the advertisement, its checksum taken as zero
//	   the trailer, its last 16 bytes taken as zero
//
// Destination and IP header are not covered, so that all copies of an
// advertisement to several peers may have the same trailer.
type HMAC struct {
	Keys   []HMACKey
	Active uint8 // id of the key that signs
	Mode   HMACMode
	// Window is by how much the clocks of two nodes may differ; what is older is
	// a replay. 0: clocks do not matter, only that each sender's sequence grows.
	Window time.Duration
}

// HMACKey is one key. It is never printed.
type HMACKey struct {
	ID     uint8 // 1 to 255
	Secret string
}

// Format prints the id alone, whatever is asked for.
func (k HMACKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key %d", k.ID) }

// HMACMode says what is sent, and what becomes of a packet without a trailer.
type HMACMode uint8

// Modes.
const (
	HMACEnforce     HMACMode = iota // signs, and believes nothing else
	HMACPermissive                  // signs, and believes both
	HMACReceiveOnly                 // does not sign, and believes both: the first step of a change-over
)

const (
	trailerLen  = 28
	trailerType = 1
	// Bounds of a key in bytes.
	minHMACKey, maxHMACKey = 32, 64
)

var zeros [macLen]byte

// check returns an error if h cannot be used.
func (h *HMAC) check() error {
	if h == nil {
		return nil
	}
	for _, k := range h.Keys {
		if len(k.Secret) < minHMACKey || len(k.Secret) > maxHMACKey {
			return fmt.Errorf("%v: %d bytes: must be %d to %d", k, len(k.Secret), minHMACKey, maxHMACKey)
		}
	}
	if _, ok := h.secret(h.Active); !ok {
		return errors.New("the key that signs is not among the keys")
	}
	return nil
}

func (h *HMAC) secret(id uint8) ([]byte, bool) {
	i := slices.IndexFunc(h.Keys, func(k HMACKey) bool { return k.ID == id })
	if i < 0 {
		return nil, false
	}
	return []byte(h.Keys[i].Secret), true
}

func (h *HMAC) signs() bool   { return h != nil && h.Mode != HMACReceiveOnly }
func (h *HMAC) enforce() bool { return h != nil && h.Mode == HMACEnforce }

// NextSequence returns the sequence of the next advertisement, last being that
// of the one before and wall the time since 1970. It always grows; only where
// receivers go by their clocks, and ours was set back by more than they allow,
// it begins anew.
func (h *HMAC) NextSequence(last uint64, wall time.Duration) uint64 {
	clock := uint64(uint32(wall/time.Second))<<32 | uint64((wall%time.Second)<<16/time.Second)<<16
	switch {
	case int64(clock-last) > 0: // serial arithmetic: the seconds wrap in 2106
		return clock
	case h.Window > 0 && apart(last, wall) < -h.Window:
		return clock
	}
	return last + 1
}

// apart returns by how many whole seconds wall is later than a sequence.
func apart(sequence uint64, wall time.Duration) time.Duration {
	return time.Duration(int32(uint32(wall/time.Second)-uint32(sequence>>32))) * time.Second
}

// AppendSigned is [AppendAdvert] with a trailer, where h asks for one. Over
// IPv6 the checksum covers the trailer too, as the kernel's own would; over
// IPv4 it does not.
func AppendSigned(b []byte, a Advert, src, dst netip.Addr, h *HMAC, sequence uint64) []byte {
	start := len(b)
	b = AppendAdvert(b, a, src, dst)
	if !h.signs() {
		return b
	}
	secret, _ := h.secret(h.Active)
	b = append(b, trailerType, h.Active, 0, 0)
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = append(b, advertMAC(secret, b[start:], a.Version, a.VRID, src)...)
	if msg := b[start:]; src.Is6() {
		msg[6], msg[7] = 0, 0
		binary.BigEndian.PutUint16(msg[6:], ^sumMessage(msg, a.Version, a.Form, src, dst))
	}
	return b
}

// advertMAC returns the code over an advertisement and what of its trailer
// stands before the code.
func advertMAC(secret, data []byte, version, vrid uint8, src netip.Addr) []byte {
	m := hmac.New(sha256.New, secret)
	pseudo := [20]byte{4, version, vrid}
	if src.Is6() {
		pseudo[0] = 6
	}
	copy(pseudo[4:], src.AsSlice())
	m.Write(pseudo[:])
	m.Write(data[:6])
	m.Write(zeros[:2])
	m.Write(data[headerLen:])
	m.Write(zeros[:])
	return m.Sum(nil)[:macLen]
}

// verify judges the trailer of an advertisement whose message ends at end, and
// keeps its sequence in a. Whether that is fresh, [Router.Step] judges.
func (h *HMAC) verify(a *Advert, data []byte, end int, src netip.Addr) DropReason {
	switch {
	case h == nil:
		return Accepted
	case len(data) == end && h.enforce():
		return DropUnsigned
	case len(data) == end:
		return Accepted
	}
	t := data[end:]
	if t[0] != trailerType || t[2] != 0 || t[3] != 0 {
		return DropTrailing
	}
	secret, ok := h.secret(t[1])
	if !ok {
		return DropKey
	}
	if !hmac.Equal(t[12:], advertMAC(secret, data[:end+12], a.Version, a.VRID, src)) {
		return DropMAC
	}
	a.Signed, a.Sequence = true, binary.BigEndian.Uint64(t[4:])
	return Accepted
}

// verifyMessage judges the code of a message between vipd nodes.
func (h *HMAC) verifyMessage(data []byte) DropReason {
	signed := len(data) == messageLen+macLen
	switch {
	case len(data) != messageLen && !signed:
		return DropTrailing
	case !signed && h.enforce():
		return DropUnsigned
	case !signed:
		return Accepted
	case h == nil:
		return DropMAC
	}
	secret, ok := h.secret(data[messageKeyAt])
	if !ok {
		return DropKey
	}
	if !hmac.Equal(data[messageLen:], messageMAC(data[:messageLen], secret)) {
		return DropMAC
	}
	return Accepted
}

// timely reports whether the sequence of a message between vipd nodes, which is
// nanoseconds since 1970, lies within the window.
func (h *HMAC) timely(sequence uint64, wall time.Duration) bool {
	return h.Window == 0 || (wall-time.Duration(sequence)).Abs() <= h.Window
}

// mark is the last of what a sender has signed.
type mark struct {
	known    bool
	sequence uint64
}

// freshAdvert refuses a signed advertisement that is older than the window
// allows, or than the last one of its sender. A mark that lies outside the
// window itself counts no more: its sender's clock was set.
func (s *step) freshAdvert(from netip.Addr, a *Advert, wall time.Duration) DropReason {
	window := s.cfg.HMAC.Window
	p := s.lookup(from)
	if p == nil {
		return DropReplay
	}
	age := apart(a.Sequence, wall)
	outside := func(d time.Duration) bool { return window > 0 && d.Abs() > window }
	switch m := p.signed; {
	case outside(age):
		return DropStale
	case m.known && !outside(apart(m.sequence, wall)) && int64(a.Sequence-m.sequence) <= 0:
		return DropReplay
	}
	p.signed = mark{true, a.Sequence}
	s.raise(&p.skewed, window > 0 && 2*age.Abs() > window, AlarmClock, from, func() string {
		return fmt.Sprintf("the clock of %v differs by %v: beyond %v its adverts will be refused", from, age, window)
	})
	return Accepted
}

// believeUnsigned tells of a node that does not sign, where that is allowed.
func (s *step) believeUnsigned(from netip.Addr) {
	if p := s.lookup(from); p != nil {
		s.raise(&p.unsigned, true, AlarmUnsigned, from, func() string {
			return fmt.Sprintf("adverts of %v are not signed, and believed until mode enforce", from)
		})
	}
}
