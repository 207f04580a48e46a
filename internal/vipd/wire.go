package vipd

import (
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/internal/vrrpnet"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// reopenAfter is how long an instance waits before it tries again to open its
// sockets.
const reopenAfter = time.Second

// wire is the raw socket of an instance. It belongs to the goroutine of the
// instance, which the kernel wakes when a packet waits.
type wire struct {
	conn    *vrrpnet.Conn
	buf     []vrrpnet.Packet
	drained time.Duration // when the queue was read last
}

// openWire opens the sockets of an instance, unless they are open.
func (in *instance) openWire() error {
	if in.wire != nil {
		return nil
	}
	p, source := in.plan, in.facts.source(in.plan)
	cfg := vrrpnet.Config{
		Interface: p.Interface, VRID: p.VRID, Source: source, IPv6: p.IPv6,
		Unicast: p.Unicast, Group: p.McastGroup, TTL: p.UnicastTTL, Buffer: p.KernelRxBuf,
		Polled: true,
	}
	if !p.Unicast {
		cfg.TTL = 255
	}
	if p.CheckUnicastSrc && p.Unicast {
		for _, peer := range p.Peers {
			cfg.Peers = append(cfg.Peers, peer.Addr)
		}
		cfg.Strangers = strangers
	}
	conn, err := vrrpnet.Open(cfg)
	if err != nil {
		in.retryAt = bootNow() + reopenAfter
		return err
	}
	in.wire = &wire{conn: conn, drained: bootNow()}
	in.host.hear(in, source)
	return nil
}

// strangers: of the adverts of nodes that are not among the peers one in so
// many is looked at, so that a person is told without our time being theirs.
const strangers = 8

// drain returns the packets that wait.
func (w *wire) drain() []vrrpnet.Packet {
	w.buf = w.conn.Drain(w.buf[:0])
	return w.buf
}

// closeWire closes the sockets.
func (in *instance) closeWire() {
	if in.wire == nil {
		return
	}
	in.host.hear(in, netip.Addr{})
	in.wire.conn.Close()
	in.wire = nil
}

// reopen tries again to open sockets that could not be opened.
func (in *instance) reopen() {
	if in.wire != nil || !in.facts.up || bootNow() < in.retryAt {
		return
	}
	in.applyLink()
}

// group returns where messages to all go.
func (p *plan) group() netip.Addr {
	switch {
	case p.McastGroup.IsValid():
		return p.McastGroup
	case p.IPv6:
		return vrrp.GroupV6
	}
	return vrrp.GroupV4
}
