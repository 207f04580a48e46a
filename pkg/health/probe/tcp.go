package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// TCPConfig says how to probe over TCP.
type TCPConfig struct {
	Port   uint16
	Send   string     // octets sent once connected; "": none
	Expect string     // octets that must come, anywhere in the first 64 KiB; "": not waited for
	TLS    *TLSConfig // nil: no TLS
	Via    Via
}

// TCP is a [Prober] that passes when a connection is accepted and, if asked
// for, TLS agreed and the expected octets come. It closes in the ordinary way:
// a reset would spare this machine a socket in TIME-WAIT, but many servers log
// it as an error.
type TCP struct {
	c   TCPConfig
	tls *tls.Config
}

// NewTCP returns a prober for one port.
func NewTCP(c TCPConfig) *TCP {
	p := &TCP{c: c}
	if c.TLS != nil {
		p.tls = c.TLS.client("")
	}
	return p
}

// Probe connects to addr.
func (p *TCP) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, p.c.Via)
	defer cancel()
	return a.end(p.attempt(a))
}

func (p *TCP) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	tcp, err := a.dial(p.c.Port)
	if err != nil {
		return err
	}
	c := &conn{Conn: tcp, tcp: tcp}
	defer c.abort() // after Close it does nothing
	if p.tls != nil {
		if err := a.secure(c, namedFor(p.tls, a.addr)); err != nil {
			return err
		}
		if err := a.checkExpiry(c.expires, *p.c.TLS); err != nil {
			return err
		}
	}
	if err := p.talk(a, c); err != nil {
		return err
	}
	c.Close() // the verdict stands whatever Close says
	return nil
}

// namedFor returns config with the address as the name, if it has none.
func namedFor(config *tls.Config, addr netip.Addr) *tls.Config {
	if config.ServerName != "" {
		return config
	}
	config = config.Clone()
	config.ServerName = addr.WithZone("").String()
	return config
}

const (
	sending   stage = "sending"
	expecting stage = "waiting for the expected text"
)

// talk sends and waits for what is expected.
func (p *TCP) talk(a *attempt, c *conn) error {
	if p.c.Send == "" && p.c.Expect == "" {
		return nil
	}
	release := c.guard(a.ctx)
	defer release()
	a.stage = sending
	if p.c.Send != "" {
		if _, err := io.WriteString(c.Conn, p.c.Send); err != nil {
			return err
		}
	}
	if p.c.Expect == "" {
		return nil
	}
	a.stage = expecting
	return awaitText(c.Conn, []byte(p.c.Expect))
}

// awaitText reads until want has come, and no more than [MaxBody].
func awaitText(r io.Reader, want []byte) error {
	var got []byte
	for {
		room := min(4<<10, MaxBody-len(got))
		if room == 0 {
			return fmt.Errorf("the answer lacks %q in its first 64 KiB", short(want))
		}
		got = append(got, make([]byte, room)...)
		n, err := r.Read(got[len(got)-room:])
		searched := max(0, len(got)-room-len(want)+1)
		got = got[:len(got)-room+n]
		if bytes.Contains(got[searched:], want) {
			return nil
		}
		if errors.Is(err, io.EOF) && len(got) > 0 {
			return fmt.Errorf("the answer %q lacks %q", short(got), short(want))
		}
		if err != nil {
			return err
		}
	}
}

// short returns the beginning of a text for a message.
func short(b []byte) []byte {
	const most = 60
	if len(b) > most {
		return b[:most]
	}
	return b
}
