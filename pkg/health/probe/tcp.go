package probe

import (
	"context"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// TCPConfig says how to probe over TCP.
type TCPConfig struct {
	Port uint16
}

// TCP is a [Prober] that passes when a connection is accepted. It sends
// nothing and closes at once, in the ordinary way: a reset would spare this
// machine a socket in TIME-WAIT, but many servers log it as an error.
type TCP struct {
	port uint16
}

// NewTCP returns a prober for one port.
func NewTCP(c TCPConfig) *TCP { return &TCP{port: c.Port} }

// Probe connects to addr.
func (p *TCP) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr)
	defer cancel()
	return a.end(p.attempt(a))
}

func (p *TCP) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	c, err := a.dial(p.port)
	if err != nil {
		return err
	}
	c.Close() // the verdict stands whatever Close says
	return nil
}
