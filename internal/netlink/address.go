package netlink

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"golang.org/x/sys/unix"
)

// ifaProto is IFA_PROTO of linux/if_addr.h.
const ifaProto = 0xb

// Address is an address that an interface has.
type Address struct {
	Index     int // of the interface
	Prefix    netip.Prefix
	Peer      netip.Prefix // invalid: none
	Label     string
	Scope     uint8
	Flags     uint32 // IFA_F_…
	Proto     uint8  // IFA_PROTO
	Valid     uint32 // seconds; Forever
	Preferred uint32 // seconds; Forever
}

// Permanent reports whether the address has no end.
func (a Address) Permanent() bool { return a.Valid == Forever }

// Tagged reports whether vipd added the address.
func (a Address) Tagged() bool { return a.Proto == AddrProto }

// Leftover reports whether the address, where it is one that an instance is
// configured to hold, was left behind by a vipd that is gone: it has our mark
// or an end. Of other addresses it says nothing: DHCP's have an end too.
func (a Address) Leftover() bool { return a.Tagged() || !a.Permanent() }

// DADFailed reports whether another node was found to have the address.
func (a Address) DADFailed() bool { return a.Flags&unix.IFA_F_DADFAILED != 0 }

// Addresses returns every address of every interface.
func (c *Conn) Addresses() ([]Address, error) {
	var out []Address
	err := c.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, make(body, unix.SizeofIfAddrmsg), func() { out = out[:0] }, func(answer []byte) {
		if a, ok := parseAddress(answer); ok {
			out = append(out, a)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return out, nil
}

// RemoveAddress takes an address away, whoever added it. A [Holder] removes
// its own; this is for what an earlier process left behind. That the address
// is gone already is no error.
func (c *Conn) RemoveAddress(a Address) error {
	c.out.reset()
	fixed := ifaddrmsg(a.Prefix, a.Peer, 0, a.Index)
	c.out.begin(unix.RTM_DELADDR, 0, fixed[:]...)
	c.out.addrs(a.Prefix, a.Peer)
	c.out.end()
	answers, err := c.send(nil)
	if err != nil {
		return err
	}
	if ans := answers[0]; ans.err != nil && !gone(ans.err) {
		return &OpError{Op: "remove", What: fmt.Sprintf("%v on interface %d", a.Prefix, a.Index), Err: ans.err, Said: ans.said}
	}
	return nil
}

// gone reports whether an error says that what was to be removed is not there.
func gone(err error) bool {
	return err == unix.EADDRNOTAVAIL || err == unix.ENODEV || err == unix.ENXIO || err == unix.ESRCH || err == unix.ENOENT
}

// ifaddrmsg is the fixed part: family, prefix length, flags (in an attribute
// instead, where 32 bits fit), scope, index.
func ifaddrmsg(p, peer netip.Prefix, scope uint8, index int) [unix.SizeofIfAddrmsg]byte {
	bits := p.Bits()
	if peer.IsValid() {
		bits = peer.Bits()
	}
	b := [unix.SizeofIfAddrmsg]byte{family(p.Addr()), uint8(bits), 0, scope}
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	return b
}

// addrs appends the local address and the one at the other end, which without
// a peer is the same.
func (m *batch) addrs(p, peer netip.Prefix) {
	m.attrAddr(unix.IFA_LOCAL, p.Addr())
	if peer.IsValid() {
		m.attrAddr(unix.IFA_ADDRESS, peer.Addr())
		return
	}
	m.attrAddr(unix.IFA_ADDRESS, p.Addr())
}

// newAddress appends a message that adds or renews an address; lifetime 0 is
// for ever.
func (m *batch) newAddress(flags uint16, a *keepalived.Address, index int, lifetime time.Duration) {
	fixed := ifaddrmsg(a.Prefix, a.Peer, a.Scope, index)
	m.begin(unix.RTM_NEWADDR, flags, fixed[:]...)
	m.addrs(a.Prefix, a.Peer)
	if brd := broadcast(a); brd.IsValid() {
		m.attrAddr(unix.IFA_BROADCAST, brd)
	}
	if a.Label != "" && a.Addr().Is4() {
		m.attrText(unix.IFA_LABEL, a.Label)
	}
	m.attr32(unix.IFA_FLAGS, addressFlags(a))
	m.attr8(ifaProto, AddrProto)
	valid := uint32(Forever)
	if lifetime > 0 {
		valid = uint32(max(lifetime/time.Second, 1))
	}
	// struct ifa_cacheinfo: preferred, valid, and two times that are only read.
	info := binary.NativeEndian.AppendUint32(make([]byte, 0, 16), min(a.PreferredLft, valid))
	info = binary.NativeEndian.AppendUint32(info, valid)
	m.attr(unix.IFA_CACHEINFO, info[:16])
	m.end()
}

func (m *batch) delAddress(a *keepalived.Address, index int) {
	fixed := ifaddrmsg(a.Prefix, a.Peer, a.Scope, index)
	m.begin(unix.RTM_DELADDR, 0, fixed[:]...)
	m.addrs(a.Prefix, a.Peer)
	m.end()
}

func addressFlags(a *keepalived.Address) uint32 {
	var flags uint32
	for _, f := range []struct {
		on  bool
		bit uint32
	}{
		{!a.DAD && a.Addr().Is6(), unix.IFA_F_NODAD},
		{a.Home, unix.IFA_F_HOMEADDRESS},
		{a.MngTmpAddr, unix.IFA_F_MANAGETEMPADDR},
		{a.NoPrefixRoute, unix.IFA_F_NOPREFIXROUTE},
		{a.AutoJoin, unix.IFA_F_MCAUTOJOIN},
	} {
		if f.on {
			flags |= f.bit
		}
	}
	return flags
}

// broadcast returns what brd asks for: an address, or all host bits set ('+')
// or clear ('-').
func broadcast(a *keepalived.Address) netip.Addr {
	if a.Broadcast.Auto == 0 || !a.Addr().Is4() {
		return a.Broadcast.Addr
	}
	raw := a.Prefix.Masked().Addr().As4()
	if a.Broadcast.Auto == '+' {
		host := uint32(1)<<(32-a.Prefix.Bits()) - 1
		binary.BigEndian.PutUint32(raw[:], binary.BigEndian.Uint32(raw[:])|host)
	}
	return netip.AddrFrom4(raw)
}

// parseAddress reads an RTM_NEWADDR or RTM_DELADDR.
func parseAddress(b []byte) (Address, bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return Address{}, false
	}
	a := Address{Scope: b[3], Flags: uint32(b[2]), Index: int(binary.NativeEndian.Uint32(b[4:])), Valid: Forever, Preferred: Forever}
	bits := int(b[1])
	var local, other netip.Addr
	for typ, v := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch typ {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case unix.IFA_ADDRESS:
			other, _ = netip.AddrFromSlice(v)
		case unix.IFA_LABEL:
			a.Label = unix.ByteSliceToString(v)
		case unix.IFA_FLAGS:
			a.Flags = uint32At(v, 0)
		case ifaProto:
			if len(v) == 1 {
				a.Proto = v[0]
			}
		case unix.IFA_CACHEINFO:
			a.Preferred, a.Valid = uint32At(v, 0), uint32At(v, 4)
		}
	}
	switch {
	case !local.IsValid(): // IPv6 without a peer
		a.Prefix = netip.PrefixFrom(other, bits)
	case !other.IsValid() || other == local:
		a.Prefix = netip.PrefixFrom(local, bits)
	default:
		a.Prefix = netip.PrefixFrom(local, local.BitLen())
		a.Peer = netip.PrefixFrom(other, bits)
	}
	return a, a.Prefix.IsValid()
}
