package vrrpnet

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
	"golang.org/x/sys/unix"
)

const (
	class    = 0xc0 // TOS and traffic class: internetwork control
	priority = 7    // TC_PRIO_CONTROL: before other packets in our own queues

	// packetMax is more than the longest advertisement (IPv6, 255 addresses:
	// 4088 bytes) with an IPv4 header: what is cut is too long to be one.
	packetMax = 4400
)

// openRaw opens, binds and filters the socket of an instance.
func openRaw(cfg *Config) (*descriptor, error) {
	d, err := locate(cfg.Interface, cfg.Source, cfg.IPv6)
	if err != nil {
		return nil, err
	}
	d.raw, d.polled = true, cfg.Polled
	return d, d.start(unix.SOCK_RAW, vrrp.Protocol, func(fd int) error { return d.setUpRaw(fd, cfg) })
}

// locate finds interface and source.
func locate(ifname string, source netip.Addr, is6 bool) (*descriptor, error) {
	d := &descriptor{source: source, is6: is6}
	if source.IsValid() {
		d.is6 = source.Is6()
	}
	if ifname != "" {
		ifc, err := net.InterfaceByName(ifname)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", unix.ENODEV, err)
		}
		d.index = ifc.Index
		if !source.IsValid() {
			if d.source, err = firstAddr(ifc, d.is6); err != nil {
				return nil, err
			}
		}
	}
	if !d.source.IsValid() {
		return nil, unix.EADDRNOTAVAIL
	}
	return d, nil
}

// start opens a socket and makes it ready by setUp.
func (d *descriptor) start(typ, proto int, setUp func(fd int) error) error {
	domain := unix.AF_INET
	if d.is6 {
		domain = unix.AF_INET6
	}
	flags := unix.SOCK_CLOEXEC
	if !d.polled { // which is how package os tells what its poller may take
		flags |= unix.SOCK_NONBLOCK
	}
	fd, err := unix.Socket(domain, typ|flags, proto)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := setUp(fd); err != nil {
		unix.Close(fd)
		return err
	}
	d.file, d.fd = os.NewFile(uintptr(fd), "socket"), fd
	return nil
}

// firstAddr returns the address that a packet from an interface has where none
// is configured: its first, over IPv6 its link-local one.
func firstAddr(ifc *net.Interface, is6 bool) (netip.Addr, error) {
	addrs, err := ifc.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is6() == is6 && (!is6 || p.Addr().IsLinkLocalUnicast()) {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, unix.EADDRNOTAVAIL
}

// setUpRaw makes the socket ready. The filter comes first: the kernel queues
// packets of every interface from the moment that the socket exists.
func (d *descriptor) setUpRaw(fd int, cfg *Config) error {
	if err := attach(fd, advertFilter(cfg, d.source)); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	o := options{fd: fd}
	o.set("SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	o.set("SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priority)
	if cfg.Buffer > 0 {
		o.set("SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, cfg.Buffer)
	}
	if cfg.Interface != "" { // for unicast too, as keepalived does
		o.add("bind to "+cfg.Interface, unix.BindToDevice(fd, cfg.Interface))
	}
	ttl := int(cfg.TTL)
	if ttl == 0 {
		ttl = 255
	}
	o.family(d.is6, ttl, d.index)
	if !d.is6 {
		o.set("IP_HDRINCL", unix.IPPROTO_IP, unix.IP_HDRINCL, 1)
	}
	if cfg.Unicast {
		o.add("bind", unix.Bind(fd, sockaddr(d.source, 0, d.index)))
	} else {
		g := cfg.Group
		if !g.IsValid() {
			g = group(d.source)
		}
		o.join(g, d.index)
	}
	return o.err
}

// options sets options of a socket up to the first that fails.
type options struct {
	fd  int
	err error
}

func (o *options) add(what string, err error) {
	if o.err == nil && err != nil {
		o.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (o *options) set(what string, level, opt, value int) {
	if o.err == nil {
		o.add(what, unix.SetsockoptInt(o.fd, level, opt, value))
	}
}

// family sets what IPv4 and IPv6 call differently: TTL, class, no copies of
// our own multicast, none of groups that others joined, and to be told of
// interface, destination and TTL of what is received.
func (o *options) family(is6 bool, ttl, index int) {
	if is6 {
		const l = unix.IPPROTO_IPV6
		o.set("IPV6_UNICAST_HOPS", l, unix.IPV6_UNICAST_HOPS, ttl)
		o.set("IPV6_MULTICAST_HOPS", l, unix.IPV6_MULTICAST_HOPS, ttl)
		o.set("IPV6_TCLASS", l, unix.IPV6_TCLASS, class)
		o.set("IPV6_MULTICAST_LOOP", l, unix.IPV6_MULTICAST_LOOP, 0)
		o.set("IPV6_MULTICAST_ALL", l, unix.IPV6_MULTICAST_ALL, 0)
		o.set("IPV6_RECVHOPLIMIT", l, unix.IPV6_RECVHOPLIMIT, 1)
		o.set("IPV6_RECVPKTINFO", l, unix.IPV6_RECVPKTINFO, 1)
		if index != 0 {
			o.set("IPV6_MULTICAST_IF", l, unix.IPV6_MULTICAST_IF, index)
		}
		return
	}
	const l = unix.IPPROTO_IP
	o.set("IP_TTL", l, unix.IP_TTL, ttl)
	o.set("IP_MULTICAST_TTL", l, unix.IP_MULTICAST_TTL, ttl)
	o.set("IP_TOS", l, unix.IP_TOS, class)
	o.set("IP_MULTICAST_LOOP", l, unix.IP_MULTICAST_LOOP, 0)
	o.set("IP_MULTICAST_ALL", l, unix.IP_MULTICAST_ALL, 0)
	o.set("IP_RECVTTL", l, unix.IP_RECVTTL, 1)
	o.set("IP_PKTINFO", l, unix.IP_PKTINFO, 1)
	if index != 0 && o.err == nil {
		o.add("IP_MULTICAST_IF", unix.SetsockoptIPMreqn(o.fd, l, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)}))
	}
}

func (o *options) join(g netip.Addr, index int) {
	switch {
	case o.err != nil:
	case g.Is4():
		o.add("join "+g.String(), unix.SetsockoptIPMreqn(o.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: g.As4(), Ifindex: int32(index)}))
	default:
		o.add("join "+g.String(), unix.SetsockoptIPv6Mreq(o.fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: g.As16(), Interface: uint32(index)}))
	}
}

// sockaddr returns a in the kernel's form. The scope matters for link-local
// addresses only.
func sockaddr(a netip.Addr, port, index int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	sa := &unix.SockaddrInet6{Addr: a.As16(), Port: port}
	if a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() {
		sa.ZoneId = uint32(index)
	}
	return sa
}
