package vrrp

import "fmt"

// DropReason says why a packet was not believed. Its zero value means that it
// was. The text serves as the value of a metric's label.
type DropReason uint8

// Reasons, in the order in which they are looked for.
const (
	Accepted       DropReason = iota
	DropShort                 // fewer bytes than the header
	DropVersion               // not this instance's version
	DropType                  // not an advertisement
	DropVRID                  // another virtual router
	DropOwn                   // our own packet, looped back
	DropUnicast               // sent to one address, but the instance speaks multicast
	DropMulticast             // sent to a group, but the instance speaks unicast
	DropSource                // source is not among the configured peers
	DropTTL                   // TTL or hop limit lower than asked
	DropLength                // shorter than its address count says, or without authentication data
	DropTrailing              // longer than its address count says
	DropChecksum              // wrong in every form
	DropAuthType              // authentication of another kind, missing or unexpected
	DropAuthPass              // wrong password
	DropMagic                 // message between vipd: not one
	DropMAC                   // authentication code wrong
	DropReplay                // older than the last one of its sender
	DropFamily                // address of the other family inside
	DropUnsigned              // without an authentication code, where one is asked for
	DropKey                   // signed by a key that is not known
	DropStale                 // signed too long ago, or in the future
	DropNear                  // TTL or hop limit higher than asked
	numDropReasons            // not a reason
)

var dropTexts = [numDropReasons]string{
	Accepted:      "accepted",
	DropShort:     "too short",
	DropVersion:   "wrong version",
	DropType:      "wrong type",
	DropVRID:      "other virtual router",
	DropOwn:       "own packet",
	DropUnicast:   "unicast to a multicast instance",
	DropMulticast: "multicast to a unicast instance",
	DropSource:    "source is no peer",
	DropTTL:       "TTL too low",
	DropLength:    "length does not fit",
	DropTrailing:  "trailing bytes",
	DropChecksum:  "bad checksum",
	DropAuthType:  "authentication type differs",
	DropAuthPass:  "wrong password",
	DropMagic:     "not a vipd message",
	DropMAC:       "bad authentication code",
	DropReplay:    "replayed",
	DropFamily:    "wrong address family",
	DropUnsigned:  "not signed",
	DropKey:       "unknown key",
	DropStale:     "signed at another time",
	DropNear:      "TTL too high",
}

// String returns the reason in a few words.
func (d DropReason) String() string {
	if d < numDropReasons {
		return dropTexts[d]
	}
	return fmt.Sprintf("DropReason(%d)", uint8(d))
}

// Hint returns what an operator can do about it, or "" where the text says all.
func (d DropReason) Hint() string {
	switch d {
	case DropVersion:
		return "vrrp_version must be the same on all nodes"
	case DropUnicast, DropMulticast:
		return "unicast_peer must stand on all nodes or on none"
	case DropSource:
		return "add it to unicast_peer, or check unicast_src_ip there"
	case DropTTL:
		return "is it on this link? then it must send 255; else set min_ttl"
	case DropNear:
		return "max_ttl of this peer is lower than what it sends"
	case DropAuthType, DropAuthPass:
		return "the authentication block must be the same on all nodes"
	case DropUnsigned, DropKey, DropMAC:
		return "auth_hmac must have the same keys on all nodes; mode permissive while you change over"
	case DropStale:
		return "are both clocks right? time_window says what is borne"
	case DropChecksum:
		return "is the source address rewritten on the way?"
	}
	return ""
}

// Misfit reports whether the packet was well formed and refused for who sent
// it or for what is configured: a person should hear of it once. Refusals of
// the other kind are garbage, our own packets or other routers' business.
func (d DropReason) Misfit() bool {
	switch d {
	case DropVersion, DropUnicast, DropMulticast, DropSource, DropTTL, DropNear,
		DropTrailing, DropChecksum, DropAuthType, DropAuthPass, DropMAC, DropReplay, DropUnsigned, DropKey, DropStale:
		return true
	}
	return false
}
