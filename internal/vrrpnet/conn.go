package vrrpnet

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// Config says what a [Conn] speaks and hears.
type Config struct {
	// Interface that packets leave and come by. It may be "" with Unicast: the
	// routing table then says which.
	Interface string
	VRID      uint8 // advertisements of others do not wake us
	// Source of what is sent; its family is that of the socket. If it is not
	// valid, IPv6 says which family, and the source is the interface's first
	// address (over IPv6 its link-local one): see [Conn.Source].
	Source netip.Addr
	IPv6   bool
	// Unicast speaks to single peers; else the group is joined on Interface.
	Unicast bool
	Group   netip.Addr // not valid: 224.0.0.18 or ff02::12
	TTL     uint8      // TTL or hop limit sent; 0: 255

	// Peers and Strangers spare us, with Unicast, adverts of our virtual router
	// that come from nodes not among Peers: one in Strangers of them, at
	// random, is let through, so that a person can be told. 0 and 1: all are.
	Peers     []netip.Addr
	Strangers uint8

	Buffer int // bytes of the receive queue; 0: the system's default

	// Polled says that the caller polls [Socket.Descriptor] itself, and calls
	// neither Wait nor Read. Go's own poller then does not hear of the socket;
	// else each packet, sent or received, wakes a second thread for nothing.
	Polled bool
}

// Conn is the raw socket of one instance. One goroutine may send while another
// reads or waits.
type Conn struct {
	Socket
	cfg Config

	// IPv4 identification, as keepalived has it: a count of advertisements,
	// where the copies to several peers have the same. Used by SendAdvert only.
	id   uint16
	sent []netip.Addr // destinations that the current id went to
	out  []byte
}

// Open returns the socket of an instance, with the group joined.
func Open(cfg Config) (*Conn, error) {
	c := &Conn{cfg: cfg}
	c.ifname, c.open = cfg.Interface, func() (*descriptor, error) { return openRaw(&c.cfg) }
	if err := c.Reopen(); err != nil {
		return nil, err
	}
	return c, nil
}

// SendAdvert sends one advertisement, as [vrrp.AppendAdvert] made it. It never
// waits.
func (c *Conn) SendAdvert(b []byte, to netip.Addr) error {
	d, err := c.current()
	if err != nil {
		return err
	}
	var control []byte
	if d.is6 { // a multicast socket is not bound to its source
		control = pktinfo6(d.source, d.index)
	} else {
		b = c.withHeader(b, d.source, to)
	}
	return c.result("send to "+to.String(), d.send(b, control, sockaddr(to, 0, d.index)))
}

// withHeader puts an IPv4 header in front. The kernel fills in length and
// checksum; an identification of 0 it would replace by its own.
//
//	| 0x45 | TOS | length 2 | identification 2 | flags and offset 2 |
//	| TTL | protocol | checksum 2 | source 4 | destination 4 |
func (c *Conn) withHeader(b []byte, from, to netip.Addr) []byte {
	if c.id == 0 || slices.Contains(c.sent, to) {
		c.id = max(c.id+1, 1)
		c.sent = c.sent[:0]
	}
	c.sent = append(c.sent, to)
	ttl := c.cfg.TTL
	if ttl == 0 {
		ttl = 255
	}
	c.out = append(c.out[:0], 0x45, class, 0, 0, byte(c.id>>8), byte(c.id), 0, 0, ttl, vrrp.Protocol, 0, 0)
	c.out = append(c.out, from.AsSlice()...)
	c.out = append(c.out, to.AsSlice()...)
	c.out = append(c.out, b...)
	return c.out
}
