package vrrpnet

import (
	"fmt"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
	"golang.org/x/sys/unix"
)

// MessageConfig says what a [Messages] speaks and hears.
type MessageConfig struct {
	// Interface, Source, IPv6, Unicast and Group as in [Config].
	Interface string
	Source    netip.Addr
	IPv6      bool
	Unicast   bool
	Group     netip.Addr
	Port      uint16 // 0: 3112
	// MinTTL drops in the kernel what comes from farther away; 255 is right
	// where all peers are on the link.
	MinTTL uint8
}

// Messages is the UDP socket for messages between vipd nodes, shared by all
// instances with the same interface and source: their reader looks at
// [MessageVRID]. Several goroutines may send.
type Messages struct {
	Socket
	cfg  MessageConfig
	port int
}

// OpenMessages returns the socket, with the group joined unless it is unicast.
func OpenMessages(cfg MessageConfig) (*Messages, error) {
	m := &Messages{cfg: cfg, port: int(cfg.Port)}
	if m.port == 0 {
		m.port = vrrp.MessagePort
	}
	m.ifname, m.open = cfg.Interface, m.openUDP
	if err := m.Reopen(); err != nil {
		return nil, err
	}
	return m, nil
}

// MessageVRID returns the virtual router of a message; ok is false if it is
// too short to say.
func MessageVRID(data []byte) (vrid uint8, ok bool) {
	const at = 6 // see vrrp.Message
	if len(data) <= at {
		return 0, false
	}
	return data[at], true
}

func (m *Messages) openUDP() (*descriptor, error) {
	d, err := locate(m.cfg.Interface, m.cfg.Source, m.cfg.IPv6)
	if err != nil {
		return nil, err
	}
	return d, d.start(unix.SOCK_DGRAM, 0, func(fd int) error { return m.setUp(fd, d) })
}

func (m *Messages) setUp(fd int, d *descriptor) error {
	if err := attach(fd, messageFilter(d.source, m.cfg.MinTTL)); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	o := options{fd: fd}
	o.set("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	o.set("SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	o.set("SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priority)
	if m.cfg.Interface != "" {
		o.add("bind to "+m.cfg.Interface, unix.BindToDevice(fd, m.cfg.Interface))
	}
	o.family(d.is6, 255, d.index)
	at := d.source
	if !m.cfg.Unicast { // the group and our own address, so no single one
		at = netip.IPv4Unspecified()
		if d.is6 {
			at = netip.IPv6Unspecified()
			o.set("IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		}
		o.join(m.group(d.source), d.index)
	}
	if o.err == nil {
		o.add(fmt.Sprintf("bind to port %d", m.port), unix.Bind(fd, sockaddr(at, m.port, d.index)))
	}
	return o.err
}

func (m *Messages) group(source netip.Addr) netip.Addr {
	if m.cfg.Group.IsValid() {
		return m.cfg.Group
	}
	return group(source)
}

// Send sends a message, as [vrrp.AppendMessage] made it, to one node, or to
// the group where to is not valid. It never waits.
func (m *Messages) Send(b []byte, to netip.Addr) error {
	d, err := m.current()
	if err != nil {
		return err
	}
	if !to.IsValid() {
		to = m.group(d.source)
	}
	control := pktinfo4
	if d.is6 {
		control = pktinfo6
	}
	return m.result("send to "+to.String(), d.send(b, control(d.source, d.index), sockaddr(to, m.port, d.index)))
}
