package vrrp

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

// Packet is a received IP packet as far as belief depends on it.
type Packet struct {
	Src  netip.Addr
	Dst  netip.Addr
	TTL  uint8  // or hop limit
	Data []byte // all of the IP payload
}

// Peer is a configured unicast peer.
type Peer struct {
	Addr netip.Addr
	// MinTTL is the lowest TTL or hop limit believed from this peer; 0 asks for
	// nothing. See [LinkTTL].
	MinTTL uint8
	// MaxTTL is the highest TTL or hop limit believed from this peer; 0 asks for
	// nothing.
	MaxTTL uint8
}

// LinkTTL returns what [Peer].MinTTL should be where min_ttl does not say it:
// 255 for an IPv4 peer on a connected subnet, since nobody off the link can
// forge that (RFC 9568, Section 5.1.1.3); nothing for routed peers and for
// IPv6, where keepalived sends unicast with the kernel's default of 64.
func LinkTTL(peer netip.Addr, connected bool) uint8 {
	if connected && peer.Is4() {
		return 255
	}
	return 0
}

// Rules say which advertisements an instance believes.
type Rules struct {
	Version uint8      // V2 or V3
	VRID    uint8      // 1 to 255
	Local   netip.Addr // source of our own advertisements; its family is the instance's
	Unicast bool       // speaks to Peers, not to the group
	Peers   []Peer
	// AnySource believes unicast sources that are not among Peers too
	// (no_check_unicast_src); MinTTL is then asked of them.
	AnySource bool
	MinTTL    uint8
	Auth      AuthType // v2 only
	Pass      [8]byte  // with AuthPass
	HMAC      *HMAC    // nil: none
}

// PeekVRID returns the virtual router that an advertisement speaks of, for a
// socket that serves several instances. ok is false if it is too short.
func PeekVRID(data []byte) (vrid uint8, ok bool) {
	if len(data) < headerLen {
		return 0, false
	}
	return data[1], true
}

// ParseAdvert returns the advertisement in p, or the reason for which it is
// not believed. A list of addresses or an interval that differs from our own
// is no such reason: to refuse those would make a second Master.
//
// The advertisement shares no memory with p.Data. It is returned as far as it
// was read even if refused, for the log; its VIPs only if accepted.
//
// Checks are those of RFC 9568, Section 7.1 (RFC 3768, Section 7.1). Form comes
// first and who may speak last, so that a packet refused for its source or TTL
// is otherwise a valid one, worth a line in the log.
func ParseAdvert(p Packet, rules *Rules) (Advert, DropReason) {
	var a Advert
	data := p.Data
	p.Src, p.Dst = bare(p.Src), bare(p.Dst)
	if len(data) < headerLen {
		return a, DropShort
	}
	a.Version, a.VRID, a.Priority = data[0]>>4, data[1], data[2]
	switch {
	case a.VRID != rules.VRID:
		return a, DropVRID
	case p.Src == rules.Local:
		return a, DropOwn
	case p.Src.Is4() != rules.Local.Is4(), p.Dst.Is4() != rules.Local.Is4():
		return a, DropFamily
	case a.Version != rules.Version, a.Version == V2 && p.Src.Is6():
		return a, DropVersion
	case data[0]&0x0f != typeAdvert:
		return a, DropType
	}
	end, reason := a.parseBody(p, rules.HMAC)
	if reason != Accepted {
		return a, reason
	}
	if reason := rules.believes(p); reason != Accepted {
		return a, reason
	}
	if reason := rules.authenticates(&a); reason != Accepted {
		return a, reason
	}
	if reason := rules.HMAC.verify(&a, data, end, p.Src); reason != Accepted {
		return a, reason
	}
	a.VIPs = parseAddrs(data[headerLen:], int(data[3]), p.Src.Is4())
	return a, Accepted
}

// believes judges who sent p, how, and from how far.
func (r *Rules) believes(p Packet) DropReason {
	if !r.Unicast {
		switch {
		case !p.Dst.IsMulticast():
			return DropUnicast
		case p.TTL != 255: // RFC 9568, Section 5.1.1.3: a router on the way would have lowered it
			return DropTTL
		}
		return Accepted
	}
	if p.Dst.IsMulticast() {
		return DropMulticast
	}
	least, most := r.MinTTL, uint8(0)
	i := r.peerIndex(p.Src)
	switch {
	case i >= 0:
		least, most = r.Peers[i].MinTTL, r.Peers[i].MaxTTL
	case !r.AnySource:
		return DropSource
	}
	switch {
	case p.TTL < least:
		return DropTTL
	case most > 0 && p.TTL > most:
		return DropNear
	}
	return Accepted
}

// peerIndex returns where a stands among the peers, -1 if it does not.
func (r *Rules) peerIndex(a netip.Addr) int {
	for i := range r.Peers {
		if r.Peers[i].Addr == a {
			return i
		}
	}
	return -1
}

// parseBody reads the rest of the header and judges length and checksum. It
// returns where the message ends; a trailer may follow.
func (a *Advert) parseBody(p Packet, h *HMAC) (end int, reason DropReason) {
	data := p.Data
	size := 16
	if p.Src.Is4() {
		size = 4
	}
	want := headerLen + int(data[3])*size
	if a.Version == V2 {
		want += authLen
	}
	switch {
	case len(data) < want:
		return want, DropLength
	case len(data) > want && (h == nil || len(data) != want+trailerLen):
		return want, DropTrailing
	}
	if p.Src.Is4() {
		p.Data = data[:want] // the checksum does not cover a trailer
	}
	var ok bool
	if a.Form, ok = checksumForm(p, a.Version); !ok {
		return want, DropChecksum
	}
	if a.Version == V2 {
		a.Auth = AuthType(data[4])
		a.Interval = time.Duration(data[5]) * time.Second
		copy(a.Pass[:], data[want-authLen:])
		return want, Accepted
	}
	// The upper four bits are reserved and ignored (RFC 9568, Section 5.2.6).
	a.Interval = time.Duration(binary.BigEndian.Uint16(data[4:])&0x0fff) * centisecond
	return want, Accepted
}

// checksumForm returns the form in which p's checksum is right.
func checksumForm(p Packet, version uint8) (ChecksumForm, bool) {
	forms := [...]ChecksumForm{FormPseudo, FormPlain, FormGroup}
	n := len(forms)
	if version == V2 || p.Src.Is6() {
		n = 1 // these have one form only
	}
	for _, form := range forms[:n] {
		if sumMessage(p.Data, version, form, p.Src, p.Dst) == 0xffff {
			return form, true
		}
	}
	return 0, false
}

// authenticates judges version 2's authentication; version 3 has none.
func (r *Rules) authenticates(a *Advert) DropReason {
	switch {
	case a.Version != V2:
		return Accepted
	case a.Auth != r.Auth:
		return DropAuthType
	case r.Auth == AuthPass && subtle.ConstantTimeCompare(a.Pass[:], r.Pass[:]) != 1:
		return DropAuthPass
	}
	return Accepted
}

// bare returns a without a zone, and an IPv4 address as such.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func parseAddrs(data []byte, count int, is4 bool) []netip.Addr {
	if count == 0 {
		return nil
	}
	addrs := make([]netip.Addr, count)
	for i := range addrs {
		if is4 {
			addrs[i] = netip.AddrFrom4([4]byte(data[4*i:]))
		} else {
			addrs[i] = netip.AddrFrom16([16]byte(data[16*i:]))
		}
	}
	return addrs
}
