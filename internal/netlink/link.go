package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Positions of the values in IFLA_INET_CONF (counted from 1 in linux/ip.h) and
// IFLA_INET6_CONF (from 0 in linux/ipv6.h).
const (
	devconfPromoteSecondaries = 20
	devconf6Forwarding        = 0
)

// extSkipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h.
const extSkipStats = 1 << 3

// Link is a network interface.
type Link struct {
	Index   int
	Name    string
	Flags   uint32 // IFF_…
	Type    uint16 // ARPHRD_…; 1 is Ethernet
	MTU     int
	MAC     net.HardwareAddr
	Kind    string // "veth", "macvlan", …; "" for a device
	Master  int    // index of the bridge, bond or VRF that it is in; 0: none
	Carrier bool   // IFF_LOWER_UP: something is at the other end

	// PromoteSecondaries keeps the other addresses of a subnet when the first
	// goes. "all" may say so for every interface: see [Conn.PromoteSecondaries].
	PromoteSecondaries bool
	// Forwarding6: the node is an IPv6 router on this interface, which its
	// neighbour advertisements must say.
	Forwarding6 bool
}

// Up reports whether an administrator has set the interface up.
func (l Link) Up() bool { return l.Flags&unix.IFF_UP != 0 }

// Running reports whether the interface can be used: it is up, has carrier,
// and is not dormant (IFF_RUNNING).
func (l Link) Running() bool {
	return l.Up() && l.Flags&unix.IFF_RUNNING != 0 && l.Carrier
}

// Loopback reports whether it is the loopback.
func (l Link) Loopback() bool { return l.Flags&unix.IFF_LOOPBACK != 0 }

// Links returns every interface.
func (c *Conn) Links() ([]Link, error) {
	var m batch // one attribute behind the fixed part: no statistics, please
	m.b = make([]byte, unix.SizeofIfInfomsg)
	m.attr32(unix.IFLA_EXT_MASK, extSkipStats)
	var out []Link
	err := c.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, m.b, func() { out = out[:0] }, func(answer []byte) {
		if l, ok := parseLink(answer); ok {
			out = append(out, l)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return out, nil
}

// Link returns the interface of that name, or [ErrNoInterface].
func (c *Conn) Link(name string) (Link, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return Link{}, &OpError{Op: "look up", What: name, Err: ErrNoInterface}
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	req.Sockets = c.h
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if errors.Is(err, unix.ENODEV) {
		err = ErrNoInterface
	}
	if err != nil {
		return Link{}, &OpError{Op: "look up", What: name, Err: err}
	}
	for _, b := range answers {
		if l, ok := parseLink(b); ok {
			return l, nil
		}
	}
	return Link{}, &OpError{Op: "look up", What: name, Err: ErrNoInterface}
}

// Index returns the index of the interface of that name, or [ErrNoInterface].
func (c *Conn) Index(name string) (int, error) {
	l, err := c.Link(name)
	return l.Index, err
}

// Interfaces returns what [keepalived.CheckMachine] wants to know: every
// interface with its addresses, and which of these carry vipd's mark. A finite
// lifetime alone says nothing here: DHCP gives one too.
func (c *Conn) Interfaces() ([]keepalived.Interface, error) {
	links, err := c.Links()
	if err != nil {
		return nil, err
	}
	addrs, err := c.Addresses()
	if err != nil {
		return nil, err
	}
	out := make([]keepalived.Interface, len(links))
	for i, l := range links {
		out[i] = keepalived.Interface{Name: l.Name, Up: l.Up(), Loopback: l.Loopback()}
		for _, a := range addrs {
			if a.Index == l.Index {
				out[i].Addrs = append(out[i].Addrs, keepalived.InterfaceAddr{Prefix: a.Prefix, Ours: a.Tagged()})
			}
		}
	}
	return out, nil
}

// PromoteSecondaries reports whether the interface of that name keeps the
// other addresses of a subnet when the first of them goes. The setting for all
// interfaces (net.ipv4.conf.all) is not looked at.
func (c *Conn) PromoteSecondaries(name string) (bool, error) {
	l, err := c.Link(name)
	return l.PromoteSecondaries, err
}

// SetPromoteSecondaries makes the interface of that name keep the other
// addresses of a subnet when the first of them goes, or not. It is
// net.ipv4.conf.NAME.promote_secondaries, set by netlink: that works where
// /proc/sys is read-only, and in the namespace of the socket.
func (c *Conn) SetPromoteSecondaries(name string, on bool) error {
	index, err := c.Index(name)
	if err != nil {
		return err
	}
	var value uint32
	if on {
		value = 1
	}
	m := &c.out
	m.reset()
	m.begin(unix.RTM_SETLINK, 0, ifinfomsg(index)...)
	spec := m.nest(unix.IFLA_AF_SPEC)
	inet := m.nest(unix.AF_INET)
	conf := m.nest(unix.IFLA_INET_CONF)
	m.attr32(devconfPromoteSecondaries, value)
	m.unnest(conf)
	m.unnest(inet)
	m.unnest(spec)
	m.end()
	answers, err := c.send(nil)
	if err != nil {
		return err
	}
	if ans := answers[0]; ans.err != nil {
		return &OpError{Op: "set promote_secondaries of", What: name, Err: ans.err, Said: ans.said}
	}
	return nil
}

// ifinfomsg is the fixed part of a message about an interface: family,
// padding, type, index, flags, mask of flags.
func ifinfomsg(index int) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	return b
}

// parseLink reads an RTM_NEWLINK or RTM_DELLINK.
func parseLink(b []byte) (Link, bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, false
	}
	l := Link{
		Type:  binary.NativeEndian.Uint16(b[2:]),
		Index: int(binary.NativeEndian.Uint32(b[4:])),
		Flags: binary.NativeEndian.Uint32(b[8:]),
	}
	l.Carrier = l.Flags&unix.IFF_LOWER_UP != 0
	for typ, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch typ {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(v)
		case unix.IFLA_ADDRESS:
			l.MAC = append(net.HardwareAddr(nil), v...)
		case unix.IFLA_MTU:
			l.MTU = int(uint32At(v, 0))
		case unix.IFLA_MASTER:
			l.Master = int(uint32At(v, 0))
		case unix.IFLA_LINKINFO:
			l.Kind = unix.ByteSliceToString(nested(v, unix.IFLA_INFO_KIND))
		case unix.IFLA_AF_SPEC:
			conf := nested(nested(v, unix.AF_INET), unix.IFLA_INET_CONF)
			l.PromoteSecondaries = uint32At(conf, 4*(devconfPromoteSecondaries-1)) != 0
			conf = nested(nested(v, unix.AF_INET6), unix.IFLA_INET6_CONF)
			l.Forwarding6 = uint32At(conf, 4*devconf6Forwarding) != 0
		}
	}
	return l, l.Name != ""
}
